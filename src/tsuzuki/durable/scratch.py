"""Folders for temporary files, which no kill leaves behind for long."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import weakref
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

_LOCK, _FILES = "lock", "files"


class ScratchFolder:
    """An empty folder, ``path``; a context manager. ``kind`` says in letters what it is for.

    It goes with the process. What a process that was killed has left, the next that makes one of
    the same kind removes: whoever uses a folder holds a lock in it, which works across containers.
    """

    def __init__(self, kind: str) -> None:
        prefix = f"tsuzuki-{kind}-"
        for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            _remove_if_left(left)
        home = Path(tempfile.mkdtemp(prefix=prefix))
        lock = FileLock(home / _LOCK, thread_local=False)
        lock.acquire(timeout=0)
        self._end = weakref.finalize(self, _remove, home, lock)
        self.path = home / _FILES
        self.path.mkdir()  # from now on it counts as left if the lock is free

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove_if_left(home: Path) -> None:
    try:
        found = home.lstat()
        own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
        if not (own and stat.S_ISDIR(found.st_mode) and (home / _FILES).is_dir()):
            return
        lock = FileLock(home / _LOCK, thread_local=False)
        lock.acquire(timeout=0)
    except (OSError, Timeout):
        return
    _remove(home, lock)


def _remove(home: Path, lock: FileLock) -> None:
    lock.release()  # Windows removes no file that is open
    shutil.rmtree(home, ignore_errors=True)
