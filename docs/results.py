"""The page of what became of every test clip: ``python -m docs.results``.

Takes many minutes, and needs the test media; without these the page stays as it is.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from tests.media.comparing import (
    ASPECTS,
    CELL_TOLERANCE,
    COLOUR_TOLERANCE,
    EXPLAINED,
    Finding,
    Pair,
)
from tests.media_folder import MEDIA

from tsuzuki import pipeline
from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline import events
from tsuzuki.video.index import build_index
from tsuzuki.video.probe import probe

PAGE = Path(__file__).with_name("results.md")
SEGMENTS = (12, None)
"""Lengths of segments that every clip is upscaled with; None is the default."""
_MANY_PIXELS = 150_000_000
"""Pixels of a whole output of twice the size beyond which a clip keeps its size."""
_LONG = 3000
"""Frames beyond which only the beginning is upscaled."""
_BEGINNING = 20
"""Seconds of such a beginning."""

HEAD = f"""# What becomes of every test clip

Written by `python -m docs.results`; do not edit. Each clip of the test media went through `upscale`
with the engine `nearest` (every pixel repeated) and the preset `ultrafast`, not deinterlaced (which
makes other pictures), once with segments of 12 frames and once with the default ones; small clips
to twice their size, larger ones to their own. Then the output was held against the source by a
program that shares no code with Tsuzuki ([film.py](../tests/media/film.py),
[comparing.py](../tests/media/comparing.py)): both are decoded, and

- **frames**: as many as in the source, all decodable, and the damaged ones are those told;
- **times**: each frame's time and the end of the last, in MP4 exact and in Matroska and WebM within
  1 ms, twice that for the end; one constant shift of everything is allowed, and shown;
- **picture**: size, pixel shape, rotation, bits, subsampling, colour tags, HDR metadata, and the
  mean of each plane of each frame, which may miss by {COLOUR_TOLERANCE} of 255 (worst shown), as
  may that of each cell of a grid of 8x8 over it by {CELL_TOLERANCE};
- **sound**, **subtitles**: every packet's bytes and times, codec headers; converted text by what it
  says;
- **chapters**, **attachments** (cover art too), **metadata** (of the file; language, title and
  disposition of each stream).

The same is a test: `python -m pytest -m "" tests/media` runs every clip whole, the ordinary run
parts of the larger ones. Elsewhere than beside the project the media are found by `TSUZUKI_MEDIA`.

What is **otherwise** than in the source, and passes:

{"".join(f"- {name}: {why}{chr(10)}" for name, why in EXPLAINED.items())}
| clip | output | {" | ".join(ASPECTS)} | otherwise | notes |
|{"---|" * (len(ASPECTS) + 4)}
"""


class Row(NamedTuple):
    """What became of one clip."""

    name: str
    output: str
    cells: Sequence[str]
    otherwise: Sequence[str]
    """Names of `EXPLAINED`."""
    notes: str
    ok: bool

    def __str__(self) -> str:
        cells = (self.name, self.output, *self.cells, ", ".join(self.otherwise), self.notes)
        return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def main() -> None:
    """Write the page, unless the media are absent."""
    if not MEDIA.is_dir():
        sys.stderr.write(f"The test media are not at {MEDIA}; {PAGE.name} stays as it is.\n")
        return
    rows = list(_rows())
    differing = [row.name for row in rows if not row.ok]
    summary = f"{len(rows)} clips; {f'differing: {differing}' if differing else 'no difference'}."
    PAGE.write_text(f"{HEAD}{''.join(map(str, rows))}\n{summary}\n", encoding="utf-8", newline="\n")


def written() -> Iterator[Row]:
    """Yield the rows of the page."""
    for line in PAGE.read_text(encoding="utf-8").partition("---|\n")[2].splitlines():
        if line.startswith("| "):
            cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
            name, output, *cells, otherwise, notes = cells
            names = otherwise.split(", ") if otherwise else []
            ok = not any(cell.startswith("**") for cell in cells)
            yield Row(name, output, cells, names, notes, ok)


def _rows() -> Iterator[Row]:
    clips = [clip for clip in sorted(MEDIA.iterdir()) if clip.suffix != ".md"]
    with ProcessPoolExecutor() as pool:
        for row in pool.map(_row, clips):
            sys.stderr.write(str(row))
            yield row


def _row(clip: Path) -> Row:
    try:
        plan = _plan(clip)
        tried = [_upscale(clip, {**plan, "segment_frames": length}) for length in SEGMENTS]
    except TsuzukiError as error:
        reason = error.message.replace(str(clip), clip.name).split(";")[0]
        return Row(clip.name, f"refused ({error.code})", [""] * len(ASPECTS), [], reason, ok=True)
    cells = [_cell([findings[name] for findings, *_ in tried]) for name in ASPECTS]
    ok = all(finding.ok for findings, *_ in tried for finding in findings.values())
    _, output, notes, otherwise = tried[0]
    part = f"The first {_BEGINNING} s." if "range_end" in plan else ""
    return Row(clip.name, output, cells, otherwise, " ".join([part, *notes]).strip(), ok)


def _plan(clip: Path) -> dict[str, Any]:
    """Return the settings that a clip is upscaled with: smaller work for the larger clips."""
    facts = probe(clip)
    frames = len(build_index(facts))  # what is there, not what the file claims
    pixels = 4 * facts.width * facts.height * frames
    plan: dict[str, Any] = {"engine": "nearest", "preset": "ultrafast", "deinterlace": "off"}
    plan["scale_factor"] = 1 if pixels > _MANY_PIXELS else 2
    if frames > _LONG:
        plan |= {"range_start": "0", "range_end": str(_BEGINNING)}
    return plan


def _upscale(
    clip: Path, settings: dict[str, Any]
) -> tuple[dict[str, Finding], str, list[str], list[str]]:
    """Return the findings, what the output is, what was warned of, and what is otherwise."""
    told: list[events.Event] = []
    span = (Fraction(0), Fraction(_BEGINNING)) if "range_end" in settings else None
    with tempfile.TemporaryDirectory() as folder:
        result = pipeline.upscale(
            clip,
            settings,
            output=folder,
            sessions_dir=Path(folder, "sessions"),
            on_event=told.append,
        )
        pair = Pair(
            clip,
            result.output,
            scale=settings["scale_factor"],
            span=span,
            failed=result.failed_frames,
        )
        findings = pair.findings()
        otherwise = [name for name in EXPLAINED if name in pair.otherwise()]
    output = f"{result.output.suffix[1:]}, {settings['scale_factor']}x"
    if pair.shift and span is None:
        output += f", {float(pair.shift):+.3f} s"
    notes = [t.message.replace(str(clip), clip.name) for t in told if isinstance(t, events.Warned)]
    return findings, output, notes, otherwise


def _cell(findings: Sequence[Finding]) -> str:
    """Return the worse of two findings, or the first of two good ones."""
    wrong = [finding.text for finding in findings if not finding.ok]
    return f"**{wrong[0]}**" if wrong else findings[0].text


if __name__ == "__main__":
    main()
