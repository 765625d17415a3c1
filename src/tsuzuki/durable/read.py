"""Reading state that somebody may have damaged or planted."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tsuzuki.durable.faults import storage_errors
from tsuzuki.durable.port import FILE_MODE
from tsuzuki.errors import SessionDamagedError

_SAFELY = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""Follow no link, and wait for nobody at the other end of a pipe."""
_READ = os.O_RDONLY
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_PIECE = 1 << 20


def read_bounded(path: Path, limit: int) -> bytes:
    """Return all bytes of a regular file of at most ``limit`` bytes.

    Raises `SessionDamagedError` for a symbolic link, a device or a longer file, `StorageError`
    where reading fails, `FileNotFoundError` where there is nothing.
    """
    with storage_errors(path), open_regular(path) as file:
        too_long = os.fstat(file.fileno()).st_size > limit
        data = b"" if too_long else file.read(limit + 1)
    if too_long or len(data) > limit:
        raise SessionDamagedError(
            f"{path} is longer than the {limit:,} bytes that it may have, so it was not used. "
            "Remove it if you do not know it.",
            path=str(path),
        )
    return data


def sha256_of(path: Path, check: Callable[[], None] | None = None) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits; errors as in `read_bounded`.

    ``check`` is called for every piece of 1 MiB; what it raises, such as a cancel, ends the
    reading.
    """
    with storage_errors(path), open_regular(path) as file:
        digest = hashlib.sha256()
        while piece := file.read(_PIECE):
            digest.update(piece)
            if check is not None:
                check()
    return digest.hexdigest()


def open_regular(path: Path) -> BinaryIO:
    """Open an ordinary file for reading; `SessionDamagedError` for links, devices and the like."""
    return os.fdopen(_open(path, _READ), "rb")


def append_regular(path: Path) -> int:
    """Open an ordinary file, made if need be, for writing at its end; errors as `open_regular`."""
    return _open(path, _APPEND)


def _open(path: Path, flags: int) -> int:
    try:
        fd = os.open(path, flags | _SAFELY, FILE_MODE)
    except OSError as error:
        if is_other_kind(path):  # links, sockets; folders on Windows
            raise _not_regular(path) from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _not_regular(path)
    return fd


def is_other_kind(path: Path) -> bool:
    """Whether there is something that is no ordinary file: a link, a folder, a device."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _not_regular(path: Path) -> SessionDamagedError:
    return SessionDamagedError(
        f"{path} is no ordinary file, so it was not used. Remove it if you do not know it.",
        path=str(path),
    )
