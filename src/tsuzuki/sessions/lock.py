"""One runner for each session."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import filelock
import msgspec

from tsuzuki.durable import Durable, is_other_kind, read_bounded, storage_errors
from tsuzuki.errors import (
    DiskFullError,
    SessionBusyError,
    SessionDamagedError,
    StorageError,
    TsuzukiError,
)
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.progress import utc_now

OWNER_SECONDS = 0.5
"""Whoever takes the lock has said who it is by then."""
_OWNER_BYTES = 4096
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_held: dict[Path, SessionLock] = {}
_held_guard = threading.Lock()


class Owner(msgspec.Struct, frozen=True):
    """Who works on a session."""

    pid: int
    host: str
    since: str
    """ISO 8601."""


class SessionLock:
    """Excludes every other process, and every other holder in this one, from a session.

    The operating system drops the lock with the process that holds it, however that ends. Raises
    `SessionBusyError` if another holds it, `StorageError` if locks do not work there, and
    `SessionDamagedError` where something else than a file has the lock's name.
    """

    def __init__(self, paths: SessionPaths, durable: Durable | None = None) -> None:
        self.paths = paths
        self.aside: list[Path] = []
        """What was in the place of the owner's file, where it is now."""
        self._durable = durable or Durable()
        self._lock = filelock.FileLock(paths.lock, mode=0o600, thread_local=False)

    def acquire(self) -> Self:
        """Take the lock or raise at once."""
        self.paths.check()
        if not self.paths.exists():
            raise self.paths.missing()
        if is_other_kind(self.paths.lock):
            raise _no_lock(self.paths)
        with storage_errors(self.paths.lock):
            try:
                self._lock.acquire(timeout=0)
            except filelock.Timeout:
                raise _busy(self.paths) from None
        try:
            with storage_errors(self.paths.lock):
                _prove_exclusion(self.paths)
            self._say_who()
        except BaseException:
            self._lock.release()
            raise
        with _held_guard:
            _held[self.paths.lock] = self
        return self

    def release(self) -> None:
        """Let the next one work on the session; harmless when nothing is held."""
        with _held_guard:
            held = _held.get(self.paths.lock) is self
            if held:
                del _held[self.paths.lock]
        if held:
            try:
                with contextlib.suppress(TsuzukiError, OSError):
                    self._durable.remove_file(self.paths.owner)
            finally:
                self._lock.release()

    def _say_who(self) -> None:
        """Write the owner; a full disk leaves it unknown.

        Whoever wants to remove the session, to have room again, gets the lock even so.
        """
        path = self.paths.owner
        if is_other_kind(path):
            self.aside.append(self._durable.move_aside(path))
        owner = Owner(os.getpid(), socket.gethostname(), utc_now())
        try:
            self._durable.write_atomic(path, msgspec.json.encode(owner))
        except DiskFullError:
            with contextlib.suppress(DiskFullError):
                self._durable.remove_file(path)  # it names the last one

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _no_lock(paths: SessionPaths) -> SessionDamagedError:
    return SessionDamagedError(
        f"{paths.lock} is no ordinary file, so nobody can work on the session. Remove it, then run "
        f"`tsuzuki resume {paths.session_id}`; everything finished is there.",
        path=str(paths.lock),
    )


def _busy(paths: SessionPaths) -> SessionBusyError:
    owner = _present_owner(paths)
    who = f"process {owner.pid} on {owner.host}" if owner else "another process"
    return SessionBusyError(
        f"Session {paths.session_id} is being worked on by {who}. Wait until that has "
        "ended, or stop it; nothing was changed.",
        pid=owner.pid if owner else None,
        host=owner.host if owner else None,
    )


def _present_owner(paths: SessionPaths) -> Owner | None:
    """Return who holds the lock; None where that is not told.

    Who took it a moment ago has not written it yet, and then the last owner may still be there.
    """
    deadline = time.monotonic() + OWNER_SECONDS
    while (owner := read_owner(paths)) is None or has_ended(owner):
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)
    return owner


def has_ended(owner: Owner) -> bool:
    """Tell whether the process is known to run no more; on Windows asking would end it."""
    if owner.host != socket.gethostname() or sys.platform == "win32":
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def read_owner(paths: SessionPaths) -> Owner | None:
    """Return who took the lock last; None where that is not known."""
    try:
        return msgspec.json.decode(read_bounded(paths.owner, _OWNER_BYTES), type=Owner)
    except (OSError, TsuzukiError, ValueError, RecursionError):
        return None


def held_here(paths: SessionPaths) -> SessionLock | None:
    """Return the lock if this process holds it."""
    with _held_guard:
        return _held.get(paths.lock)


@contextlib.contextmanager
def left_alone(paths: SessionPaths) -> Iterator[None]:
    """Let nobody begin to work on the session meanwhile, without changing a file of it.

    Raises `SessionBusyError` while somebody works on it.
    """
    if is_other_kind(paths.lock):  # nobody could take that
        yield
        return
    try:
        with storage_errors(paths.lock):
            fd = _open_lock(paths.lock)
    except FileNotFoundError:  # nobody has ever worked on it
        yield
        return
    if fd is None:
        yield
        return
    try:
        if not _take(fd):
            raise _busy(paths)
        yield
    finally:
        os.close(fd)


def _open_lock(path: Path) -> int | None:
    """Open a lock without making it; None where nobody could work on the session anyway."""
    try:
        return os.open(path, _FLAGS)
    except OSError as error:
        if error.errno not in {errno.EROFS, errno.EACCES}:
            raise
    return None


def _excludes(path: Path) -> bool:
    """Try to take a held lock again through a second descriptor: some file systems let one."""
    fd = os.open(path, _FLAGS)
    try:
        return not _take(fd)
    finally:
        os.close(fd)


def _take(fd: int) -> bool:
    """Take the lock until the descriptor is closed; False where another holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - there is none elsewhere

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - there is none on Windows

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _prove_exclusion(paths: SessionPaths) -> None:
    if not _excludes(paths.lock):
        raise StorageError(
            f"The file system of {paths.root} does not keep two processes apart, so both could "
            "work on one session. Choose a folder on a local disk with TSUZUKI_SESSIONS_DIR or "
            "--sessions-dir.",
            path=str(paths.root),
        )
