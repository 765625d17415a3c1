"""Many files at once, not faster than was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


class Pace:
    """Keeps the mean speed below a limit (bytes a second); None is no limit.

    A file counts when it has been sent, so that the next ones wait for it.
    """

    def __init__(self, limit: float | None, sleep: Callable[[float], object] = time.sleep) -> None:
        self._limit = limit
        self._sleep = sleep
        self._free_at = time.monotonic()
        self._guard = threading.Lock()

    def wait(self, size: int) -> None:
        """Wait until a file of ``size`` bytes may be sent."""
        if self._limit is None:
            return
        with self._guard:
            now = time.monotonic()
            begin = max(now, self._free_at)
            self._free_at = begin + size / self._limit
        if begin > now:
            self._sleep(begin - now)


def for_each(items: Iterable[T], call: Callable[[T], object], parallel: int) -> None:
    """Call for every item, so many at once; the first error ends it and is raised."""
    if parallel == 1:
        for item in items:
            call(item)
        return
    with ThreadPoolExecutor(parallel, thread_name_prefix="transfer") as pool:
        futures = [pool.submit(call, item) for item in items]
        done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()
