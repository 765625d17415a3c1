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

from tsuzuki.upscaling.cover import Rect
from tsuzuki.upscaling.engine import Planes

SUPPORT = 2
"""Reach of the cubic kernel in samples."""

Sizes = tuple[int, int, int, int]
"""Width and height of a frame, then of what becomes of it."""
_Frame = TypeVar("_Frame", bound=NDArray[Any])


def bicubic(planes: Planes, width: int, height: int) -> Planes:
    """Return ``planes`` at another size.

    Catmull-Rom's cubic, stretched when reducing so that nothing aliases; beyond the edges the last
    pixel counts on.
    """
    _, old_height, old_width = planes.shape
    if (old_width, old_height) == (width, height):
        return planes
    sizes = (old_width, old_height, width, height)
    return bicubic_part(planes, Rect(0, 0, old_height, old_width), Rect(0, 0, height, width), sizes)


def bicubic_part(planes: Planes, at: Rect, wanted: Rect, sizes: Sizes) -> Planes:
    """Return the part ``wanted`` of what `bicubic` gives, to the same bits.

    ``planes`` are the part ``at`` of the frame, which holds at least what `bicubic_needs` tells.
    """
    old_width, old_height, width, height = sizes
    planes = _rows(planes, at.top, wanted.top, wanted.bottom, old_height, height)
    if old_width == width:
        return planes[:, :, wanted.left - at.left : wanted.right - at.left]
    turned = np.ascontiguousarray(planes.transpose(0, 2, 1))
    turned = _rows(turned, at.left, wanted.left, wanted.right, old_width, width)
    return np.ascontiguousarray(turned.transpose(0, 2, 1))


def bicubic_needs(wanted: Rect, sizes: Sizes) -> Rect:
    """Return the part of a frame that decides the part ``wanted`` of what `bicubic` gives."""
    old_width, old_height, width, height = sizes
    top, bottom = _needed(wanted.top, wanted.bottom, old_height, height)
    left, right = _needed(wanted.left, wanted.right, old_width, width)
    return Rect(top, left, bottom, right)


def reach_of_bicubic(old: int, new: int) -> float:
    """Return how far from a pixel its value has an effect, in old pixels."""
    return 0.0 if old == new else SUPPORT * max(1.0, old / new) + 0.5


def nearest(frame: _Frame, width: int, height: int) -> _Frame:
    """Return a frame of another size whose pixels are the nearest ones of ``frame``."""
    _, old_height, old_width = frame.shape
    rows = (np.arange(height) * 2 + 1) * old_height // (2 * height)
    columns = (np.arange(width) * 2 + 1) * old_width // (2 * width)
    return cast(_Frame, np.ascontiguousarray(frame.take(rows, axis=1).take(columns, axis=2)))


def _needed(start: int, stop: int, old: int, new: int) -> tuple[int, int]:
    if old == new:
        return start, stop
    indices = [index for taps, _ in _taps(old, new)[start:stop] for index in taps]
    return min(indices), max(indices) + 1


def _rows(planes: Planes, first: int, start: int, stop: int, old: int, new: int) -> Planes:
    """Return rows ``start`` to ``stop`` of ``new`` ones; ``planes`` begins at row ``first``."""
    if old == new:
        return planes[:, start - first : stop - first]
    channels, _, width = planes.shape
    out = np.empty((channels, stop - start, width), dtype=np.float32)
    term = np.empty((channels, width), dtype=np.float32)
    for y, (indices, weights) in enumerate(_taps(old, new)[start:stop]):
        row = out[:, y]
        np.multiply(planes[:, indices[0] - first], weights[0], out=row)
        for index, weight in zip(indices[1:], weights[1:], strict=True):
            np.multiply(planes[:, index - first], weight, out=term)
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
