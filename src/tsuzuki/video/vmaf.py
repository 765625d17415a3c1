"""How good a video looks beside another, as Netflix's VMAF judges it: FFmpeg's filter ``libvmaf``.

Not every build of FFmpeg has the filter: the wheels of PyAV have it from version 19 on.
"""

from __future__ import annotations

import gc
import os
from typing import Any, Self

import av
import msgspec

from tsuzuki.durable import ScratchFolder
from tsuzuki.errors import EngineError
from tsuzuki.frame import Rgb
from tsuzuki.video.colour import format_depth, from_rgb
from tsuzuki.video.facts import Colour
from tsuzuki.video.likeness import TIME_BASE, PairFilter

NAME = "libvmaf"
LEAST_SIDE = 32
"""Pixels; the filter crashes on pictures of less than 17 or so, where there is little to judge."""
_BT709 = 1


def has_vmaf() -> bool:
    """Tell whether this build of FFmpeg can measure it."""
    return NAME in av.filter.filters_available


def can_judge(width: int, height: int) -> bool:
    """Tell whether it can be measured for frames of this size."""
    return has_vmaf() and min(width, height) >= LEAST_SIDE


class Vmaf:
    """Judges pairs of frames of one size, in the order in which they are shown; a context manager.

    VMAF looks at how light pixels are, and at how that changes from frame to frame.
    """

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        """Take how the samples of both are to be read."""
        self._colour = colour
        deep = format_depth(colour.rgb_format) > 8
        self._format = "yuv444p10le" if deep else "yuv444p"
        self._matrix = colour.matrix or _BT709  # the own one: that gives back what was decoded
        self._folder = ScratchFolder("vmaf")
        self._log = self._folder.path / "vmaf.json"
        options = {"log_path": str(self._log), "log_fmt": "json", "n_threads": str(os.cpu_count())}
        self._filter: PairFilter | None = PairFilter(NAME, width, height, self._format, options)
        self._number = 0

    def add(self, reference: Rgb, other: Rgb) -> None:
        """Take the next pair."""
        assert self._filter is not None
        self._filter.compare(self._frame(other), self._frame(reference))
        self._number += 1

    def finish(self) -> list[float]:
        """Return the score of every frame, 0 to 100; nothing can be added after that."""
        self._filter = None
        gc.collect()  # the filter writes its log when nothing refers to it any more
        scores = [_score(frame) for frame in self._read()]
        if len(scores) != self._number:
            raise EngineError(f"{NAME} judged {len(scores)} of {self._number} frames. Report this.")
        return scores

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._filter = None
        self._folder.close()

    def _read(self) -> list[dict[str, Any]]:
        try:
            log: dict[str, Any] = msgspec.json.decode(self._log.read_bytes())
        except (OSError, msgspec.DecodeError):
            return []
        frames: list[dict[str, Any]] = log.get("frames", [])
        return frames

    def _frame(self, rgb: Rgb) -> av.VideoFrame:
        frame = from_rgb(rgb, self._colour, self._format, self._matrix, False, 0)
        frame.pts, frame.time_base = self._number, TIME_BASE
        return frame


def _score(frame: dict[str, Any]) -> float:
    return float(frame["metrics"]["vmaf"])
