"""Enlarge the frames of a segment in their order, taking over what has not changed."""

from __future__ import annotations

from collections.abc import Callable

from tsuzuki.frame import Rgb
from tsuzuki.upscaling import AIProcessor, Changes, Rect


class Enlarger:
    """Takes the frames of one segment after the other: `look` at each, then `enlarge` or `skip` it.

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
        """Take the next frame; return the share of it that is taken over, 0 to 1."""
        self._source, self._parts = rgb, None
        if self._changes is None:
            return 0.0
        self._parts = self._changes.look(rgb)
        self._source = self._changes.kept
        if self._parts is None:
            return 0.0
        computed = sum(part.height * part.width for part in self._parts)
        _, height, width = rgb.shape
        return 1.0 - computed / float(height * width)

    def enlarge(self, number: int) -> Rgb:
        """Return the frame enlarged; it is not to be written to. ``number`` is for messages."""
        if self._parts is None:
            rgb = self._processor.process_frame(self._source, self._white, number)
        else:
            rgb = self._before()
            if self._parts:
                args = self._parts, rgb, number
                rgb = self._processor.process_parts(self._source, self._white, *args)
        self._before = lambda: rgb
        return rgb

    def skip(self, read: Callable[[], Rgb]) -> None:
        """Have the frame as it is; ``read`` is called where the next one needs it."""
        self._before = read

    def close(self) -> None:
        """Release the device."""
        self._processor.close()
