"""The operating system's calls that state is written with, behind a seam that tests replace."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

FOLDER_MODE = 0o700
FILE_MODE = 0o600
REPLACE_PATIENCE = 5.0
"""Seconds that Windows is given to let go of a file that somebody reads."""

_NEW_FILE = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)
_FOLDER_SYNC_NOT_OFFERED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
_MODE_NOT_OFFERED = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_RENAME_NEW_NOT_OFFERED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def usual_mode() -> int:
    """Return the mode that the user's other new files get: for all, less the process's umask."""
    mask = os.umask(0o077)  # there is no call that only reads it
    os.umask(mask)
    return 0o666 & ~mask


class Port(Protocol):
    """Every call that changes state, and nothing else. All raise `OSError` as the system does."""

    def create(self, path: Path) -> int:
        """Open a new file for writing, for the user alone; an existing name is an error."""

    def write(self, fd: int, data: memoryview) -> int:
        """Write some of ``data`` at the descriptor's position and return how many bytes."""

    def seek(self, fd: int, offset: int, whence: int) -> int:
        """Move the descriptor's position and return it."""

    def size(self, fd: int) -> int:
        """Return the length of the file in bytes."""

    def chmod(self, fd: int, mode: int) -> None:
        """Set who may read and write the file, where the file system knows such modes."""

    def fsync(self, fd: int) -> None:
        """Return once the file's bytes are on the medium."""

    def close(self, fd: int) -> None:
        """Close the descriptor."""

    def fsync_folder(self, path: Path) -> None:
        """Return once the folder's names are on the medium."""

    def replace(self, source: Path, target: Path) -> None:
        """Rename, taking the place of an existing ``target``."""

    def rename_new(self, source: Path, target: Path) -> None:
        """Rename; `FileExistsError` where ``target`` exists."""

    def unlink(self, path: Path) -> None:
        """Remove a name of a file."""

    def mkdir(self, path: Path) -> None:
        """Make a folder for the user alone."""

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and all in it, following no symbolic link."""


class OsPort:
    """The real calls, on Linux, macOS and Windows."""

    def create(self, path: Path) -> int:
        """Open by O_EXCL and O_NOFOLLOW, not inherited by child processes."""
        return os.open(path, _NEW_FILE, FILE_MODE)

    def write(self, fd: int, data: memoryview) -> int:
        """Write once."""
        return os.write(fd, data)

    def seek(self, fd: int, offset: int, whence: int) -> int:
        """Seek."""
        return os.lseek(fd, offset, whence)

    def size(self, fd: int) -> int:
        """Ask for the length."""
        return os.fstat(fd).st_size

    def chmod(self, fd: int, mode: int) -> None:
        """Set the mode; Windows and FAT have none, and some network file systems refuse it."""
        if sys.platform == "win32":
            return
        try:
            os.fchmod(fd, mode)
        except OSError as error:
            if error.errno not in _MODE_NOT_OFFERED:
                raise

    def fsync(self, fd: int) -> None:
        """Flush to the medium; on macOS that takes F_FULLFSYNC, which some file systems refuse."""
        if sys.platform == "darwin":
            import fcntl  # noqa: PLC0415 - there is none on Windows

            try:
                fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            except OSError as error:
                if error.errno == errno.EIO:
                    raise
            else:
                return
        os.fsync(fd)

    def close(self, fd: int) -> None:
        """Close."""
        os.close(fd)

    def fsync_folder(self, path: Path) -> None:
        """Flush a folder; Windows has no such call, some network file systems refuse it."""
        if sys.platform == "win32":
            return
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in _FOLDER_SYNC_NOT_OFFERED:
                raise
        finally:
            os.close(fd)

    def replace(self, source: Path, target: Path) -> None:
        """Rename; on Windows with patience for readers."""
        _patiently(lambda: source.replace(target))

    def rename_new(self, source: Path, target: Path) -> None:
        """Rename without replacing, by the first of these that the file system offers.

        Windows: its rename refuses by itself. Elsewhere: a second hard link and removal of the
        first name (a kill between them leaves a temporary name more); the system call that
        renames without replacing (exFAT, FUSE); at last a look and a rename, where another process
        could slip in between, but not a crash: only the holder of the session's lock publishes.
        """
        if sys.platform == "win32":
            _patiently(lambda: source.rename(target))
            return
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            source.unlink()
            return
        if not _rename_exclusively(source, target):
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            source.rename(target)

    def unlink(self, path: Path) -> None:
        """Remove a name; on Windows with patience for readers."""
        _patiently(path.unlink)

    def mkdir(self, path: Path) -> None:
        """Make the folder with mode 0700."""
        path.mkdir(FOLDER_MODE)

    def rmdir(self, path: Path) -> None:
        """Remove it; the system refuses where it is not empty, or a link."""
        path.rmdir()

    def remove_tree(self, path: Path) -> None:
        """Remove all; links are removed, not followed."""
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        try:
            shutil.rmtree(path)
        except RecursionError:
            raise OSError(errno.ELOOP, "its folders are nested too deeply", str(path)) from None


def _patiently(call: Callable[[], object]) -> None:
    """Repeat a call that Windows refuses while another process reads the file."""
    deadline = time.monotonic() + REPLACE_PATIENCE
    while True:
        try:
            call()
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _rename_exclusively(source: Path, target: Path) -> bool:
    """Rename by renameat2(RENAME_NOREPLACE) or renamex_np(RENAME_EXCL); False if not offered."""
    call = _exclusive_rename()
    if call is None:
        return False
    if call(os.fsencode(source), os.fsencode(target)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _RENAME_NEW_NOT_OFFERED:
        return False
    raise OSError(code, os.strerror(code), str(target))


@functools.cache
def _exclusive_rename() -> Callable[[bytes, bytes], int] | None:
    """Find the system call; constants are those of linux/fs.h, fcntl.h and sys/stdio.h."""
    at_cwd, rename_noreplace, rename_excl = -100, 1, 4
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            renamex = library.renamex_np
            return lambda old, new: int(renamex(old, new, rename_excl))
        renameat2 = library.renameat2
        return lambda old, new: int(renameat2(at_cwd, old, at_cwd, new, rename_noreplace))
    return None
