"""How far the whole picture has moved, by whole pixels: pans over drawn pictures, scrolling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tsuzuki.frame import Rgb

FURTHEST = 64
"""Pixels that a picture may move from one frame to the next along each axis, at most."""
SHARE = 4
"""Part of the frame's side that it may move, at most: more than most of it has to be left."""
EVIDENCE = 2
"""How many times as well a motion has to fit as none, so that it is worth a closer look."""

_Plane = NDArray[np.unsignedinteger]


class Motion(NamedTuple):
    """Pixels that all moves: down, and to the right."""

    rows: int
    columns: int

    def of(self, before: Rgb) -> Rgb:
        """Return a frame after the motion; where nothing has come from, it is as before."""
        out = before.copy()
        if self == STILL:
            return out
        _, height, width = before.shape
        (to_rows, rows), (to_columns, columns) = (
            _ends(self.rows, height),
            _ends(self.columns, width),
        )
        out[:, to_rows, to_columns] = before[:, rows, columns]
        return out

    def times(self, height: int, width: int, out_height: int, out_width: int) -> Motion:
        """Return the motion in a frame of another size."""
        return Motion(self.rows * out_height // height, self.columns * out_width // width)


STILL = Motion(0, 0)


def motion_between(before: Rgb, after: Rgb) -> Motion:
    """Return the motion that makes ``after`` of ``before``, as far as their profiles tell.

    A profile holds the sums across an axis. Whole numbers alone are compared, so the answer is the
    same on every machine.
    """
    old, new = before[1], after[1]  # green is most of what is seen
    columns = _along(old.T, new.T, 0)
    rows = _along(old, new, columns)
    return Motion(rows, _along(old.T, new.T, rows) if rows else columns)


def _along(old: _Plane, new: _Plane, across: int) -> int:
    """Return the motion along the first axis, where there is so much of it along the second one."""
    to, come = _ends(across, old.shape[1])
    before, after = _profile(old[:, come]), _profile(new[:, to])
    most = min(FURTHEST, len(before) // SHARE)
    windows = sliding_window_view(before, len(before) - 2 * most)
    costs = np.abs(windows - after[most : len(after) - most]).sum(axis=1)
    by = np.arange(most, -most - 1, -1)
    best = int(np.lexsort((np.abs(by), costs))[0])  # the least one of those that are as good
    return int(by[best]) if EVIDENCE * costs[best] < costs[most] else 0


def _profile(plane: _Plane) -> NDArray[np.int64]:
    """Return how the sums of rows change from row to row, which light that fades hardly does."""
    sums: NDArray[np.int64] = plane.sum(axis=1, dtype=np.int64)
    return np.diff(sums)


def _ends(by: int, length: int) -> tuple[slice, slice]:
    """Return where to and where from an axis moves."""
    return slice(max(0, by), length + min(0, by)), slice(max(0, -by), length - max(0, by))
