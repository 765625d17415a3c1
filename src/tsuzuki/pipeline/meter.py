"""Speed and remaining time."""

from __future__ import annotations

import time
from collections import deque

WINDOW = 30.0
"""Seconds over which the speed is averaged."""


class Meter:
    """Measures how fast frames are finished. Constant in time and memory per frame."""

    def __init__(self, done: int, total: int) -> None:
        self.done = done
        self.total = total
        self._marks: deque[tuple[float, int]] = deque([(time.monotonic(), done)])

    def add(self, *, computed: bool = True) -> None:
        """Count a finished frame; one that was only read from disk tells nothing of the speed."""
        self.done += 1
        now = time.monotonic()
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
        elapsed = time.monotonic() - start
        if self.done <= done or elapsed < 0.25:
            return None
        return (self.done - done) / elapsed

    @property
    def eta(self) -> float | None:
        """Seconds until all frames are done; None until it is known."""
        speed = self.frames_per_second
        return (self.total - self.done) / speed if speed else None
