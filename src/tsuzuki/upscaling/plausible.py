"""Whether what came out of a network can be the enlargement of what went in.

Drivers and hardware that fail seldom say so: they give black, grey or shuffled frames. A network
sharpens and cleans, but hardly changes the mean of a larger area, so means over a coarse grid tell.
Over all bundled networks and the test videos no mean of a cell changed by more than 0.15, and the
mean of all cells by no more than 0.02; only frames of pure noise, which have deviation to match,
change more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsuzuki.frame import Rgb

COLUMNS, ROWS = 32, 18
"""Cells of the grid; smaller frames have as many as pixels."""
LINES = 8
"""Lines of pixels looked at in each row of cells."""
FAR = 0.12
"""Mean difference of the cells, of full white, that counts as far."""
FAR_IN_ONE = 0.4
"""The same for any single cell."""
PER_DEVIATION = 1.5
"""What is added to both for each unit of the mean standard deviation within the source's cells."""
CONTRAST = 0.02
"""Standard deviation of the cells from which a frame has contrast that must not get lost."""
LEFT = 0.25
"""Share of that contrast which has to be left."""

_Cells = NDArray[np.float64]


def implausible(source: Rgb, result: Rgb, white: int) -> str | None:
    """Return what is wrong with ``result`` as an enlargement of ``source``; None where nothing is.

    Both have the same ``white`` and any sizes. Black frames and fades pass.
    """
    _, height, width = source.shape
    grid = min(ROWS, height), min(COLUMNS, width)
    before = _cells(_sample(source, grid[0]), white, *grid)
    after = _cells(_sample(result, grid[0]), white, *grid)
    contrast = float(before.std())
    if contrast > CONTRAST and float(after.std()) < LEFT * contrast:
        return "it is all of one colour"
    squares = _cells(_sample(source, grid[0]).astype(np.uint32) ** 2, white**2, *grid)
    deviation = np.sqrt(np.maximum(squares - before**2, 0.0))
    difference = np.abs(after - before)
    allowance = PER_DEVIATION * float(deviation.mean())
    if difference.mean() > FAR + allowance or difference.max() > FAR_IN_ONE + allowance:
        return "it is far from the frame that went in"
    return None


def _sample(rgb: Rgb, rows: int) -> Rgb:
    """Return some lines of each row of cells."""
    lines = (np.arange(rows * LINES) * 2 + 1) * rgb.shape[1] // (2 * rows * LINES)
    return rgb[:, lines]


def _cells(values: NDArray[np.unsignedinteger], white: int, rows: int, columns: int) -> _Cells:
    """Return the mean in each cell of a grid, of full white."""
    width = values.shape[2]
    starts = np.arange(columns) * width // columns
    sums = values.reshape(3, rows, LINES, width).sum(axis=2, dtype=np.uint64)
    count = LINES * np.diff(np.append(starts, width))
    cells: _Cells = np.add.reduceat(sums, starts, axis=2) / (count * float(white))
    return cells
