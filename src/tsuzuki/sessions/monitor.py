"""How long resuming and saving take, as histograms that cost next to nothing to fill."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Sequence
from typing import Self

SAVE_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
RESUME_BOUNDS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Histogram:
    """Counts of durations by length. Safe to use from several threads."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        """Longest duration (s) of each bucket but the last, which takes all longer ones."""
        self._counts = [0] * (len(self.bounds) + 1)
        self._seconds = 0.0
        self._guard = threading.Lock()

    def add(self, seconds: float) -> None:
        """Count one duration."""
        with self._guard:
            self._counts[bisect.bisect_left(self.bounds, seconds)] += 1
            self._seconds += seconds

    def add_all(self, counts: Sequence[int], seconds: float) -> None:
        """Count what another histogram of the same bounds has counted."""
        if len(counts) != len(self._counts):
            raise ValueError(f"There are {len(self._counts)} buckets, not {len(counts)}.")
        with self._guard:
            self._counts = [mine + more for mine, more in zip(self._counts, counts, strict=True)]
            self._seconds += seconds

    @property
    def counts(self) -> list[int]:
        """How many durations fell into each bucket."""
        with self._guard:
            return list(self._counts)

    @property
    def seconds(self) -> float:
        """All durations together."""
        return self._seconds

    def take(self) -> tuple[list[int], float]:
        """Return counts and seconds, and begin anew."""
        with self._guard:
            taken = self._counts, self._seconds
            self._counts, self._seconds = [0] * len(self._counts), 0.0
            return taken


class Stopwatch:
    """Measures until `stop` is called, or the context ends without an error; once only."""

    __slots__ = ("_histogram", "_since", "seconds")

    def __init__(self, histogram: Histogram, since: float) -> None:
        self._histogram = histogram
        self._since = since
        self.seconds: float | None = None
        """What was measured."""

    def stop(self) -> None:
        """Count the time since the start, unless that was done before."""
        if self.seconds is None:
            self.seconds = time.monotonic() - self._since
            self._histogram.add(self.seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.stop()


class PerformanceMonitor:
    """Measures how long it takes until a session goes on, and to save its summary."""

    def __init__(self) -> None:
        self.resume_times = Histogram(RESUME_BOUNDS)
        self.save_times = Histogram(SAVE_BOUNDS)
        self._resumes: dict[str, Stopwatch] = {}

    def track_resume_time(self, session_id: str, *, since: float | None = None) -> Stopwatch:
        """Measure from now, or from ``since`` (monotonic seconds), until work goes on.

        The stopwatch is a context, too.
        """
        began = time.monotonic() if since is None else since
        watch = self._resumes[session_id] = Stopwatch(self.resume_times, began)
        return watch

    def track_save_performance(self) -> Stopwatch:
        """Measure one save: the time that the context lasts."""
        return Stopwatch(self.save_times, time.monotonic())

    def resume_seconds(self, session_id: str) -> float | None:
        """Return how long the latest resume of a session took; None where it was not measured."""
        watch = self._resumes.get(session_id)
        return None if watch is None else watch.seconds
