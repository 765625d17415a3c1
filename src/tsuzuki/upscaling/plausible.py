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
    before, deviation = _cells(source, white, *grid)
    after, _ = _cells(result, white, *grid)
    contrast = float(before.std())
    if contrast > CONTRAST and float(after.std()) < LEFT * contrast:
        return "it is all of one colour"
    difference = np.abs(after - before)
    allowance = PER_DEVIATION * float(deviation.mean())
    if difference.mean() > FAR + allowance or difference.max() > FAR_IN_ONE + allowance:
        return "it is far from the frame that went in"
    return None


def _cells(rgb: Rgb, white: int, rows: int, columns: int) -> tuple[_Cells, _Cells]:
    """Return mean and standard deviation in each cell of a grid, by some of its lines."""
    _, height, width = rgb.shape
    lines = (np.arange(rows * LINES) * 2 + 1) * height // (2 * rows * LINES)
    starts = np.arange(columns) * width // columns
    values: _Cells = rgb[:, lines] / float(white)
    count = LINES * np.diff(np.append(starts, width))

    def mean(of: _Cells) -> _Cells:
        sums = np.add.reduceat(of, starts, axis=2)
        cells: _Cells = sums.reshape(3, rows, LINES, columns).sum(axis=2) / count
        return cells

    means = mean(values)
    return means, np.sqrt(np.maximum(mean(values**2) - means**2, 0.0))
