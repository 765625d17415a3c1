"""Sets of frame numbers, kept as ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class FrameRanges:
    """A set of frame numbers as disjoint ranges in rising order, both ends included.

    Adding the number after the last one, the usual case, takes constant time.
    """

    __slots__ = ("_count", "_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._count = 0
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> None:
        """Add the frames from ``first`` to ``last``, or ``first`` alone."""
        last = first if last is None else last
        if first > last:
            raise ValueError(f"A range cannot go from {first} to {last}.")
        low = bisect_left(self._lasts, first - 1)
        high = bisect_right(self._firsts, last + 1, low)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
            self._count -= sum(self._lasts[i] - self._firsts[i] + 1 for i in range(low, high))
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]
        self._count += last - first + 1

    def ranges(self) -> list[tuple[int, int]]:
        """Return (first, last) of every range, rising."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def to_list(self, limit: int | None = None) -> list[list[int]]:
        """Return [first, last] of every range, for JSON.

        With more than ``limit`` ranges only the longest are kept: a summary may say too little,
        never too much.
        """
        ranges = self.ranges()
        if limit is not None and len(ranges) > limit:
            ranges = sorted(sorted(ranges, key=lambda r: r[0] - r[1])[:limit])
        return [[first, last] for first, last in ranges]

    def minus(self, other: FrameRanges) -> FrameRanges:
        """Return the frames that are not in ``other``."""
        left = FrameRanges()
        for start, last in self.ranges():
            first, at = start, bisect_left(other._lasts, start)
            while at < len(other._firsts) and other._firsts[at] <= last:
                if first < other._firsts[at]:
                    left.add(first, other._firsts[at] - 1)
                first = other._lasts[at] + 1
                at += 1
            if first <= last:
                left.add(first, last)
        return left

    def overlaps(self, first: int, last: int) -> bool:
        """Whether a frame from ``first`` to ``last`` is in the set."""
        at = bisect_left(self._lasts, first)
        return at < len(self._firsts) and self._firsts[at] <= last

    def __contains__(self, number: int) -> bool:
        return self.overlaps(number, number)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges():
            yield from range(first, last + 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrameRanges) and self.ranges() == other.ranges()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"FrameRanges({self.ranges()})"
