"""The highest use of disk, sampled while the real pipeline works: on large frames, and for long.

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
LARGE, SECONDS = "bbb_720p_5s.mp4", 4
LONG, MINUTES, RATE = "bbb_180p_20s.mp4", 6, 24


class Case(NamedTuple):
    """A run, and whether its use of disk is judged."""

    name: str
    clip: str
    minutes: int | None
    """So long the clip is repeated; None takes it as it is."""
    settings: dict[str, Any]
    judged: bool = True


_SHORT = {"segment_frames": 24, "range_end": SECONDS, "preset": "veryfast"}
CASES = (
    Case("every frame spooled", LARGE, None, {**_SHORT, "loss_budget": 0.0}),
    Case("spooled late, for memory", LARGE, None, {**_SHORT, "loss_budget": 3600.0}),
    Case(
        "lossless (FFV1)",
        LARGE,
        None,
        {"segment_frames": 24, "range_end": SECONDS, "loss_budget": 0.0, "encoder": "ffv1"},
        judged=False,
    ),
    Case(f"{MINUTES} minutes", LONG, MINUTES, {"preset": "veryfast", "loss_budget": 0.0}),
)


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


def measure(case: Case) -> tuple[Use, Use, int, int]:
    """Return the fullest moment, that of most rest, the output's size and the most beside it."""
    with tempfile.TemporaryDirectory() as folder:
        clip = tools.media(case.clip)
        if case.minutes is not None:
            clip = tools.loop_clip(clip, Path(folder, "long.mp4"), case.minutes * 60 * RATE)
        outputs = Path(folder, "outputs")
        outputs.mkdir()
        watch = Watch(outputs)
        result = upscale(
            clip,
            {"engine": "nearest", **case.settings},
            output=outputs / "out.mkv",
            sessions_dir=Path(folder, "sessions"),
            on_event=watch.listen,
        )
    fullest = max(watch.upscaling, key=lambda use: use.total)
    return fullest, max(watch.upscaling, key=lambda u: u.rest), result.size, max(watch.combining)


def main() -> bool:
    rows, rests, over = [], [0.0], [0.0]
    for case in CASES:
        fullest, most_rest, size, beside = measure(case)
        figures = [*fullest, fullest.total, most_rest.rest, size, beside]
        megabytes = [figure / 1e6 for figure in figures]
        rows.append((case.name, case.clip, *(f"{figure:.1f}" for figure in megabytes)))
        if case.judged:
            rests.append(megabytes[4])
            over.append(megabytes[6] - megabytes[5])
    columns = ("sealed", "spooled", "rest", "fullest", "most rest", "output", "combining")
    tools.table("disk: MB, to twice the size", ("run", "clip", *columns), rows)
    kept = tools.verdict("rest while upscaling", max(rests), REST_MB, "MB")
    return kept & tools.verdict("beside one output while combining", max(over), REST_MB, "MB")


if __name__ == "__main__":
    main()
