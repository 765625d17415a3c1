"""Which parts of a frame have to be computed anew, because their input has changed.

Drawn animation, screen recordings and fixed cameras repeat themselves. For each block of a frame
the input is kept that its present output was computed from. A block of a new frame has changed
where it differs from that, so errors cannot pile up from frame to frame. What has to be computed
are the changed blocks and all that lies within the network's reach of them.

A camera that pans over a drawing moves the whole picture by whole pixels: where the frame has
changed, it is looked at as a moved one, too, and what was kept, and its output, move along.

The output is at every frame what the network gives for the frame of the kept blocks: a function of
the frames since the last one that was computed as a whole, and of nothing else.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsuzuki.frame import Rgb
from tsuzuki.upscaling.cover import Costs, Mask, Rect, cover
from tsuzuki.upscaling.motion import STILL, Motion, motion_between
from tsuzuki.upscaling.plan import ReusePlan

MUCH = 0.5
"""Share of a frame's cost from which motion is looked for."""

WORTH = 0.5
"""Share of a still frame's cost below which motion is followed: faint, still parts come along."""


class _Found(NamedTuple):
    """What has changed against what was kept, once that has moved."""

    kept: Rgb
    motion: Motion
    changed: Mask
    parts: list[Rect] | None
    """What is to be computed, in blocks; None for the whole frame."""
    cost: float
    """Of that, of the whole frame's."""


class Changes:
    """Finds what has changed, frame by frame, in the order of the frames."""

    def __init__(self, plan: ReusePlan, white: int) -> None:
        self._plan = plan
        limits = plan.tolerance, plan.mean_tolerance, plan.colour_tolerance
        self._limits = tuple(limit * white / 255 for limit in limits)
        self._kept: Rgb | None = None
        self.motion = STILL
        """How what was computed before has moved in the frame looked at last, in input pixels."""

    @property
    def kept(self) -> Rgb:
        """The frame that the present output is computed from; it is never written to again."""
        if self._kept is None:
            raise ValueError("no frame has been looked at")
        return self._kept

    def look(self, rgb: Rgb) -> list[Rect] | None:
        """Return the parts to compute anew, in input pixels; None for the whole frame.

        They are to be computed from `kept`, which is another one now, and set into the output
        before, once that has moved by `motion`. ``rgb`` must not be written to any more.
        """
        if self._kept is None:
            self._kept = rgb
            return None
        found = self._against(rgb, self._kept, STILL)
        if found.cost > MUCH and self._plan.step:
            motion = self._motion(self._kept, rgb)
            if motion != STILL:
                moved = self._against(rgb, motion.of(self._kept), motion)
                if moved.cost < WORTH * found.cost:
                    found = moved
        self.motion = found.motion
        if found.parts is None:
            self._kept = rgb
            return None
        if found.parts:
            self._kept = self._with(rgb, found)
        _, height, width = rgb.shape
        return [part.times(self._plan.block).grown(0, height, width) for part in found.parts]

    def _motion(self, before: Rgb, after: Rgb) -> Motion:
        """Return the motion between two frames, as far as the output can follow it."""
        motion = motion_between(before, after)
        return STILL if any(by % self._plan.step for by in motion) else motion

    def _against(self, rgb: Rgb, kept: Rgb, motion: Motion) -> _Found:
        changed = self._changed(rgb, kept)
        _, height, width = rgb.shape
        for blocks, by, length in (
            (changed, motion.rows, height),
            (changed.T, motion.columns, width),
        ):
            if by > 0:
                self._mark_ends(blocks, by)
            elif by < 0:  # the last block may be smaller
                self._mark_ends(blocks[::-1], -by + -length % self._plan.block)
        return _Found(kept, motion, changed, *self._parts(changed))

    def _mark_ends(self, blocks: Mask, by: int) -> None:
        """Count as changed what has come into the frame along the first axis, at its beginning.

        And what is so near to either end that the network tells it from the middle.
        """
        block = self._plan.block
        near = max(0, math.ceil(self._plan.ends / block) - self._growth)
        blocks[: math.ceil(by / block) + near] = True
        blocks[-1 - near :] = True

    def _changed(self, rgb: Rgb, kept: Rgb) -> Mask:
        """Return which blocks have changed."""
        block = self._plan.block
        _, height, width = rgb.shape
        rows, columns = -(-height // block), -(-width // block)
        difference = np.zeros((3, rows * block, columns * block), dtype=rgb.dtype)
        inside = difference[:, :height, :width]
        np.subtract(np.maximum(rgb, kept), np.minimum(rgb, kept), out=inside)
        lines = difference.reshape(3, rows, block, columns * block)
        most, most_mean, most_colour = self._limits
        greatest = lines.max(axis=(0, 2)).reshape(rows, columns, block).max(axis=2)
        if most_mean >= most:
            return np.asarray(greatest > most)
        sums = lines.sum(axis=2, dtype=np.uint32).reshape(3, rows, columns, block).sum(axis=3)
        areas = _areas(height, width, block)
        mean = sums.sum(axis=0) > 3 * most_mean * areas
        return np.asarray((greatest > most) | mean | (sums.max(axis=0) > most_colour * areas))

    def _parts(self, changed: Mask) -> tuple[list[Rect] | None, float]:
        """Return rectangles of blocks, or None for the whole frame, and their share of its cost."""
        plan = self._plan
        if not changed.any():
            return [], 0.0
        if plan.reach is None:
            return None, 1.0
        costs = Costs(border=plan.border / plan.block, each=plan.each / plan.block**2)
        parts = cover(_grown(changed, self._growth), costs)
        share = sum(float(costs.of(p.height, p.width)) for p in parts) / costs.of(*changed.shape)
        return (parts, float(share)) if share < 1 else (None, 1.0)

    def _with(self, rgb: Rgb, found: _Found) -> Rgb:
        """Return what is kept with the changed blocks, and those whose whole effect is seen."""
        mask = found.changed.copy()
        for part in found.parts or ():
            inner = part.shrunk(self._growth, *mask.shape)
            mask[inner.rows, inner.columns] = True
        block = self._plan.block
        _, height, width = rgb.shape
        pixels = mask.repeat(block, axis=0).repeat(block, axis=1)[:height, :width]
        return np.where(pixels, rgb, found.kept)

    @property
    def _growth(self) -> int:
        """Blocks around a block whose output it decides."""
        return math.ceil((self._plan.reach or 0) / self._plan.block)


def _areas(height: int, width: int, block: int) -> NDArray[np.int64]:
    """Return the number of pixels in each block; those at the far edges may be smaller."""
    rows = np.minimum(block, height - np.arange(0, height, block))
    columns = np.minimum(block, width - np.arange(0, width, block))
    return np.asarray(rows[:, None] * columns)


def _grown(mask: Mask, by: int) -> Mask:
    """Return the mask with all cells set that lie within ``by`` of a set one."""
    for _ in range(by):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        mask = grown.copy()
        mask[:, 1:] |= grown[:, :-1]
        mask[:, :-1] |= grown[:, 1:]
    return mask
