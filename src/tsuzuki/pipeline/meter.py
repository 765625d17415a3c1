"""Speed and remaining time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from tsuzuki.pipeline.plan import Segment
from tsuzuki.sessions.pace import NOTHING, Forecast, Pace, Work, together

WINDOW = 30.0
"""Seconds over which the speed is averaged."""
SPREAD = 1.25
"""How many times as fast or slow the rest of a step may go on as its last half minute, about."""

TOGETHER = 2
"""Frames that are timed together: the network has begun with the next one when one is done."""


class Meter:
    """Measures how fast a step goes on. Constant in time and memory per frame."""

    def __init__(self, done: int, total: int, clock: Callable[[], float] | None = None) -> None:
        self.done = done
        self.total = total
        self._clock = clock or time.monotonic
        self._marks: deque[tuple[float, int]] = deque([(self._clock(), done)])

    def add(self, *, computed: bool = True) -> None:
        """Count a finished frame; one that was only read from disk tells nothing of the speed."""
        self.done += 1
        now = self._clock()
        if not computed:
            self._marks = deque([(now, self.done)])
        if now - self._marks[-1][0] >= 0.25:
            self._marks.append((now, self.done))
            while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW:
                self._marks.popleft()

    @property
    def percent(self) -> float:
        """Share that is done, 0 to 100."""
        return 100.0 * self.done / self.total if self.total else 100.0

    @property
    def frames_per_second(self) -> float | None:
        """Mean speed of the last half minute; None until it is known."""
        start, done = self._marks[0]
        elapsed = self._clock() - start
        if self.done <= done or elapsed < 0.25:
            return None
        return (self.done - done) / elapsed

    @property
    def forecast(self) -> Forecast | None:
        """How long it takes until all is done; None until it is known."""
        speed = self.frames_per_second
        if not speed:
            return None
        eta = (self.total - self.done) / speed
        return Forecast(eta, eta / SPREAD, eta * SPREAD)


class FrameMeter(Meter):
    """Knows of each frame what work it is expected to be, and learns from what it was.

    ``pace`` is what is known so far; it is added to.
    """

    def __init__(
        self,
        done: int,
        pace: Pace,
        firsts: Iterable[int],
        clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(done, pace.total, clock)
        self.pace = pace
        self._firsts = frozenset(firsts)
        """First frame of each segment."""
        self._on_disk: set[int] = set()
        self._left = NOTHING
        self._since: float | None = None
        """When the frames began that are timed together; None after one that was only read."""
        self._timed = NOTHING

    def expect(self, segments: Iterable[Segment], on_disk: Iterable[int]) -> None:
        """Say what is left to do; frames ``on_disk`` are only read."""
        self._on_disk = set(on_disk)
        frames = (frame for segment in segments for frame in segment.frames)
        self._left = together(map(self._expect, frames))

    def count(self, frame: int, *, computed: bool, reused: float, seconds: float) -> None:
        """Count a finished frame (from 0) and the ``seconds`` that reading it took, if it was."""
        self.add(computed=computed)
        self._left = self._left.without(self._expect(frame))
        if not computed:
            self.pace.add_read(seconds)
            self._timed, self._since = NOTHING, None
            return
        work, now = Work(1, 1 - reused), self._clock()
        self.pace.add(self._expect(frame), work.area)
        if self._since is not None:
            self._timed = self._timed.and_(work)
            if self._timed.frames < TOGETHER:
                return
            self.pace.add_timed(self._timed, now - self._since)
        self._timed, self._since = NOTHING, now

    @property
    def forecast(self) -> Forecast | None:
        """How long it takes until all frames are done; None until it is known."""
        return self.pace.left(self._left)

    def _expect(self, frame: int) -> Work:
        if frame in self._on_disk:
            return Work(1, 0)
        return self.pace.expect(frame, first=frame in self._firsts)
