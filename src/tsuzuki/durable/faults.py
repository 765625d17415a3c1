"""What the operating system's errors mean to the user."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsuzuki.errors import DiskFullError, StorageError, TsuzukiError

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FULL_ON_WINDOWS = {39, 112}
"""ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL of winerror.h."""

_ADVICE = {
    errno.EROFS: "The disk is read-only. Make it writable again",
    errno.EIO: "The disk reports a fault. Check its cable and health",
    errno.EACCES: "Access is denied. Check the permissions of the folder",
    errno.EPERM: "Access is denied. Check the permissions of the folder",
    errno.EFBIG: "The file system or a limit of this account refuses files of that size. Use a "
    "folder on another disk (TSUZUKI_SESSIONS_DIR) or raise the limit",
    errno.ENODEV: "The disk has gone away. Connect it again",
    errno.ENXIO: "The disk has gone away. Connect it again",
    getattr(errno, "ESTALE", errno.EIO): "The network folder has gone away. Connect it again",
    errno.EMFILE: "Too many files are open. Raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "The name is too long. Use a folder with a shorter path",
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors about ``path`` into `DiskFullError` and `StorageError`.

    That a file exists or is missing is an answer, not a fault, and passes as it is.
    """
    try:
        yield
    except (TsuzukiError, FileExistsError, FileNotFoundError):
        raise
    except OSError as error:
        raise storage_error(error, path) from error


@contextmanager
def folder_needed(folder: Path) -> Iterator[None]:
    """Turn the news that nothing is found into a `StorageError`: ``folder`` has vanished."""
    try:
        yield
    except FileNotFoundError as error:
        raise StorageError(
            f"The folder {folder} is gone. Connect its disk or make it again, then run `tsuzuki "
            "resume`; everything finished before is saved where it was.",
            path=str(folder),
            errno=error.errno,
        ) from error


def storage_error(error: OSError, path: Path) -> TsuzukiError:
    """Return the error to raise in place of ``error``, with what to do about it."""
    if error.errno in _FULL or getattr(error, "winerror", None) in _FULL_ON_WINDOWS:
        return _disk_full(path)
    reason = error.strerror or str(error)
    advice = _ADVICE.get(error.errno or 0, "Check the disk and the folder")
    return StorageError(
        f"{path} could not be written or read ({reason}). {advice}, then run `tsuzuki resume`; "
        "everything finished before is saved.",
        path=str(path),
        errno=error.errno,
    )


def _disk_full(path: Path) -> DiskFullError:
    free = free_bytes(path)
    left = "" if free is None else f" ({free:,} bytes are free)"
    return DiskFullError(
        f"The disk or quota of {path} is full{left}. Free some space and run `tsuzuki resume`; "
        "everything finished before is saved.",
        path=str(path),
        free=free,
    )


def is_there(path: Path) -> bool:
    """Whether there is something at ``path``; not at a name that is too long for the system."""
    return os.path.exists(path)  # noqa: PTH110 - `Path.exists` raises an error for such a name


def free_bytes(path: Path) -> int | None:
    """Return the bytes that the user may still write where ``path`` is or will be."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None
