"""Cut frames into pieces that fit into memory, without visible seams.

Each tile is computed with a border as wide as the network's reach, so that it comes out as in the
whole frame. Where the network averages over the whole frame, the tiles are led through it together:
at each pooling the averages of all tiles, without their borders, are put together.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from tsuzuki.upscaling.catalogue import Network
from tsuzuki.upscaling.engine import Engine, Passage, Planes
from tsuzuki.upscaling.graph import Pool
from tsuzuki.upscaling.resample import nearest

PIECE_BYTES = 600 << 20
"""Working memory that one piece should take."""
SMALLEST_TILE = 112
"""Below, more border than frame would be computed; the slowest networks take up to 2 GB here."""
PARKED_BYTES = 3 << 30
"""Memory that the unfinished tiles of a pooling network may hold, at most a quarter of the
machine's; beyond, they are begun anew at each pooling: twice the time, a third of the memory, the
same bits."""
PARKED_SHARE = Fraction(1, 5)
"""Share of a piece's working memory that it holds between two poolings."""


class Span(msgspec.Struct, frozen=True):
    """One tile along one axis, in input pixels; 0 is the frame's first pixel."""

    start: int
    stop: int
    begin: int
    """Where the piece that is computed begins, border included; may be negative."""
    end: int


def default_tile(network: Network, width: int, height: int) -> int:
    """Return the tile size for frames of this size: the whole frame where it fits."""
    pixels = PIECE_BYTES // network.memory
    border = 2 * network.reach
    if (width + border) * (height + border) <= pixels:
        return max(width, height)
    return max(SMALLEST_TILE, (math.isqrt(pixels) - border) // 16 * 16)


def spans(network: Network, length: int, tile: int) -> list[Span]:
    """Cut an axis of ``length`` pixels into tiles of nearly equal size, none above ``tile``.

    The last one may go beyond the frame, up to the network's multiple.
    """
    multiple = network.multiple
    whole = -(-length // multiple) * multiple
    count = -(-whole // max(multiple, tile // multiple * multiple))
    edges = [whole // multiple * i // count * multiple for i in range(count + 1)]
    border, margin = network.reach, network.margin
    return [
        Span(a, b, max(a - border, -margin), min(b + border, whole + margin))
        for a, b in pairwise(edges)
    ]


class Tiler:
    """Runs frames of any size through an engine, in tiles of at most ``tile`` pixels a side."""

    def __init__(self, network: Network, engine: Engine, tile: int) -> None:
        self._network = network
        self._engine = engine
        self._tile = tile

    def run(self, planes: Planes) -> Planes:
        """Return the enlarged frame."""
        network = self._network
        _, height, width = planes.shape
        rows, columns = spans(network, height, self._tile), spans(network, width, self._tile)
        out = np.empty((3, height * network.scale, width * network.scale), dtype=np.float32)
        padded = self._pad(planes, rows[-1].stop - height, columns[-1].stop - width)
        tiles = [(row, column) for row in rows for column in columns]
        for (row, column), piece in zip(tiles, self._results(padded, tiles), strict=True):
            self._place(out, planes, row, column, piece)
        return out

    def _pad(self, planes: Planes, below: int, right: int) -> Planes:
        margin = self._network.margin
        return np.pad(
            planes,
            ((0, 0), (margin, margin + below), (margin, margin + right)),
            mode=self._network.edges,
        )

    def _piece(self, padded: Planes, row: Span, column: Span) -> Planes:
        margin = self._network.margin
        piece = padded[
            :,
            row.begin + margin : row.end + margin,
            column.begin + margin : column.end + margin,
        ]
        return np.ascontiguousarray(piece)

    def _results(self, padded: Planes, tiles: list[tuple[Span, Span]]) -> Iterator[Planes]:
        if not self._network.pools or len(tiles) == 1:
            for row, column in tiles:
                yield self._engine.run(self._piece(padded, row, column))
            return
        passages = [self._engine.begin(self._piece(padded, *tile)) for tile in tiles]
        for pool in self._network.graph().pools:
            _synchronise(pool, passages, tiles, parked=self._is_parked(padded))
        for passage in passages:
            yield passage.finish()

    def _is_parked(self, padded: Planes) -> bool:
        held = padded[0].size * self._network.memory * PARKED_SHARE
        return bool(held <= min(PARKED_BYTES, _physical_memory() // 4))

    def _place(self, out: Planes, planes: Planes, row: Span, column: Span, piece: Planes) -> None:
        """Write the tile's own part of a piece to its place, cut to the frame."""
        scale = self._network.scale
        trimmed = self._network.reach if self._network.trims else 0
        _, height, width = planes.shape
        bottom, right = min(row.stop, height), min(column.stop, width)
        y, x = (row.start - row.begin - trimmed) * scale, (column.start - column.begin - trimmed)
        x *= scale
        target = out[:, row.start * scale : bottom * scale, column.start * scale : right * scale]
        target[:] = piece[:, y : y + target.shape[1], x : x + target.shape[2]]
        if self._network.adds_enlargement:
            own = planes[:, row.start : bottom, column.start : right]
            target += nearest(own, target.shape[2], target.shape[1])


def _physical_memory() -> int:
    """Return the machine's memory in bytes; 8 GiB where it cannot be told."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def _synchronise(
    pool: Pool, passages: list[Passage], tiles: list[tuple[Span, Span]], *, parked: bool
) -> None:
    """Take all tiles through one pooling: give each the mean over the whole frame."""
    total: NDArray[np.float64] | float = 0.0
    count = 0
    for passage, (row, column) in zip(passages, tiles, strict=True):
        features = passage.features()
        if not parked:
            passage.park()
        own = features[:, _own(pool, row, tiles[-1][0], 1, features)]
        own = own[:, :, _own(pool, column, tiles[-1][1], 2, features)]
        total = total + own.sum(axis=(1, 2), dtype=np.float64)
        count += own.shape[1] * own.shape[2]
    means = np.asarray(total / count, dtype=np.float32)
    for passage in passages:
        passage.set_mean(means)


def _own(pool: Pool, span: Span, last: Span, axis: int, features: Planes) -> slice:
    """Return the features that belong to this tile and to no other.

    A piece's first features belong to its border; the next tile's begin where its piece begins,
    so that the tiles' own parts together are the features of the whole frame.
    """
    stop = features.shape[axis] if span == last else int((span.stop - span.start) * pool.ratio)
    return slice(0, stop)
