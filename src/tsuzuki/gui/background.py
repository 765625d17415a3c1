"""Work that takes time, done beside the event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal

from tsuzuki.errors import TsuzukiError

_log = logging.getLogger(__name__)

Done = Callable[[Any], None]
Failed = Callable[[TsuzukiError], object]


class _Call(QRunnable):
    """One call, in a thread of the pool."""

    def __init__(self, number: int, work: Callable[[], Any], home: Background) -> None:
        super().__init__()
        self._number = number
        self._work = work
        self._home = home

    def run(self) -> None:
        result: Any = None
        failure: TsuzukiError | None = None
        try:
            result = self._work()
        except TsuzukiError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            _log.exception("in the background")
            failure = TsuzukiError(f"{type(error).__name__}: {error}")
        try:
            self._home.answered.emit(self._number, result, failure)
        except RuntimeError:
            _log.debug("the window is gone")


class Background(QObject):
    """Calls functions in threads and hands what they return to the window's thread.

    Where something is asked under a ``key``, an earlier question of that key is not answered.
    """

    answered = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(4)
        self._asked: dict[int, tuple[str, Done, Failed | None]] = {}
        self._latest: dict[str, int] = {}
        self._count = 0
        self.answered.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def ask(
        self,
        work: Callable[[], Any],
        on_done: Done,
        on_failed: Failed | None = None,
        *,
        key: str = "",
    ) -> None:
        """Call ``work`` and then one of the others with what came of it."""
        self._count += 1
        self._asked[self._count] = key, on_done, on_failed
        if key:
            self._latest[key] = self._count
        self._pool.start(_Call(self._count, work, self))

    def forget(self, key: str) -> None:
        """Answer what was asked under a key no more."""
        self._latest.pop(key, None)

    @property
    def is_busy(self) -> bool:
        """Whether something has not been answered yet."""
        return bool(self._asked)

    def finish(self, milliseconds: int = 3000) -> None:
        """Wait for what is under way, for a while, and answer nothing more."""
        self._asked.clear()
        self._pool.clear()
        self._pool.waitForDone(milliseconds)

    def _hand_over(self, number: int, result: Any, failure: TsuzukiError | None) -> None:
        key, on_done, on_failed = self._asked.pop(number, ("", None, None))
        if on_done is None or (key and self._latest.get(key) != number):
            return
        if failure is None:
            on_done(result)
        elif on_failed is not None:
            on_failed(failure)
