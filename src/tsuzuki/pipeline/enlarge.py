"""Enlarge the frames of a segment in their order, taking over what has not changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tsuzuki.frame import Rgb
from tsuzuki.upscaling import STILL, AIProcessor, Changes, Motion, Rect, Started


def reused_share(parts: Sequence[Rect] | None, rgb: Rgb) -> float:
    """Return the share of a frame, 0 to 1, that is taken over; ``parts`` are computed, None all."""
    if parts is None:
        return 0.0
    _, height, width = rgb.shape
    return 1.0 - sum(part.height * part.width for part in parts) / float(height * width)


class Enlarged:
    """A frame on its way, which is put together when it is asked for, and once only."""

    def __init__(self, started: Started, before: Callable[[], Rgb] | None, motion: Motion) -> None:
        self._started = started
        self._before = before
        self._motion = motion
        self._rgb: Rgb | None = None

    def __call__(self) -> Rgb:
        """Wait for the frame and return it."""
        if self._rgb is None:
            self._rgb = self._started.finish(self._before, self._motion)
            self._before = None
        return self._rgb

    @property
    def ended(self) -> float:
        """When the network was done with it (`time.perf_counter`); 0 where it had nothing to do."""
        return self._started.ended


class Enlarger:
    """Takes the frames of one segment after the other: `look` at each, then `start` or `skip` it.

    What comes out is a function of the segment's frames up to this one, whichever of them lie
    finished on disk.
    """

    def __init__(self, processor: AIProcessor, white: int) -> None:
        self._processor = processor
        self._white = white
        self._changes: Changes | None = None
        self._source: Rgb
        self._parts: list[Rect] | None = None
        self._before: Callable[[], Rgb]

    def begin(self) -> None:
        """Begin a segment: nothing of what was before counts."""
        plan = self._processor.plan.reuse
        self._changes = Changes(plan, self._white) if plan else None

    def look(self, rgb: Rgb) -> float:
        """Take the next frame; return the share of it that is taken over, 0 to 1.

        It must not be written to any more.
        """
        self._source, self._parts = rgb, None
        if self._changes is None:
            return 0.0
        self._parts = self._changes.look(rgb)
        self._source = self._changes.kept
        return reused_share(self._parts, rgb)

    def start(self, number: int) -> Enlarged:
        """Begin to enlarge the frame.

        Frames are to be waited for in their order, and not to be written to. ``number`` is for
        messages.
        """
        started = self._processor.start(self._source, self._white, self._parts, number)
        before = None if self._parts is None else self._before
        self._before = enlarged = Enlarged(started, before, self._motion())
        return enlarged

    def _motion(self) -> Motion:
        """Return how the frame before has moved, in output pixels."""
        if self._changes is None:
            return STILL
        plan = self._processor.plan
        size = plan.height, plan.width, plan.out_height, plan.out_width
        return self._changes.motion.times(*size)

    def skip(self, read: Callable[[], Rgb]) -> None:
        """Have the frame as it is; ``read`` is called where the next one needs it."""
        self._before = read

    def close(self) -> None:
        """Release the device."""
        self._processor.close()
