"""What became of the videos of a watched folder, on disk: one small file for each.

::

    <sessions>/watch/<folder>/lock           held by whoever watches the folder
                              <video>.json   what became of a video
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Literal, Self

import filelock
import msgspec

from tsuzuki.durable import Durable, read_bounded, storage_errors
from tsuzuki.errors import SessionBusyError, SessionDamagedError
from tsuzuki.sessions.layout import make_root

_log = logging.getLogger(__name__)
_MAX_BYTES = 1 << 20

State = Literal["begun", "done", "failed"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a video with this size and time; a changed one is another."""

    source: str
    size: int
    mtime_ns: int
    state: State
    session_id: str = ""
    output: str = ""
    reason: str = ""
    """Why it failed."""

    @property
    def stamp(self) -> tuple[int, int]:
        """As of `Arrival`."""
        return self.size, self.mtime_ns


class Ledger:
    """The entries of one watched folder, for one process at a time.

    Raises `SessionBusyError` where another process watches the folder.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._durable = Durable()
        make_root(root, self._durable)
        self._folder = root / "watch" / _digest(folder)
        self._durable.make_folder(self._folder)
        self._lock = filelock.FileLock(self._folder / "lock", mode=0o600, thread_local=False)
        with storage_errors(self._folder):
            try:
                self._lock.acquire(timeout=0)
            except filelock.Timeout:
                raise SessionBusyError(
                    f"Another `tsuzuki watch` is at work on {folder}. Stop that one first, or let "
                    "it do the work."
                ) from None
        self._entries = self._read_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process watch the folder."""
        self._lock.release()

    def get(self, path: Path) -> Entry | None:
        """Return what is known of a video."""
        return self._entries.get(_name(path))

    def of(self, state: State) -> list[Entry]:
        """Return all entries in this state."""
        return [entry for entry in self._entries.values() if entry.state == state]

    def save(self, path: Path, entry: Entry) -> None:
        """Write an entry, so that it would survive a power cut."""
        entry = msgspec.structs.replace(entry, source=_name(path))
        self._durable.write_atomic(self._file(path), msgspec.json.encode(entry))
        self._entries[entry.source] = entry

    def forget(self, path: Path) -> None:
        """Remove the entry of a video."""
        self._durable.remove_file(self._file(path))
        self._entries.pop(_name(path), None)

    def _file(self, path: Path) -> Path:
        return self._folder / f"{_digest(path)}.json"

    def _read_all(self) -> dict[str, Entry]:
        self._durable.sweep_temporary(self._folder)
        entries = {}
        for file in sorted(self._folder.glob("*.json")):
            try:
                entry = msgspec.json.decode(read_bounded(file, _MAX_BYTES), type=Entry)
            except (SessionDamagedError, msgspec.MsgspecError, UnicodeDecodeError) as error:
                aside = self._durable.move_aside(file)
                _log.warning("%s cannot be read and is kept as %s: %s", file, aside.name, error)
                continue
            entries[entry.source] = entry
        return entries


def _name(path: Path) -> str:
    """Return the path as it can be written down, whatever bytes are in it."""
    return str(path).encode(errors="backslashreplace").decode()


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
