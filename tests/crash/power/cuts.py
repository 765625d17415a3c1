"""Real power cuts: a file system in a loop image is shut down in the middle of the work.

Run as ``python -m tests.crash.power.cuts KIND FLAG STRIDE MUTANT FOLDER``, in a mount namespace of
its own so that nothing stays mounted however it ends; prints `Figures` as JSON.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tsuzuki.durable import OsPort

from .work import JOBS, Told, Work, using

SHUTDOWN = 0x8004587D
"""FS_IOC_SHUTDOWN: from then on nothing reaches the medium. Its flag 1 flushes the journal before,
so that names survive without their data; flag 2 nothing at all."""
OPTIONS = {"ext4": "loop,noauto_da_alloc", "xfs": "loop"}
"""ext4 by default flushes the data of a file that replaces another; here nothing makes up for a
missing flush."""
MEGABYTES = 512
"""XFS wants 300; the files of each point stay where they are."""
LOSS, ENDED = "loss: ", "end"
"""What a child tells beside what it has saved."""
_UNCOUNTED = {"seek", "size", "close"}
_SPREAD = 7
"""The second cut comes this much later with each point, within the first calls of the next run."""
_RESUMED_CALLS = 60


@dataclass
class Figures:
    """What was tried, and what came of it."""

    points: int = 0
    """Cuts; each was followed by a recovery."""
    losses: list[str] = field(default_factory=list)
    seconds: float = 0


class CuttingPort:
    """The real port, which cuts the power before its Nth call that changes state."""

    def __init__(self, mounted: Path, at: int, flag: int, mutant: str) -> None:
        self._real = OsPort()
        self._mounted = mounted
        self._left = at
        self._flag = flag
        self._mutant = mutant

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)
        return call if name in _UNCOUNTED else lambda *args: self._count(name, call, *args)

    def _count(self, name: str, call: Callable[..., Any], *args: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            fd = os.open(self._mounted, os.O_RDONLY)
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", self._flag))
            os.kill(os.getpid(), signal.SIGKILL)
        return None if name == self._mutant else call(*args)


class Image:
    """A file system in a file in memory."""

    def __init__(self, kind: str, folder: Path) -> None:
        _command("mount", "-t", "tmpfs", "tmpfs", folder)
        self._file = folder / "image"
        self._options = OPTIONS[kind]
        self.mounted = folder / "mounted"
        self.mounted.mkdir()
        self._file.touch()
        os.truncate(self._file, MEGABYTES << 20)
        quiet = ["-q", "-F"] if kind == "ext4" else ["-q"]
        _command(f"mkfs.{kind}", *quiet, self._file)
        self._mount()

    def remount(self) -> None:
        """Have the file system recover from its journal."""
        _command("umount", self.mounted)
        self._mount()

    def _mount(self) -> None:
        _command("mount", "-o", self._options, self._file, self.mounted)


@dataclass(frozen=True)
class Case:
    """A job, and when the power goes."""

    job: str
    at: int
    """Call before which the first run is cut."""
    again: int
    """Call before which the next one is."""


class Cuts:
    """Cuts at every ``stride``-th call; ``mutant`` is left out, until that is noticed."""

    def __init__(self, kind: str, flag: int, stride: int, mutant: str, folder: Path) -> None:
        self.figures = Figures()
        self._kind = kind
        self._flag = flag
        self._image = Image(kind, folder)
        self._video = folder / "clip.mkv"
        self._video.write_bytes(b"video")
        self._stride = stride
        self._mutant = mutant

    def run(self) -> Figures:
        """Cut each job."""
        began = time.monotonic()
        for number, job in enumerate(JOBS):
            at = 1 + number * self._stride // (2 * len(JOBS))  # a repair is short
            while self._try(Case(job, at, 1 + at * _SPREAD % _RESUMED_CALLS)):
                at += self._stride * JOBS[job].every
                if self._mutant and self.figures.losses:
                    return self.figures
        self.figures.seconds = round(time.monotonic() - began, 1)
        return self.figures

    def _try(self, case: Case) -> bool:
        """Cut a run, and the resumed one; False where the first came to its end before.

        The last run is not cut and has to leave what an uninterrupted one would.
        """
        told: Told = []

        def resume(work: Work) -> list[str]:
            return work.recover(told)[0] + work.finish()

        self._work(case).prepare()
        if not self._cut(case, case.at, told, lambda work: work.run()):
            return False
        if self._cut(case, case.again, told, resume):
            self._cut(case, 0, told, resume)
        return True

    def _cut(self, case: Case, at: int, told: Told, do: Callable[[Work], list[str] | None]) -> bool:
        """Do something in a child until it is cut; False where it came to its end."""

        def child(tell: Callable[[str], None]) -> None:
            port = CuttingPort(self._image.mounted, at, self._flag, self._mutant)
            with using(port):
                for loss in do(self._work(case, tell)) or []:
                    tell(LOSS + loss)

        words = _in_child(child)
        lost = [word for word in words if word.startswith(LOSS)]
        self.figures.losses += [f"{self._kind}, flag {self._flag}, {case}: {word}" for word in lost]
        told += [word for word in words if word not in lost]
        if ENDED in told:
            return False
        self.figures.points += 1
        self._image.remount()
        return True

    def _work(self, case: Case, tell: Callable[[str], None] = lambda _: None) -> Work:
        folder = self._image.mounted / f"{case.job}-{case.at}"
        return JOBS[case.job](folder, self._video, tell)


def _in_child(work: Callable[[Callable[[str], None]], None]) -> list[str]:
    """Do work in a child, which may be killed; return what it told, `ENDED` where it was not."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)

        def tell(word: str) -> None:
            os.write(writing, f"{word}\n".encode())

        try:
            work(tell)
        except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
            tell(f"{LOSS}{error!r}")
        tell(ENDED)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        words = told.read().splitlines()
    os.waitpid(pid, 0)
    return words


def _command(*arguments: str | Path) -> None:
    subprocess.run(arguments, check=True, capture_output=True)


def main() -> None:
    logging.disable()
    kind, flag, stride, mutant, folder = sys.argv[1:]
    figures = Cuts(kind, int(flag), int(stride), mutant, Path(folder)).run()
    print(json.dumps(asdict(figures)))  # noqa: T201


if __name__ == "__main__":
    main()
