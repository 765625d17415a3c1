"""Folders that get their names when all that is in them is durable."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tsuzuki.durable.faults import folder_needed, storage_errors
from tsuzuki.durable.kept import KeptFile
from tsuzuki.durable.naming import temporary_name
from tsuzuki.durable.port import usual_mode
from tsuzuki.durable.read import open_regular, sha256_of
from tsuzuki.durable.write import Durable


class PendingFolder:
    """A new folder under a temporary name beside ``target``, which it is to become.

    As a context it removes the folder again unless `finish` succeeded; see `PendingFile`.
    """

    def __init__(self, target: Path, owner: str = "", durable: Durable | None = None) -> None:
        self._durable = durable or Durable()
        self.path = target.with_name(temporary_name(target.name, owner))
        """Where the files are until the folder gets its name."""
        self.finished = False
        self.size = 0
        """Bytes of all files so far."""
        with storage_errors(target), folder_needed(target.parent):
            self._durable.port.mkdir(self.path)

    def add(self, name: str, data: bytes) -> None:
        """Write a file and make its bytes durable."""
        path = self.path / name
        with storage_errors(path):
            file = KeptFile(self._durable.port, path, usual_mode())
        try:
            file.write(data)
            file.seal()
        finally:
            file.close()
        self.size += len(data)

    def finish(self) -> int:
        """Make the names durable, give others the usual rights, and return the bytes of all."""
        mode = usual_mode()
        with storage_errors(self.path):
            self.path.chmod(mode | (mode & 0o444) >> 2)
        self._durable.sync_folder(self.path)
        self.finished = True
        return self.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.finished:
            with contextlib.suppress(OSError):
                self._durable.port.remove_tree(self.path)


def copy_folder(
    source: Path, target: Path, is_wanted: Callable[[str], bool], durable: Durable
) -> bool:
    """Copy a folder with the folders in it, for the user alone; False if the name is taken.

    ``is_wanted`` tells by its name whether a file is copied. What is neither a file nor a folder
    raises `SessionDamagedError`; then, and after any other error, there is nothing at ``target``.
    """
    temporary = target.with_name(temporary_name(target.name))
    try:
        _copy_into(source, temporary, is_wanted, durable)
    except BaseException:
        with contextlib.suppress(OSError):
            durable.port.remove_tree(temporary)
        raise
    return durable.publish_folder(temporary, target)


def _copy_into(
    source: Path, target: Path, is_wanted: Callable[[str], bool], durable: Durable
) -> None:
    with storage_errors(target), folder_needed(target.parent):
        durable.port.mkdir(target)
    with storage_errors(source):
        entries = sorted(source.iterdir())
    for path in entries:
        if stat.S_ISDIR(path.lstat().st_mode):
            _copy_into(path, target / path.name, is_wanted, durable)
        elif is_wanted(path.name):
            with open_regular(path) as read, storage_errors(target / path.name):
                file = KeptFile(durable.port, target / path.name)
                try:
                    shutil.copyfileobj(read, file, 1 << 20)
                    file.seal()
                finally:
                    file.close()
    durable.sync_folder(target)


def sha256_of_folder(folder: Path, check: Callable[[], None] = lambda: None) -> tuple[int, str]:
    """Return the bytes of all files of a folder, and a digest of their names and contents.

    ``check`` is called again and again and may raise.
    """
    digest, size = hashlib.sha256(), 0
    with storage_errors(folder):
        names = sorted(path.name for path in folder.iterdir())
    for name in names:
        path = folder / name
        with storage_errors(path):
            if path.is_symlink() or not path.is_file():
                digest.update(b"something else\n")
                continue
            size += path.stat().st_size
        digest.update(os.fsencode(name) + f"\0{sha256_of(path, check)}\n".encode())
    return size, digest.hexdigest()
