"""Cut frames into pieces that fit into memory, without visible seams.

Each tile is computed with a border as wide as the network's reach, so that it comes out as in the
whole frame. Where the network averages over the whole frame, the tiles are led through it together:
at each pooling the averages of all tiles, without their borders, are put together.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from fractions import Fraction
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from tsuzuki.upscaling.catalogue import Edges, Network
from tsuzuki.upscaling.cover import Rect
from tsuzuki.upscaling.engine import Engine, Passage, Planes
from tsuzuki.upscaling.graph import Pool
from tsuzuki.upscaling.resample import nearest

PIECE_BYTES = 1100 << 20
"""Working memory that one piece should take: enough for a whole frame of 720x480 with animevideov3,
or for many small tiles side by side."""
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


def default_tile(network: Network, width: int, height: int, device: str) -> int:
    """Return the tile size for frames of this size: the fastest one, where it fits."""
    if device == "cpu" and network.cpu_tile is not None:
        return network.cpu_tile
    largest = max(width, height)
    sizes: list[int] = [largest, *range(largest // 16 * 16, SMALLEST_TILE, -16)]
    for tile in sizes:
        piece = _longest(network, width, tile) * _longest(network, height, tile)
        if piece * network.memory <= PIECE_BYTES:
            return tile
    return SMALLEST_TILE


def _longest(network: Network, length: int, tile: int) -> int:
    """Return the length of the longest piece of an axis, border included."""
    stop = -(-length // network.multiple) * network.multiple
    cut = spans(network, 0, stop, length, tile, network.reach)
    return max(span.end - span.begin for span in cut)


def tiles_at_once(network: Network, tile: int) -> int:
    """Return how many tiles may be computed side by side, each by one core, for want of memory.

    Where tiles are small this is faster than one after the other by all cores, which wait for each
    other at each layer.
    """
    if network.pools:
        return 1
    edge = tile + 2 * network.reach
    return max(1, PIECE_BYTES // (network.memory * edge * edge))


def spans(
    network: Network, start: int, stop: int, length: int, tile: int, border: int
) -> list[Span]:
    """Cut ``start`` to ``stop`` of an axis into tiles of nearly equal size, none above ``tile``.

    Both lie a multiple of the network's multiple apart; the last tile may so go beyond the axis,
    which has ``length`` pixels. Each gets a border of so many pixels where the axis goes on.
    """
    multiple = network.multiple
    count = -(-(stop - start) // max(multiple, tile // multiple * multiple))
    edges = [start + (stop - start) // multiple * i // count * multiple for i in range(count + 1)]
    margin = network.margin
    end = stop + -(-(length - stop) // multiple) * multiple + margin
    return [Span(a, b, max(a - border, -margin), min(b + border, end)) for a, b in pairwise(edges)]


class Tiler:
    """Runs frames of any size through an engine, in tiles of at most ``tile`` pixels a side.

    The engine runs in the threads of ``lanes`` alone, at most one tile in each.
    """

    def __init__(self, network: Network, engine: Engine, tile: int, lanes: Executor) -> None:
        self.network = network
        self._engine = engine
        self._tile = tile
        self._lanes = lanes

    def part_for(self, wanted: Rect) -> Rect:
        """Return the part to run (input pixels) so that ``wanted`` (output pixels) is computed."""
        multiple, scale = self.network.multiple, self.network.scale
        step = multiple * scale
        return Rect(
            wanted.top // step * multiple,
            wanted.left // step * multiple,
            -(-wanted.bottom // step) * multiple,
            -(-wanted.right // step) * multiple,
        )

    def run(self, planes: Planes, part: Rect, border: int | None = None) -> Planes:
        """Return a part, enlarged, of the frame ``planes``; see `pieces`."""
        enlarged = part.times(self.network.scale)
        out = np.empty((3, enlarged.height, enlarged.width), dtype=np.float32)
        for at, values in self.pieces(planes, part, border):
            out[:, at.rows, at.columns] = values
        return out

    def pieces(
        self, planes: Planes, part: Rect, border: int | None = None
    ) -> Iterator[tuple[Rect, Planes]]:
        """Yield a part, enlarged, of the frame ``planes`` tile by tile, and where each belongs.

        The part is one of `part_for`, and may go beyond the frame. Networks that pool need the
        whole frame. Tiles get the network's reach as a border, unless another one is given.
        """
        _, height, width = planes.shape
        border = self.network.reach if border is None else border
        rows = spans(self.network, part.top, part.bottom, height, self._tile, border)
        columns = spans(self.network, part.left, part.right, width, self._tile, border)
        tiles = [(row, column) for row in rows for column in columns]
        for (row, column), piece in zip(tiles, self._results(planes, tiles), strict=True):
            own = Rect(row.start, column.start, row.stop, column.stop)
            target = own.moved(-part.top, -part.left).times(self.network.scale)
            yield target, self._own_values(planes, own, row, column, piece)

    def _piece(self, planes: Planes, row: Span, column: Span) -> Planes:
        _, height, width = planes.shape
        rows = _positions(row.begin, row.end, height, self.network.edges)
        columns = _positions(column.begin, column.end, width, self.network.edges)
        return np.ascontiguousarray(planes[:, rows][:, :, columns])

    def _results(self, planes: Planes, tiles: list[tuple[Span, Span]]) -> Iterable[Planes]:
        if not self.network.pools or len(tiles) == 1:
            return self._lanes.map(lambda tile: self._engine.run(self._piece(planes, *tile)), tiles)
        return self._lanes.submit(self._led_together, planes, tiles).result()

    def _led_together(self, planes: Planes, tiles: list[tuple[Span, Span]]) -> list[Planes]:
        """Return the tiles of a network that pools."""
        passages = [self._engine.begin(self._piece(planes, *tile)) for tile in tiles]
        for pool in self.network.graph().pools:
            _synchronise(pool, passages, tiles, parked=self._is_parked(planes))
        return [passage.finish() for passage in passages]

    def _is_parked(self, planes: Planes) -> bool:
        margin = 2 * self.network.margin
        _, height, width = planes.shape
        held = (height + margin) * (width + margin) * self.network.memory * PARKED_SHARE
        return bool(held <= min(PARKED_BYTES, _physical_memory() // 4))

    def _own_values(
        self, planes: Planes, own: Rect, row: Span, column: Span, piece: Planes
    ) -> Planes:
        """Return what a piece says of the tile without its border."""
        scale = self.network.scale
        trimmed = self.network.reach if self.network.trims else 0
        source = own.moved(-row.begin - trimmed, -column.begin - trimmed).times(scale)
        values = piece[:, source.rows, source.columns]
        if self.network.adds_enlargement:
            enlarged = own.times(scale)
            values = values + nearest(self._own(planes, own), enlarged.width, enlarged.height)
        return values

    def _own(self, planes: Planes, own: Rect) -> Planes:
        _, height, width = planes.shape
        rows = _positions(own.top, own.bottom, height, self.network.edges)
        columns = _positions(own.left, own.right, width, self.network.edges)
        return planes[:, rows][:, :, columns]


def _positions(start: int, stop: int, length: int, edges: Edges) -> slice | NDArray[np.int64]:
    """Return where the pixels ``start`` to ``stop`` of an axis are read from."""
    if 0 <= start <= stop <= length:
        return slice(start, stop)
    positions = np.arange(start, stop)
    if edges == "edge" or length == 1:
        return np.clip(positions, 0, length - 1)
    period = 2 * (length - 1)
    positions %= period
    return np.minimum(positions, period - positions)


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
