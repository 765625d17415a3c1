"""A port that logs every call that changes state."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

from tsuzuki.durable import OsPort


class Call(NamedTuple):
    """One step of the log; paths are relative to the folder that is watched.

    ``name`` is create, write, fsync, fsync_folder, link, rename, unlink, mkdir, rmdir or told.
    """

    name: str
    what: Any
    """Path, number of the file (write, fsync), or what was reported (told)."""
    to: Any = None
    """Target of link and rename, number of a created file, other name of an unlinked one."""
    offset: int = 0
    data: bytes = b""


class LoggedPort:
    """The real port, except that it flushes nothing: that only counts in the log.

    Further calls, such as those that set a mode, pass through.
    """

    def __init__(self, folder: Path) -> None:
        self.calls: list[Call] = []
        self._folder = folder
        self._real = OsPort()
        self._files: dict[int, int] = {}
        """Number of the file that a descriptor belongs to."""
        self._paths: dict[int, Path] = {}
        self._created = 0
        self._guard = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def told(self, word: str) -> None:
        """Note what the work has reported."""
        self.note("told", word)

    def note(
        self, name: str, what: Any, to: Any = None, offset: int = 0, data: bytes = b""
    ) -> None:
        """Log a call; paths are made relative."""
        what, to = (p.relative_to(self._folder) if isinstance(p, Path) else p for p in (what, to))
        self.calls.append(Call(name, what, to, offset, data))

    def path(self, fd: int) -> Path:
        """Return the path that the descriptor's file was created at."""
        return self._paths[fd]

    def create(self, path: Path) -> int:
        with self._guard:
            fd = self._real.create(path)
            self._created += 1
            self._files[fd], self._paths[fd] = self._created, path
            self.note("create", path, self._created)
            return fd

    def write(self, fd: int, data: memoryview) -> int:
        with self._guard:
            offset = os.lseek(fd, 0, os.SEEK_CUR)
            written = self._real.write(fd, data)
            self.note("write", self._files[fd], offset=offset, data=bytes(data[:written]))
            return written

    def fsync(self, fd: int) -> None:
        self.note("fsync", self._files[fd])

    def fsync_folder(self, path: Path) -> None:
        self.note("fsync_folder", path)

    def replace(self, source: Path, target: Path) -> None:
        with self._guard:
            self._real.replace(source, target)
            self.note("rename", source, target)

    def rename_new(self, source: Path, target: Path) -> None:
        with self._guard:
            self._real.rename_new(source, target)
            self.note("link", source, target)
            self.note("unlink", source, target)

    def unlink(self, path: Path) -> None:
        with self._guard:
            self._real.unlink(path)
            self.note("unlink", path)

    def mkdir(self, path: Path) -> None:
        with self._guard:
            self._real.mkdir(path)
            self.note("mkdir", path)

    def rmdir(self, path: Path) -> None:
        with self._guard:
            self._real.rmdir(path)
            self.note("rmdir", path)

    def remove_tree(self, path: Path) -> None:
        with self._guard:
            below = sorted(path.rglob("*"), reverse=True)
            self._real.remove_tree(path)
            for each in [*below, path]:
                self.note("rmdir", each)
