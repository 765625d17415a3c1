"""A folder of files that gets its name when all of them are durable."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tsuzuki.durable.faults import folder_needed, storage_errors
from tsuzuki.durable.kept import KeptFile
from tsuzuki.durable.naming import temporary_name
from tsuzuki.durable.port import usual_mode
from tsuzuki.durable.read import sha256_of
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
