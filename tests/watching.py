"""What the program opens, changes, runs and connects to, told by an audit hook.

Workers are made by forking this process, so that the hook is in them too; and that takes a
hundredth of the time that a new Python does.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import tsuzuki
from tsuzuki.pipeline import process, worker

RUNS = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
    "urllib.Request", "webbrowser.open",
)  # fmt: skip
"""Events that must not happen at all."""
READS = ("os.listdir", "os.scandir", "os.getxattr")
CHANGES = (
    "os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.chown", "os.utime", "os.setxattr", "os.mkfifo", "os.mknod", "shutil.rmtree",
)  # fmt: skip
LIBRARIES = tuple(
    os.path.realpath(path)
    for path in (
        *(sys.prefix, sys.base_prefix, Path(tsuzuki.__file__).parent, "/proc", "/sys"),
        *(Path(__file__).parent, "/dev/urandom", "/etc/localtime", "/etc/mime.types"),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")),
        *("/usr/share/zoneinfo", "/etc/os-release", "/usr/lib/os-release", "/usr/share/terminfo"),
    )
)
"""What Python and its packages read."""


class Watch:
    """Notes whatever lies outside the folders and files that may be read, and changed.

    Where folders are removed names come without their folder, and count for names in the current
    one: let that be one that may be changed.
    """

    def __init__(self, log: Path, *, reads: Sequence[Path], changes: Sequence[Path]) -> None:
        self._log = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._changes = tuple(os.path.realpath(path) for path in changes)
        self._reads = (*LIBRARIES, *self._changes, *(os.path.realpath(path) for path in reads))

    def see(self, event: str, args: tuple[Any, ...]) -> None:
        """Judge one event, before it happens."""
        if event in RUNS:
            self._note(event, args)
        elif event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            flags = args[2] if isinstance(args[2], int) else 0
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
            self._judge(event, args[0], writes=writes, follows=not flags & os.O_NOFOLLOW)
        elif event in READS or event in CHANGES:
            for path in args[:2]:
                if isinstance(path, str | bytes | os.PathLike):
                    self._judge(event, path, writes=event in CHANGES, follows=event in READS)

    def found(self) -> list[str]:
        """Return what lay outside."""
        size = os.fstat(self._log).st_size
        return sorted(set(os.pread(self._log, size, 0).decode(errors="replace").splitlines()))

    def close(self) -> None:
        os.close(self._log)

    def _judge(self, event: str, path: Any, *, writes: bool, follows: bool) -> None:
        name = os.fsdecode(path)
        head, tail = os.path.split(os.path.abspath(name))  # noqa: PTH100 - as it was given
        real = os.path.realpath(name) if follows else f"{os.path.realpath(head)}/{tail}"
        if real != os.devnull and not _is_in(real, self._changes if writes else self._reads):
            self._note(event, (name, "to change" if writes else "to read"))

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        os.write(self._log, f"{event} {args!r}"[:4000].encode(errors="replace") + b"\n")


def _is_in(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(place.rstrip("/") + "/") for place in places)


_present: list[Watch] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    for watch in _present:
        watch.see(event, args)


@contextlib.contextmanager
def watching(log: Path, *, reads: Sequence[Path], changes: Sequence[Path]) -> Iterator[Watch]:
    """Watch this process and its workers meanwhile."""
    if not _installed:
        sys.addaudithook(_hook)  # it can never be removed
        _installed.append(True)
    watch = Watch(log, reads=reads, changes=changes)
    _present.append(watch)
    try:
        yield watch
    finally:
        _present.remove(watch)
        watch.close()


_installed: list[bool] = []


@contextlib.contextmanager
def in_time(seconds: int) -> Iterator[None]:
    """Fail where this takes longer, whatever it waits for."""

    def hang(*_: object) -> None:
        pytest.fail(f"it took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


memory: list[int] = []
"""The most memory that each worker took beside what it began with, where that is known."""


def _resident() -> int:
    """Return the bytes that this process holds in memory: a copy of it begins with them."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class Fork:
    """A worker in a copy of this process, with what `WorkerProcess` uses of ``Popen``."""

    def __init__(self, command: Sequence[str], **_: Any) -> None:
        assert command[-1] == process.PROGRAM
        pipes = [os.pipe() for _ in range(3)]
        self._began_with = _resident()
        gc.freeze()  # a copy must not free a codec whose threads it does not have: it would wait
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
            self.pid = os.fork()
        if self.pid == 0:
            try:
                for number in range(3):
                    os.dup2(pipes[number][number > 0], number)
                for pipe in pipes:
                    os.close(pipe[0])
                    os.close(pipe[1])
                worker.main()
            finally:
                os._exit(70)
        gc.unfreeze()
        self._code: int | None = None
        ends: list[BinaryIO] = []
        for number, (reader, writer) in enumerate(pipes):
            os.close(writer if number else reader)
            ends.append(os.fdopen(reader if number else writer, "rb" if number else "wb"))
        self.stdin, self.stdout, self.stderr = ends

    def kill(self) -> None:
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._code is None:
            pid, status, usage = os.wait4(self.pid, 0 if deadline is None else os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
                most = usage.ru_maxrss << 10 if sys.platform == "linux" else 0
                memory.append(max(0, most - self._began_with))
            elif deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("worker", timeout or 0.0)
            else:
                time.sleep(0.002)
        return self._code


class Fresh(Fork):
    """A worker that is no copy: nothing that this process has freed serves it.

    Its memory is read while it lives: what the kernel tells at its end counts this process, too,
    which it was before it became another program.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        child = subprocess.Popen(command, **options)
        child.returncode = 0  # it is waited for here
        self._code = None
        self._most = 0
        self.pid = child.pid
        self.stdin, self.stdout, self.stderr = child.stdin, child.stdout, child.stderr
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            deadline = None if timeout is None else time.monotonic() + timeout
            while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
                if deadline is not None and time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired("worker", timeout or 0.0)
                time.sleep(0.002)
            self._code = os.waitstatus_to_exitcode(ended[1])
            self._reader.join()
            memory.append(self._most)
        return self._code

    def _read(self) -> None:
        status = Path(f"/proc/{self.pid}/status")
        while self._code is None:
            with contextlib.suppress(OSError):  # it may have ended
                for line in status.read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self._most = int(line.split()[1]) << 10
            time.sleep(0.005)


class Forking:
    """What `WorkerProcess` uses of the module ``subprocess``."""

    Popen = Fork
    PIPE = subprocess.PIPE
    TimeoutExpired = subprocess.TimeoutExpired
