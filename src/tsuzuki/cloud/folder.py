"""A store in a folder: another disk, or one of another machine that is mounted here."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tsuzuki.cloud.place import Place
from tsuzuki.cloud.store import Entry, Store, store_errors
from tsuzuki.durable import (
    Durable,
    PendingFile,
    is_temporary,
    open_regular,
    read_bounded,
    storage_errors,
)
from tsuzuki.errors import SessionDamagedError, UnsafeFolderError


class FolderStore(Store):
    """Writes as sessions are written, so that a power cut takes nothing back."""

    parallel = 2

    def __init__(self, where: Place) -> None:
        super().__init__(where)
        self._root = Path(where.path)
        self._durable = Durable()

    def folders(self) -> list[str]:
        """Return the names of the folders at the address."""
        try:
            with store_errors(self.url), os.scandir(self._root) as entries:
                return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def entries(self, folder: str) -> dict[str, Entry]:
        """Return all files of a folder."""
        found: dict[str, Entry] = {}
        try:
            with store_errors(self.url), os.scandir(self._root / folder) as found_here:
                for entry in found_here:
                    name = f"{folder}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        found |= self.entries(name)
                    elif entry.is_file(follow_symlinks=False) and not is_temporary(entry.name):
                        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                            found[name] = Entry(entry.stat(follow_symlinks=False).st_size)
        except FileNotFoundError:
            pass
        return found

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small file."""
        with _faults(self.url):
            return read_bounded(self._root / name, limit)

    def write(self, name: str, data: bytes) -> None:
        """Replace a file in one step."""
        self._durable.write_atomic(self._made(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file unless there is one."""
        return self._durable.publish(self._made(name), data)

    def upload(self, name: str, path: Path) -> None:
        """Copy a file, durably."""
        target = self._made(name)
        with open_regular(path) as source, PendingFile(target) as pending:
            with storage_errors(target):
                shutil.copyfileobj(source, pending.file, 1 << 20)
            pending.finish()
            self._durable.replace_file(pending.path, target)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Read a file."""
        with _faults(self.url), open_regular(self._root / name) as file:
            yield file

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that they leave empty."""
        folders = set()
        for name in names:
            self._durable.remove_file(self._root / name)
            folders.add(self._root / name.split("/", 1)[0])
        for folder in folders:
            if not self.entries(folder.name):
                with contextlib.suppress(FileNotFoundError):
                    self._durable.remove_folder(folder, self._root)

    def _made(self, name: str) -> Path:
        path = self._root / name
        try:
            self._durable.make_folder(path.parent)
        except UnsafeFolderError as error:
            with store_errors(self.url):
                raise NotADirectoryError(str(error)) from error
        return path


@contextlib.contextmanager
def _faults(url: str) -> Iterator[None]:
    with store_errors(url):
        try:
            yield
        except SessionDamagedError as error:  # a link or a folder in the place of a file
            raise OSError(error.message) from error
