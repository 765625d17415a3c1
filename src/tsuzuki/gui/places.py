"""The folders in which the window looks for sessions: the usual one, and those moved to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tsuzuki.errors import TsuzukiError
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.progress import ProgressData
from tsuzuki.sessions.search import SessionMatch, match_sessions
from tsuzuki.settings import ProcessingSettings

_log = logging.getLogger(__name__)


class Placed(NamedTuple):
    """A session, with the manager of the folder that it is in."""

    progress: ProgressData
    manager: SessionManager


class Places:
    """All sessions that the window knows of, wherever they lie.

    ``others`` gives the further folders. One that is not there now, as on a disk that is away, is
    empty; one that is not safe is reported in the log and left out.
    """

    def __init__(self, usual: SessionManager, others: Callable[[], Iterable[str]]) -> None:
        self._usual = usual
        self._others = others

    def managers(self) -> Iterator[SessionManager]:
        """Yield the manager of each folder, the usual one first."""
        yield self._usual
        for folder in self._others():
            try:
                yield SessionManager(folder)
            except (TsuzukiError, ValueError) as error:  # the latter of what can be no path
                _log.warning("%s", error)

    def sessions(self) -> list[Placed]:
        """Return all sessions; the first one where an id is there twice."""
        found: dict[str, Placed] = {}
        for manager in self.managers():
            for progress in manager.sessions():
                found.setdefault(progress["session_id"], Placed(progress, manager))
        return list(found.values())

    def unfinished(self, video: str, settings: ProcessingSettings | None) -> list[SessionMatch]:
        """Return the sessions of a video in which there is work, the best fit first."""
        begun = [p.progress for p in self.sessions() if p.manager.has_begun(p.progress)]
        return match_sessions(video, settings, begun)

    def manager_of(self, session_id: str) -> SessionManager:
        """Return the manager of the folder that a session is in; the usual one if it is in none."""
        for manager in self.managers():
            if manager.paths(session_id).exists():
                return manager
        return self._usual

    def paths(self, session_id: str) -> SessionPaths:
        """Return the paths of a session."""
        return self.manager_of(session_id).paths(session_id)

    def folder_of(self, session_id: str) -> str | None:
        """Return the sessions folder that a session is in; None for the usual one."""
        manager = self.manager_of(session_id)
        return None if manager is self._usual else str(manager.root)

    def clean(self, days: int, confirm: Callable[[ProgressData], bool]) -> list[str]:
        """Remove sessions as `SessionManager.cleanup_old_sessions` does, in every folder."""
        removed = [one.cleanup_old_sessions(days, confirm=confirm) for one in self.managers()]
        return [session_id for some in removed for session_id in some]

    def old(self, days: int) -> list[ProgressData]:
        """Return the sessions with work in them that were not worked on for so many days."""
        found: list[ProgressData] = []

        def note(progress: ProgressData) -> bool:
            found.append(progress)
            return False

        self.clean(days, note)
        return found
