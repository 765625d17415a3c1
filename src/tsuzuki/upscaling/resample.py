"""Change the size of frames with the same bits on every processor.

Only single additions and multiplications of 32-bit floats are used, in a fixed order, because their
results are defined to the last bit; matrix products are not.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tsuzuki.upscaling.engine import Planes

SUPPORT = 2
"""Reach of the cubic kernel in samples."""

_Frame = TypeVar("_Frame", bound=NDArray[Any])


def bicubic(planes: Planes, width: int, height: int) -> Planes:
    """Return ``planes`` at another size.

    Catmull-Rom's cubic, stretched when reducing so that nothing aliases; beyond the edges the last
    pixel counts on.
    """
    if planes.shape[1] != height:
        planes = _rows(planes, height)
    if planes.shape[2] != width:
        turned = np.ascontiguousarray(planes.transpose(0, 2, 1))
        planes = np.ascontiguousarray(_rows(turned, width).transpose(0, 2, 1))
    return planes


def nearest(frame: _Frame, width: int, height: int) -> _Frame:
    """Return a frame of another size whose pixels are the nearest ones of ``frame``."""
    _, old_height, old_width = frame.shape
    rows = (np.arange(height) * 2 + 1) * old_height // (2 * height)
    columns = (np.arange(width) * 2 + 1) * old_width // (2 * width)
    return cast(_Frame, np.ascontiguousarray(frame.take(rows, axis=1).take(columns, axis=2)))


def _rows(planes: Planes, height: int) -> Planes:
    channels, old, width = planes.shape
    out = np.empty((channels, height, width), dtype=np.float32)
    term = np.empty((channels, width), dtype=np.float32)
    for y, (indices, weights) in enumerate(_taps(old, height)):
        row = out[:, y]
        np.multiply(planes[:, indices[0]], weights[0], out=row)
        for index, weight in zip(indices[1:], weights[1:], strict=True):
            np.multiply(planes[:, index], weight, out=term)
            np.add(row, term, out=row)
    return out


@cache
def _taps(old: int, new: int) -> tuple[tuple[list[int], list[np.float32]], ...]:
    """Return, for each new row, the old rows that it is made of and their weights."""
    stretch = max(1.0, old / new)
    taps: list[tuple[list[int], list[np.float32]]] = []
    for y in range(new):
        centre = (y + 0.5) * old / new
        first = math.floor(centre - SUPPORT * stretch)
        last = math.ceil(centre + SUPPORT * stretch)
        weights: dict[int, float] = {}
        for position in range(first, last):
            weight = _cubic((position + 0.5 - centre) / stretch)
            if weight:
                inside = min(max(position, 0), old - 1)
                weights[inside] = weights.get(inside, 0.0) + weight
        total = sum(weights.values())
        taps.append((list(weights), [np.float32(w / total) for w in weights.values()]))
    return tuple(taps)


def _cubic(x: float) -> float:
    """Return the weight at distance ``x``: Keys' cubic with a = -1/2."""
    x = abs(x)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    if x < SUPPORT:
        return ((-0.5 * x + 2.5) * x - 4) * x + 2
    return 0.0
