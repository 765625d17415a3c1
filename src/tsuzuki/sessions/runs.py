"""Keeps a row of the history for each run, from its start to its end."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tsuzuki.durable import History, RunRow
from tsuzuki.errors import TsuzukiError
from tsuzuki.sessions.monitor import PerformanceMonitor
from tsuzuki.sessions.progress import ProgressData, utc_now

_log = logging.getLogger(__name__)

HISTORY = "history.db"
COMPLETED = "completed"


class RunRecorder:
    """The row of one run. A history that cannot be written is reported and stops no work.

    ``since`` are the monotonic seconds at which the run began.
    """

    def __init__(
        self,
        root: Path,
        progress: ProgressData,
        monitor: PerformanceMonitor,
        *,
        resumed: bool,
        since: float,
    ) -> None:
        self._history = History(root / HISTORY)
        self._monitor = monitor
        self._since = since
        self._number: int | None = None
        self._row = RunRow(
            session_id=progress["session_id"],
            session_created=progress["created_at"],
            started=utc_now(),
            resumed=resumed,
        )
        with _reported():
            self._number = self._history.add(self._row)

    def end(self, outcome: str, *, frames: int | None, frames_computed: int) -> None:
        """Say how the run has ended; the first call counts."""
        number, self._number = self._number, None
        if number is None:
            return
        counts, seconds = self._monitor.save_times.take()
        row = msgspec.structs.replace(
            self._row,
            ended=utc_now(),
            outcome=outcome,
            seconds=time.monotonic() - self._since,
            resume_seconds=self._monitor.resume_seconds(self._row.session_id),
            frames=frames,
            frames_computed=frames_computed,
            saves=counts,
            save_seconds=seconds,
        )
        with _reported():
            self._history.replace(number, row)

    def forget(self) -> None:
        """Remove the row: nothing was done."""
        number, self._number = self._number, None
        if number is not None:
            with _reported():
                self._history.remove(number)


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except TsuzukiError as error:
        _log.warning("The metrics miss a run: %s", error)
