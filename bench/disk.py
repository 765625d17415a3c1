"""The highest use of disk, sampled while the real pipeline works.

While upscaling: sealed segments, frames spooled for open segments, and ``rest``, which may be
32 MB: state, log, the open segment's file, and spooled frames of a segment just sealed.
While combining: one output more.
"""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

from bench import tools
from tsuzuki.pipeline import events, upscale
from tsuzuki.sessions.layout import number_of_segment, number_of_upscaled

REST_MB = 32
CLIP, SECONDS = "bbb_720p_5s.mp4", 4
CASES: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("every frame spooled", {"loss_budget": 0.0, "preset": "veryfast"}, True),
    ("spooled late, for memory", {"loss_budget": 3600.0, "preset": "veryfast"}, True),
    ("lossless (FFV1)", {"loss_budget": 0.0, "encoder": "ffv1"}, False),
)
"""Name, settings, and whether the limit is judged."""


class Use(NamedTuple):
    """Bytes on disk at one moment."""

    sealed: int
    spooled: int
    rest: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


def look(folder: Path, open_from: int) -> Use:
    """Add up a session's files; frames before ``open_from`` (from 1) are sealed."""
    sealed = spooled = rest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size = os.stat(os.path.join(parent, name)).st_size  # noqa: PTH116, PTH118
            except FileNotFoundError:
                continue
            frame = number_of_upscaled(name)
            if number_of_segment(name) is not None:
                sealed += size
            elif frame is not None and frame >= open_from:
                spooled += size
            else:
                rest += size
    return Use(sealed, spooled, rest)


class Watch:
    """Samples the session's folder and the output's in a thread."""

    def __init__(self, outputs: Path) -> None:
        self.upscaling = [Use(0, 0, 0)]
        self.combining = [0]
        self._outputs = outputs
        self._folder = outputs
        self._step, self._open_from = "", 1
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def listen(self, event: events.Event) -> None:
        """Follow what the run does."""
        if isinstance(event, events.SessionOpened):
            self._folder = Path(event.folder)
            self._thread.start()
        elif isinstance(event, events.StepStarted):
            self._step = event.step
        elif isinstance(event, events.SegmentSealed):
            self._open_from = event.last + 1
        elif isinstance(event, events.Finished):
            self._ended.set()
            self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(0.01):
            if self._step == "upscale":
                self.upscaling.append(look(self._folder, self._open_from))
            elif self._step == "combine":
                self.combining.append(look(self._outputs, 1).total)


def measure(settings: dict[str, Any]) -> tuple[Use, Use, int, int]:
    """Return the fullest moment, that of most rest, the output's size and the most beside it."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder, "outputs")
        outputs.mkdir()
        watch = Watch(outputs)
        chosen = {"engine": "nearest", "segment_frames": 24, "range_end": SECONDS, **settings}
        result = upscale(
            tools.media(CLIP),
            chosen,
            output=outputs / "out.mkv",
            sessions_dir=Path(folder, "sessions"),
            on_event=watch.listen,
        )
    fullest = max(watch.upscaling, key=lambda use: use.total)
    return fullest, max(watch.upscaling, key=lambda u: u.rest), result.size, max(watch.combining)


def main() -> bool:
    rows, rests, over = [], [0.0], [0.0]
    for name, settings, judged in CASES:
        fullest, most_rest, size, beside = measure(settings)
        figures = [*fullest, fullest.total, most_rest.rest, size, beside]
        megabytes = [figure / 1e6 for figure in figures]
        rows.append((name, *(f"{figure:.1f}" for figure in megabytes)))
        if judged:
            rests.append(megabytes[4])
            over.append(megabytes[6] - megabytes[5])
    tools.table(
        f"disk: MB, {CLIP} to 2560x1440, segments of 24 frames",
        ("run", "sealed", "spooled", "rest", "fullest", "most rest", "output", "combining"),
        rows,
    )
    kept = tools.verdict("rest while upscaling", max(rests), REST_MB, "MB")
    return kept & tools.verdict("beside one output while combining", max(over), REST_MB, "MB")


if __name__ == "__main__":
    main()
