"""The file ``history.db``: a row for each run of a session, which outlives the session."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tsuzuki.durable.faults import storage_errors
from tsuzuki.durable.read import append_regular, is_other_kind
from tsuzuki.durable.write import Durable
from tsuzuki.errors import SessionDamagedError, SessionError, StorageError

_log = logging.getLogger(__name__)

VERSION = 1
PATIENCE = 2.0
"""Seconds to wait for another process that writes; each of them writes for milliseconds."""
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    session_created TEXT NOT NULL,
    started TEXT NOT NULL,
    resumed INTEGER NOT NULL,
    ended TEXT,
    outcome TEXT,
    seconds REAL,
    resume_seconds REAL,
    frames INTEGER,
    frames_computed INTEGER,
    saves TEXT,
    save_seconds REAL
)
"""

_Seconds = Annotated[float, Meta(ge=0, le=1e12)]
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]
_Text = Annotated[str, Meta(max_length=200)]


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run. What is None was not known when the run ended, or the run was killed."""

    session_id: _Text
    session_created: _Text
    """ISO 8601; tells sessions of one id, begun one after the other, from each other."""
    started: _Text
    """ISO 8601."""
    resumed: bool
    """Whether it went on with the work of earlier runs."""
    ended: _Text | None = None
    """ISO 8601."""
    outcome: _Text | None = None
    """``completed``, or the code of the error that ended it."""
    seconds: _Seconds | None = None
    """From its start to its end."""
    resume_seconds: _Seconds | None = None
    """Of a resumed run: from its start until the work went on."""
    frames: _Count | None = None
    """Of the whole video."""
    frames_computed: _Count | None = None
    """By this run."""
    saves: Annotated[list[_Count], Meta(max_length=100)] = []
    """How many saves of the summary fell into each of the buckets of the histogram."""
    save_seconds: _Seconds | None = None
    """All saves together."""


class History:
    """The rows in one file. Every change is one transaction, durable when the call returns.

    Raises `StorageError` where the file cannot be read or written, `SessionError` where a newer
    version wrote it; then it stays untouched. A damaged file is reported and kept aside.
    """

    def __init__(self, path: Path, durable: Durable | None = None) -> None:
        self.path = path
        self._durable = durable or Durable()

    def add(self, row: RunRow) -> int:
        """Add a row and return its number."""
        values = _columns(row)
        names, places = ", ".join(values), ", ".join("?" * len(values))
        with self._written() as database:
            statement = f"INSERT INTO runs ({names}) VALUES ({places})"  # noqa: S608 - field names
            return int(database.execute(statement, list(values.values())).lastrowid or 0)

    def replace(self, number: int, row: RunRow) -> None:
        """Put another row in the place of one."""
        values = _columns(row)
        changes = ", ".join(f"{name} = ?" for name in values)
        with self._written() as database:
            statement = f"UPDATE runs SET {changes} WHERE id = ?"  # noqa: S608 - field names
            database.execute(statement, [*values.values(), number])

    def remove(self, number: int) -> None:
        """Remove a row, of a run that came to nothing."""
        with self._written() as database:
            database.execute("DELETE FROM runs WHERE id = ?", [number])

    def rows(self) -> list[RunRow]:
        """Return all rows, the oldest first; those that make no sense are left out."""
        if not self.path.exists():
            return []
        names = ", ".join(RunRow.__struct_fields__)
        try:
            with self._opened() as database:
                if not database.execute("SELECT 1 FROM sqlite_master WHERE name='runs'").fetchall():
                    return []
                statement = f"SELECT {names} FROM runs ORDER BY id"  # noqa: S608 - field names
                found = database.execute(statement).fetchall()
        except _DamagedError as error:
            self._move_aside(error)
            return []
        return [row for values in found if (row := _row(values)) is not None]

    @contextlib.contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        with storage_errors(self.path):
            os.close(append_regular(self.path))  # for the user alone from the first byte on
        try:
            with self._opened() as database:
                self._make_table(database)
        except _DamagedError as error:
            self._move_aside(error)
            with storage_errors(self.path):
                os.close(append_regular(self.path))
        with self._opened() as database:
            self._make_table(database)
            yield database

    def _make_table(self, database: sqlite3.Connection) -> None:
        if database.execute("PRAGMA user_version").fetchone()[0] == 0:
            database.execute(_SCHEMA)
            database.execute(f"PRAGMA user_version = {VERSION}")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        if is_other_kind(self.path):
            raise SessionDamagedError(
                f"{self.path} is no ordinary file, so it was not used. Remove it if you do not "
                "know it.",
                path=str(self.path),
            )
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=PATIENCE)) as database:
                database.execute("PRAGMA synchronous = FULL")
                if database.execute("PRAGMA user_version").fetchone()[0] > VERSION:
                    raise SessionError(
                        f"{self.path} was written by a newer Tsuzuki and was left untouched. "
                        "Update Tsuzuki to see its metrics.",
                        path=str(self.path),
                    )
                with database:
                    yield database
        except sqlite3.DatabaseError as error:
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE:
                raise _DamagedError(str(error)) from error
            raise StorageError(
                f"{self.path} could not be read or written ({error}). Check the disk and the "
                "folder; only the metrics are affected.",
                path=str(self.path),
            ) from error

    def _move_aside(self, error: Exception) -> None:
        with contextlib.suppress(FileNotFoundError):
            aside = self._durable.move_aside(self.path)
            _log.warning("%s is damaged (%s) and is kept as %s.", self.path, error, aside)


class _DamagedError(Exception):
    pass


def _columns(row: RunRow) -> dict[str, Any]:
    return msgspec.structs.asdict(row) | {"saves": msgspec.json.encode(row.saves).decode()}


def _row(values: tuple[Any, ...]) -> RunRow | None:
    fields = dict(zip(RunRow.__struct_fields__, values, strict=True))
    try:
        fields["saves"] = msgspec.json.decode(fields["saves"] or "[]")
        return msgspec.convert(fields | {"resumed": bool(fields["resumed"])}, RunRow)
    except (ValueError, TypeError, RecursionError):
        return None
