"""Rectangles: what of a frame is computed anew."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
"""One flag for each cell of a grid, shape (rows, columns)."""
_Length = NDArray[np.int64] | int


class Rect(msgspec.Struct, frozen=True):
    """A part of a frame or of a grid; ``bottom`` and ``right`` lie outside it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def rows(self) -> slice:
        """Its rows, to index an array."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """Its columns, to index an array."""
        return slice(self.left, self.right)

    def grown(self, by: int, height: int, width: int) -> Rect:
        """Return it with ``by`` more on each side, within a frame of ``height`` x ``width``."""
        return Rect(
            max(0, self.top - by),
            max(0, self.left - by),
            min(height, self.bottom + by),
            min(width, self.right + by),
        )

    def shrunk(self, by: int, height: int, width: int) -> Rect:
        """Return it with ``by`` less on each side that is no edge of the frame; maybe empty."""
        return Rect(
            self.top + by if self.top > 0 else 0,
            self.left + by if self.left > 0 else 0,
            max(0, self.bottom - by) if self.bottom < height else height,
            max(0, self.right - by) if self.right < width else width,
        )

    def times(self, factor: int) -> Rect:
        """Return the same part of a frame that is ``factor`` times as large."""
        return Rect(*(factor * edge for edge in msgspec.structs.astuple(self)))

    def moved(self, rows: int, columns: int) -> Rect:
        """Return it ``rows`` further down and ``columns`` further right."""
        return Rect(self.top + rows, self.left + columns, self.bottom + rows, self.right + columns)


class Costs(msgspec.Struct, frozen=True):
    """What it costs to compute a rectangle: its area with a border around it, and a constant."""

    border: float
    """In cells, on each side."""
    each: float
    """Cost of a rectangle beside its area, in cells."""

    def of(self, height: _Length, width: _Length) -> NDArray[np.float64]:
        """Return the cost of rectangles of these sizes, in cells; nothing costs nothing."""
        area = (height + 2 * self.border) * (width + 2 * self.border)
        return np.where(np.minimum(height, width) > 0, area + self.each, 0.0)


def cover(mask: Mask, costs: Costs) -> list[Rect]:
    """Return rectangles that do not overlap and hold every set cell, at little cost.

    The rectangle around all set cells is cut in two straight through, at the best place; as long as
    both parts, each shrunk to its set cells, cost less than the whole, they are cut further. So are
    the parts of what is set like a picture frame.
    """
    return list(_cut(mask, 0, 0, costs))


def _cut(mask: Mask, top: int, left: int, costs: Costs) -> Iterator[Rect]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left = top + int(rows[0]), left + int(columns[0])
    height, width = mask.shape
    at_row, by_rows = _best(mask, costs)
    at_column, by_columns = _best(mask.T, costs)
    whole = costs.of(height, width)
    if min(by_rows, by_columns) >= whole:
        framed = list(_within_frame(mask, top, left, costs))
        if framed and sum(costs.of(part.height, part.width) for part in framed) < whole:
            yield from framed
        else:
            yield Rect(top, left, top + height, left + width)
    elif by_rows <= by_columns:
        yield from _cut(mask[:at_row], top, left, costs)
        yield from _cut(mask[at_row:], top + at_row, left, costs)
    else:
        yield from _cut(mask[:, :at_column], top, left, costs)
        yield from _cut(mask[:, at_column:], top, left + at_column, costs)


def _within_frame(mask: Mask, top: int, left: int, costs: Costs) -> Iterator[Rect]:
    """Cut off the rows at the top and at the bottom that are set all through.

    Of a picture frame, as a pan leaves one, a single cut brings nothing.
    """
    full: Mask = mask.all(axis=1)  # type: ignore[assignment]
    first, last = int(full.argmin()), int(full[::-1].argmin())
    if not first or not last:
        return
    stop = len(mask) - last
    for begin, end in ((0, first), (first, stop), (stop, len(mask))):
        yield from _cut(mask[begin:end], top + begin, left, costs)


def _best(mask: Mask, costs: Costs) -> tuple[int, float]:
    """Return before which row to cut, and what the two parts cost; inf where there is one row."""
    if len(mask) < 2:
        return 0, np.inf
    above = _around_first(mask, costs)[:-1]
    below = _around_first(mask[::-1], costs)[::-1][1:]
    both = above + below
    at = int(both.argmin())
    return at + 1, float(both[at])


def _around_first(mask: Mask, costs: Costs) -> NDArray[np.float64]:
    """Return what the set cells among the first 1, 2, … rows cost in one rectangle."""
    count, width = mask.shape
    full = mask.any(axis=1)
    first = np.where(full, mask.argmax(axis=1), width)
    last = np.where(full, width - mask[:, ::-1].argmax(axis=1), 0)
    left, right = np.minimum.accumulate(first), np.maximum.accumulate(last)
    numbers = np.arange(count)
    # The first set row is the same for all that have one; the last one moves down.
    top = int(full.argmax())
    bottom = np.maximum.accumulate(np.where(full, numbers + 1, 0))
    return costs.of(np.maximum(bottom - top, 0), np.maximum(right - left, 0))
