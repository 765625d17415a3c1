"""What all runs of all sessions amount to."""

from __future__ import annotations

import datetime as dt
import os
import stat
from typing import TypedDict

from tsuzuki.durable import History, RunRow
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.monitor import RESUME_BOUNDS, SAVE_BOUNDS, Histogram
from tsuzuki.sessions.runs import COMPLETED, HISTORY

_Session = tuple[str, str]


class Metrics(TypedDict):
    """Counts and means over all sessions of a folder."""

    total_sessions: int
    """Sessions ever begun, those that are finished and cleaned up included."""
    active_sessions: int
    """Sessions that have begun and are not done, whether somebody works on them now or not."""
    average_completion_time: float | None
    """Mean seconds from the making of a session to its completion, pauses included; None while
    none is completed."""
    resume_success_rate: float | None
    """Share, 0 to 1, of the resumed runs whose session was completed, by that run or a later one;
    None while there was none."""
    disk_usage: int
    """Bytes of all files in the folder of the sessions."""


class SessionMetrics:
    """Counts what is in the folder of the sessions and in ``history.db``; changes nothing.

    ``root`` is the folder (see `layout.sessions_root`). Raises the errors of `History`.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self._manager = SessionManager(root)
        self.root = self._manager.root

    def collect_metrics(self) -> Metrics:
        """Return all of them."""
        return {
            "total_sessions": self.count_total_sessions(),
            "active_sessions": self.count_active_sessions(),
            "average_completion_time": self.calculate_avg_completion(),
            "resume_success_rate": self.calculate_resume_rate(),
            "disk_usage": self.calculate_disk_usage(),
        }

    def count_total_sessions(self) -> int:
        """Return `Metrics.total_sessions`."""
        present = {(one["session_id"], one["created_at"]) for one in self._manager.sessions()}
        return len(present.union(map(_session, self.runs())))

    def count_active_sessions(self) -> int:
        """Return `Metrics.active_sessions`."""
        return len(self._manager.get_unfinished_sessions())

    def calculate_avg_completion(self) -> float | None:
        """Return `Metrics.average_completion_time`."""
        times: dict[_Session, float] = {}
        for row in self.runs():
            if row.outcome == COMPLETED and row.ended is not None:
                times.setdefault(_session(row), _seconds_between(row.session_created, row.ended))
        return sum(times.values()) / len(times) if times else None

    def calculate_resume_rate(self) -> float | None:
        """Return `Metrics.resume_success_rate`."""
        rows = self.runs()
        completed = {_session(row) for row in rows if row.outcome == COMPLETED}
        resumed = [_session(row) in completed for row in rows if row.resumed]
        return sum(resumed) / len(resumed) if resumed else None

    def calculate_disk_usage(self) -> int:
        """Return `Metrics.disk_usage`."""
        return _size_of(self.root)

    def runs(self) -> list[RunRow]:
        """Return the rows of the history, the oldest first."""
        return History(self.root / HISTORY).rows()

    def resume_times(self) -> Histogram:
        """Return how long it took until resumed runs went on."""
        histogram = Histogram(RESUME_BOUNDS)
        for row in self.runs():
            if row.resume_seconds is not None:
                histogram.add(row.resume_seconds)
        return histogram

    def save_times(self) -> Histogram:
        """Return how long saving the summary took, over all runs that were not killed."""
        histogram = Histogram(SAVE_BOUNDS)
        for row in self.runs():
            if len(row.saves) == len(SAVE_BOUNDS) + 1:
                histogram.add_all(row.saves, row.save_seconds or 0.0)
        return histogram


def _session(row: RunRow) -> _Session:
    return row.session_id, row.session_created


def _seconds_between(first: str, last: str) -> float:
    """Return the seconds from one ISO 8601 moment to another; 0 where the clock was set back."""
    try:
        began, ended = (dt.datetime.fromisoformat(text) for text in (first, last))
        return max(0.0, (ended - began).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _size_of(folder: str | os.PathLike[str]) -> int:
    """Return the bytes of all files below a folder; those that vanish meanwhile do not count."""
    size = 0
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return 0
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            size += _size_of(entry.path)
            continue
        try:
            facts = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        size += facts.st_size if stat.S_ISREG(facts.st_mode) else 0
    return size
