"""A folder in Google Drive.

Drive makes files by ids: several in one folder may have the same name, and none is made on the
condition that there is no other. So a name means the oldest file that has it, and to create a file
once is to write it, to look again, and to take it back unless it is alone.
"""

from __future__ import annotations

import contextlib
import io
import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from tsuzuki.cloud.drive_api import Drive, File
from tsuzuki.cloud.place import Place
from tsuzuki.cloud.store import Entry, Store, store_errors
from tsuzuki.durable import open_regular

SETTLE_SECONDS = 2.0
"""Time for a listing to show what another machine has just written."""
TRIES = 6
BY_ID = "id="


class DriveStore(Store):
    """Files in folders below a path in My Drive, or below a folder or shared drive by its id."""

    parallel = 4

    def __init__(self, where: Place) -> None:
        super().__init__(where)
        parts = tuple(part for part in (where.host, *where.path.split("/")) if part)
        root = "root"
        if where.host.startswith(BY_ID):
            root, parts = where.host.removeprefix(BY_ID), parts[1:]
        with store_errors(self.url):
            self._drive = Drive(root)
        self._base = parts
        self._known: dict[tuple[str, ...], str] = {(): root}
        """Ids of folders, by their path from the root."""
        self._seen: dict[str, dict[str, File]] = {}
        """Files as they were last seen, by folder and name: objects stay as they are."""
        self._making = threading.Lock()

    def folders(self) -> list[str]:
        """Return the names of the folders at the address."""
        with store_errors(self.url):
            return sorted({file.name for file in self._list("") if file.is_folder})

    def entries(self, folder: str) -> dict[str, Entry]:
        """Return all files of a folder."""
        found: dict[str, Entry] = {}
        with store_errors(self.url):
            for file in self._list(folder):
                name = f"{folder}/{file.name}"
                if file.is_folder:
                    found |= self.entries(name)
                else:
                    found.setdefault(name, Entry(file.size, file.md5))
        return found

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small file."""
        with store_errors(self.url):
            found = self._find(name)
            if not found:
                raise FileNotFoundError(name)
            if found[0].size > limit:
                raise self.too_long(name, limit)
            with self._drive.open(found[0]) as file:
                return file.read()

    def write(self, name: str, data: bytes) -> None:
        """Replace the contents of a file, or make one."""
        with store_errors(self.url, writing=True):
            found = self._find(name)
            self._put(name, found[0] if found else None, io.BytesIO(data))

    def create(self, name: str, data: bytes) -> bool:
        """Write a file; take it back unless, after a while, it is the only one of its name."""
        with store_errors(self.url, writing=True):
            for number in range(TRIES):
                began = time.monotonic()
                if self._find(name):
                    return False
                mine = self._put(name, None, io.BytesIO(data)).id
                time.sleep(SETTLE_SECONDS)
                if [file.id for file in self._find(name)] == [mine]:
                    return True
                self._drive.remove(mine)
                longest = (time.monotonic() - began) * 2**number
                time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
        return False

    def upload(self, name: str, path: Path) -> None:
        """Send a file; long ones go in pieces, and appear when they are complete."""
        with store_errors(self.url, writing=True), open_regular(path) as file:
            self._put(name, self._last_seen(name), file)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Read a file."""
        with store_errors(self.url):
            file = self._opened([self._last_seen(name)]) or self._opened(self._find(name))
            if file is None:
                raise FileNotFoundError(name)
            with file:
                yield file

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and a session's folder when it holds none any more."""
        unwanted = set(names)
        with store_errors(self.url):
            for folder in {name.rpartition("/")[0] for name in unwanted}:
                for file in self._list(folder):
                    if f"{folder}/{file.name}" in unwanted:
                        self._drive.remove(file.id)
            for session in {name.partition("/")[0] for name in unwanted}:
                self._drop_empty(session)

    # --- files ------------------------------------------------------------------------------------

    def _list(self, folder: str) -> list[File]:
        """Return what is in a folder, the oldest first."""
        found: list[File] = []
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            parent = self._id(self._parts(folder), anew=True)
            found = [] if parent is None else self._drive.find(parent)
        self._seen[folder] = {file.name: file for file in reversed(found)}
        return found

    def _find(self, name: str) -> list[File]:
        """Return all files of a name, the oldest first."""
        folder, _, last = name.rpartition("/")
        return [file for file in self._list(folder) if file.name == last]

    def _last_seen(self, name: str) -> File | None:
        """Return a file without asking for it again."""
        folder, _, last = name.rpartition("/")
        if folder not in self._seen:
            self._list(folder)
        return self._seen[folder].get(last)

    def _opened(self, found: Sequence[File | None]) -> BinaryIO | None:
        """Open the first file of several, with its first bytes here, unless there is none."""
        with contextlib.suppress(FileNotFoundError):
            if found and found[0] is not None:
                file = self._drive.open(found[0])
                file.peek()
                return file
        return None

    def _put(self, name: str, there: File | None, data: BinaryIO) -> File:
        """Replace the contents of a file, or make one."""
        folder, _, last = name.rpartition("/")
        if there is not None:
            file = self._drive.replace(there.id, data)
        else:
            file = self._drive.create(self._made(folder), last, data)
        self._seen[folder][last] = file
        return file

    # --- folders ----------------------------------------------------------------------------------

    def _parts(self, folder: str) -> tuple[str, ...]:
        return (*self._base, *(part for part in folder.split("/") if part))

    def _id(self, parts: tuple[str, ...], *, anew: bool = False) -> str | None:
        """Return the id of a folder, of several the oldest; None where there is none.

        ``anew`` looks for folders below the address again, which other machines make and remove.
        """
        known = self._known.get(parts)
        if known is not None and (not anew or len(parts) <= len(self._base)):
            return known
        above = self._id(parts[:-1], anew=anew)
        there = [] if above is None else self._drive.find(above, folders=True)
        found = next((file.id for file in there if file.name == parts[-1]), None)
        if known not in {None, found}:  # what was below it, is elsewhere now
            self._known = {
                path: one for path, one in self._known.items() if path[: len(parts)] != parts
            }
        if found is not None:
            self._known[parts] = found
        return found

    def _made(self, folder: str) -> str:
        """Return the id of a folder, which is made if need be with those above it."""
        parts = self._parts(folder)
        found = self._known[()]
        with self._making:
            for depth in range(1, len(parts) + 1):
                part = parts[:depth]
                above, found = found, self._id(part) or ""
                if not found:
                    made = self._drive.make_folder(above, part[-1]).id
                    # Of several that were made at once, all machines take the oldest.
                    found = self._known[part] = self._id(part) or made
        return found

    def _drop_empty(self, session: str) -> None:
        """Bin a session's folder without files; not for good, since one may just have come."""
        below = self._list(session)
        if below and all(file.is_folder and not self._drive.find(file.id) for file in below):
            self._drive.trash(self._known[self._parts(session)])
