"""The log of a session."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from tsuzuki.durable import append_regular, open_regular, storage_errors
from tsuzuki.sessions.layout import SessionPaths

MAX_LOG_BYTES = 10 << 20
OLD_LOGS = 3


class SessionLogHandler(logging.handlers.RotatingFileHandler):
    """Appends to the session's log, rotated at 10 MB, three old ones kept.

    A log that cannot be written never stops the work: after the first error it stays silent.
    """

    def __init__(self, path: Path) -> None:
        self._broken = False
        super().__init__(path, maxBytes=MAX_LOG_BYTES, backupCount=OLD_LOGS, encoding="utf-8")
        formatter = logging.Formatter(
            "%(asctime)s.%(msecs)03dZ %(levelname)s %(process)d %(name)s %(message)s",
            "%Y-%m-%dT%H:%M:%S",
        )
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if not self._broken:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's
        """Fall silent."""
        self._broken = True

    def _open(self) -> TextIOWrapper:
        fd = append_regular(Path(self.baseFilename))
        return os.fdopen(fd, "a", encoding="utf-8", errors="backslashreplace")


@contextmanager
def session_log(paths: SessionPaths, level: int = logging.INFO) -> Iterator[None]:
    """Write what this package logs to the session's log while the context lasts."""
    paths.check()
    with storage_errors(paths.log):
        handler = SessionLogHandler(paths.log)
    handler.setLevel(level)
    logger = logging.getLogger("tsuzuki")
    before = logger.level
    if logger.getEffectiveLevel() > level:
        logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        with contextlib.suppress(OSError, ValueError):
            handler.close()


def read_log(paths: SessionPaths, limit: int = 1 << 20) -> str:
    """Return the end of a session's log, at most ``limit`` bytes; empty where there is none.

    Raises `SessionDamagedError` where something else than a file has its name.
    """
    try:
        with storage_errors(paths.log), open_regular(paths.log) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            return file.read(limit).decode(errors="replace")
    except FileNotFoundError:
        return ""
