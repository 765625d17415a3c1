"""How fast frames come, and from that how long the rest of them takes.

A frame takes some seconds for itself, and others for the area of it that has to be computed: both
are measured, by least squares. How much area that is, differs from scene to scene: it was looked
at before, at places spread over the video, which costs next to nothing.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from tsuzuki.sessions.layout import MAX_FRAMES
from tsuzuki.sessions.ranges import FrameRanges

MAX_PARTS = 64
"""Parts of a video of which it is kept what was seen in them, at most."""
OVERHEAD, TRUST = 0.05, 2.0
"""What a frame takes for itself, of what the network takes for a whole one, until that is known;
and so many frames have to tell otherwise."""
HALF_LIFE = 300.0
"""Seconds after which a measurement counts half: the computer may have got busier."""
LEAST_ERROR, FIRST_ERROR = 0.08, 0.4
"""Relative error of the measured speed: what other programs leave of it later, and what a single
frame tells; the latter falls with the square root of their number."""
UNKNOWN_ERROR = 0.3
"""Relative error where nobody has looked at what the rest will be like."""
USUAL_SPREAD, USUAL_PARTS = 0.3, 2.0
"""Standard deviation of the shares within a film, until that is known; so many of its parts have to
tell otherwise."""
INSIDE = 0.5
"""Error of a part of which some frames were looked at, in such deviations."""
EIGHT_IN_TEN = 1.28
"""Standard deviations around the mean within which eight values of ten lie."""

_Share = Annotated[float, Meta(ge=0, le=1)]
_Sum = Annotated[float, Meta(ge=0, le=1e12)]
_Count = Annotated[int, Meta(ge=0, le=MAX_FRAMES)]


class Forecast(msgspec.Struct, frozen=True):
    """How long something takes, in seconds. In eight cases of ten it is from low to high."""

    seconds: float
    low: float
    high: float


class Work(NamedTuple):
    """Something to do."""

    frames: float
    area: float
    """To be computed of these frames, in whole frames."""
    whole: float = 0.0
    """Frames of these that are computed whole in any case: the first ones of segments."""

    def and_(self, other: Work) -> Work:
        """Return both together."""
        return together((self, other))

    def without(self, other: Work) -> Work:
        """Return what of this is left when the other is done."""
        return Work(*(max(0.0, mine - done) for mine, done in zip(self, other, strict=True)))


NOTHING = Work(0, 0)


class Pace(msgspec.Struct, kw_only=True):
    """What is known of the speed of a session. Frames are numbered from 0 here."""

    total: _Count
    """Frames of the video."""
    shares: Annotated[list[_Share], Meta(max_length=MAX_PARTS)] | None = []
    """Share of the area that has to be computed in each of so many equal parts of the video; empty
    where that cannot be told, or frames are computed whole; None until somebody has looked."""
    seen: _Share = 1.0
    """Share of these parts that were looked at; the others are taken to be like those beside."""
    frames: _Count = 0
    """Frames computed so far."""
    area: _Sum = 0.0
    """Area computed of them, in whole frames; without the first ones of segments."""
    expected: _Sum = 0.0
    """What that had been expected to be."""
    timed: _Sum = 0.0
    """Frames whose time was measured; what is long ago counts less, here and in these sums:"""
    timed_area: _Sum = 0.0
    timed_squares: _Sum = 0.0
    """Squares of their areas."""
    seconds: _Sum = 0.0
    area_seconds: _Sum = 0.0
    """Products of their areas and seconds."""
    reads: _Sum = 0.0
    """Finished frames read back from disk."""
    read_seconds: _Sum = 0.0
    """How long that took."""

    def expect(self, frame: int, *, first: bool) -> Work:
        """Return the work that a frame is expected to be; the first of a segment is whole."""
        if first or not self.shares or not self.total:
            return Work(1, 1, first)
        return Work(1, self.shares[min(frame, self.total - 1) * len(self.shares) // self.total])

    def look_ahead(self, shares: list[float], seen: float) -> None:
        """Take in what frames will be like; how far off that is, only those from now on tell."""
        self.shares, self.seen = shares, seen
        self.expected = self.area

    def expect_range(self, first: int, last: int) -> Work:
        """Return about the work of the frames [first, last), of whatever segments."""
        if not self.shares or not self.total:
            return Work(last - first, last - first)
        parts = len(self.shares)
        borders = [self.total * part // parts for part in range(parts + 1)]
        area = sum(
            share * max(0, min(last, end) - max(first, begin))
            for share, (begin, end) in zip(self.shares, pairwise(borders), strict=True)
        )
        return Work(last - first, area)

    def add(self, expected: Work, area: float) -> None:
        """Take in computed frames: what they were expected to be, and what area they were."""
        self.frames += round(expected.frames)
        self.area += max(0.0, area - expected.whole)
        self.expected += expected.area - expected.whole

    def add_timed(self, work: Work, seconds: float) -> None:
        """Take in how long some frames took together."""
        fading = 0.5 ** (seconds / HALF_LIFE)
        self.timed = self.timed * fading + work.frames
        self.timed_area = self.timed_area * fading + work.area
        self.timed_squares = self.timed_squares * fading + work.area**2 / work.frames
        self.seconds = self.seconds * fading + seconds
        self.area_seconds = self.area_seconds * fading + work.area * seconds / work.frames

    def add_read(self, seconds: float) -> None:
        """Take in a finished frame that was read back from disk."""
        self.reads += 1
        self.read_seconds += seconds

    @property
    def speed(self) -> tuple[float, float] | None:
        """Seconds that a frame takes for itself, and for its whole area; None while unknown.

        Least squares, where the measurements leave it open held to `OVERHEAD`. It is of no use, and
        None too, until somebody has looked at what frames will be like.
        """
        if self.shares is None or not self.seconds or not self.timed_area:
            return None
        a, b = self.timed + TRUST, self.timed_area - TRUST * OVERHEAD
        c = self.timed_squares + TRUST * OVERHEAD**2
        determinant = a * c - b * b
        if determinant > 0:
            own = (c * self.seconds - b * self.area_seconds) / determinant
            whole = (a * self.area_seconds - b * self.seconds) / determinant
            if own >= 0 and whole >= 0:
                return own, whole
        whole = self.seconds / (self.timed_area + OVERHEAD * self.timed)
        return OVERHEAD * whole, whole

    def left(self, work: Work) -> Forecast | None:
        """Forecast the time of so much expected work; None until the speed is known."""
        if (speed := self.speed) is None:
            return None
        others = work.frames - work.whole
        area = work.whole + min(others, (work.area - work.whole) * self._miss)
        own, whole = work.frames * speed[0], area * speed[1]
        content = self._error_of(work) * speed[1] / (own + whole) if whole else 0.0
        error = EIGHT_IN_TEN * math.hypot(self._error_of_speed, content)
        return Forecast(own + whole, (own + whole) / (1 + error), (own + whole) * (1 + error))

    @property
    def _miss(self) -> float:
        """How far off the expectation was; the more is done, the more that tells of the rest.

        What was seen of the video is trusted as if it had been done.
        """
        seen = self.seen * self.total
        trust = seen * statistics.fmean(self.shares) if self.shares else 0.0
        done = self.expected + trust
        return (self.area + trust) / done if done else 1.0

    @property
    def _error_of_speed(self) -> float:
        return math.hypot(LEAST_ERROR, FIRST_ERROR / math.sqrt(max(1, self.frames)))

    def _error_of(self, work: Work) -> float:
        """Return the error of the area that is expected, in whole frames.

        Each part differs from what was seen in it, or nobody knows how; and those that were looked
        at differ from all that are taken to be like them.
        """
        if not self.shares:
            is_whole = self.seen == 1 and math.isclose(self.area, self.expected)
            return 0.0 if is_whole else UNKNOWN_ERROR * work.area
        parts, unseen = len(self.shares), 1 - self.seen
        seen = self.seen * parts
        variance = seen * statistics.pvariance(self.shares) + USUAL_PARTS * USUAL_SPREAD**2
        variance /= seen + USUAL_PARTS
        left = max(1.0, parts * work.frames / max(1, self.total))
        each = (self.seen * INSIDE**2 + unseen) / left
        copied = unseen**2 / max(1.0, self.seen * left)
        return math.sqrt(variance * (each + copied)) * (work.frames - work.whole)


def time_left(progress: Mapping[str, Any]) -> Forecast | None:
    """Return how long the frames that are missing take, by the summary of a session alone.

    ``progress`` is a `ProgressData` that was checked. None while that is not known.
    """
    data = progress["steps"]["upscale"].get("data", {})
    if progress["status"] == "completed" or "pace" not in data:
        return None
    pace = msgspec.convert(data["pace"], Pace)
    if not pace.total:
        return None
    missing = FrameRanges([(1, pace.total)]).minus(FrameRanges(data.get("completed", ())))
    return pace.left(
        together(pace.expect_range(first - 1, last) for first, last in missing.ranges())
    )


def together(works: Iterable[Work]) -> Work:
    """Return all that work."""
    frames = area = whole = 0.0
    for work in works:  # a million of them
        frames += work.frames
        area += work.area
        whole += work.whole
    return Work(frames, area, whole)


def equal_parts(shares: Iterable[float]) -> list[float]:
    """Return the shares as they are kept: to three digits, so that the summary stays small."""
    return [round(min(1.0, max(0.0, share)), 3) for share in shares]
