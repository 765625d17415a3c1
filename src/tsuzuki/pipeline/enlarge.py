"""Enlarge the frames of a segment in their order, taking over what has not changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tsuzuki.frame import Rgb
from tsuzuki.upscaling import AIProcessor, Changes, Rect


def reused_share(parts: Sequence[Rect] | None, rgb: Rgb) -> float:
    """Return the share of a frame, 0 to 1, that is taken over; ``parts`` are computed, None all."""
    if parts is None:
        return 0.0
    _, height, width = rgb.shape
    return 1.0 - sum(part.height * part.width for part in parts) / float(height * width)


class Once:
    """What a function returns, which is called when it is needed, and once only."""

    def __init__(self, make: Callable[[], Rgb]) -> None:
        self._make: Callable[[], Rgb] | None = make
        self._made: Rgb

    def __call__(self) -> Rgb:
        """Return it."""
        if self._make is not None:
            self._made = self._make()
            self._make = None  # and with it the frame before, which it needed
        return self._made


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

    def start(self, number: int) -> Callable[[], Rgb]:
        """Begin to enlarge the frame; return what waits for it and returns it.

        Frames are to be waited for in their order, and not to be written to. ``number`` is for
        messages.
        """
        started = self._processor.start(self._source, self._white, self._parts, number)
        before = None if self._parts is None else self._before
        self._before = Once(lambda: started.finish(before))
        return self._before

    def skip(self, read: Callable[[], Rgb]) -> None:
        """Have the frame as it is; ``read`` is called where the next one needs it."""
        self._before = read

    def close(self) -> None:
        """Release the device."""
        self._processor.close()
