"""Saving progress without making the work wait for the disk."""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import threading
import weakref
from collections.abc import Callable
from typing import cast

import msgspec

from tsuzuki.durable import Durable
from tsuzuki.sessions import summary
from tsuzuki.sessions.layout import SessionPaths, check_root, sessions_root
from tsuzuki.sessions.progress import ProgressData

_log = logging.getLogger(__name__)

_Item = tuple[str, ProgressData] | None


class AsyncProgressSaver:
    """Saves in a thread of its own, the newest state of each session.

    ``save`` is called with a session id and its progress, in that thread, and must be durable when
    it returns; by default it replaces the session's ``progress.json`` below `sessions_root`. An
    error is kept and raised by the next `save`, `flush` or `close`. What is queued when the program
    ends is saved before it does.
    """

    def __init__(self, save: Callable[[str, ProgressData], None] | None = None) -> None:
        self.save_queue: queue.Queue[_Item] = queue.Queue()
        self.worker_thread = threading.Thread(
            target=self._save_worker, name="progress-saver", daemon=True
        )
        self._save = save or _save_below_the_default_root
        self._error: BaseException | None = None
        self._closed = False
        self._exit = _at_exit(self)
        atexit.register(self._exit)
        self.worker_thread.start()

    def save(
        self, session_id: str, progress_data: ProgressData, *, raise_errors: bool = True
    ) -> None:
        """Queue the present state; later changes of ``progress_data`` do not enter it.

        With ``raise_errors=False`` an error of earlier saving is left for the next one to hear.
        """
        if self._closed:
            raise ValueError("The saver is closed.")
        if raise_errors:
            self._raise_error()
        snapshot = msgspec.json.decode(msgspec.json.encode(progress_data))
        self.save_queue.put((session_id, cast(ProgressData, snapshot)))

    def flush(self) -> None:
        """Return when everything queued is durable; raises what went wrong with saving."""
        self.save_queue.join()
        self._raise_error()

    def close(self) -> None:
        """Save what is queued and end the thread; may be called twice."""
        if not self._closed:
            self._closed = True
            self.save_queue.put(None)
            self.worker_thread.join()
            atexit.unregister(self._exit)
        self._raise_error()

    def _save_worker(self) -> None:
        ended = False
        while not ended:
            items = [self.save_queue.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    items.append(self.save_queue.get_nowait())
            ended = None in items
            newest = dict(item for item in items if item is not None)
            for session_id, progress_data in newest.items():
                try:
                    self._save_to_disk(session_id, progress_data)
                except BaseException as error:  # noqa: BLE001 - raised again where it is heard
                    self._error = error
            for _ in items:
                self.save_queue.task_done()

    def _save_to_disk(self, session_id: str, progress_data: ProgressData) -> None:
        self._save(session_id, progress_data)

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


def _save_below_the_default_root(session_id: str, progress: ProgressData) -> None:
    root = sessions_root()
    check_root(root)
    summary.check(progress, session_id)
    summary.save(SessionPaths(root, session_id), progress, Durable())


def _at_exit(saver: AsyncProgressSaver) -> Callable[[], None]:
    """Return what to do at exit, which does not keep the saver alive."""
    reference = weakref.ref(saver)

    def close() -> None:
        saver = reference()
        if saver is not None:
            try:
                saver.close()
            except Exception:  # noqa: BLE001 - nobody is left to hear it
                _log.exception("The last progress could not be saved.")

    return close
