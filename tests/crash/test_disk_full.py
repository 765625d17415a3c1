"""A disk that fills up under the real command: it pauses, and goes on when there is room."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PASSES = 10 if int(os.environ.get("TSUZUKI_KILLS", "6")) >= 50 else 1
OPTIONS = ("--engine", "nearest", "--segment-frames", "12")
SPOOL = ("--loss-budget", "0")
DISK_MEGABYTES = 96
"""The least that a run asks for before it begins is two thirds of this."""
PAGE = 4096


class Disk:
    """A small file system of its own that can be filled up to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, free: int) -> None:
        """Leave so many bytes."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        os.truncate(self._ballast, max(0, self._ballast.stat().st_size - free))

    def clear(self) -> None:
        """Give all the room back."""
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounts a tmpfs, which needs root on Linux")
    kind = ["-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs"]
    done = subprocess.run(["mount", *kind, folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("step", ["upscale", "combine"])
@pytest.mark.parametrize("number", range(PASSES))
def test_a_full_disk_pauses_and_room_lets_it_go_on(
    disk: Disk,
    clip: Path,
    command: Callable[..., Any],
    undisturbed: Callable[..., Any],
    record: Callable[..., None],
    number: int,
    step: str,
) -> None:
    job = command(clip, *OPTIONS, *SPOOL, folder=disk.folder / "work")
    victim = job.start()
    assert victim.wait_for(lambda e: e["event"] == "step-started" and e["step"] == step)
    os.killpg(victim.process.pid, signal.SIGSTOP)  # so that it gets no further meanwhile
    disk.fill(free=number % 4 * PAGE)
    os.killpg(victim.process.pid, signal.SIGCONT)
    assert victim.end() == 41, victim.errors
    assert "Traceback" not in victim.errors
    assert "Logging error" not in victim.errors
    stopped = victim.events[-1]
    assert (stopped["event"], stopped["code"]) == ("stopped", "disk-full")
    assert stopped["resume_command"] in victim.errors
    if job.output.exists():  # it had its name before the room for telling so was gone
        assert job.digest() == undisturbed(clip, *OPTIONS).digest
    sealed = [event["last"] for event in victim.all("segment-sealed")]

    disk.clear()
    resumed = job.run()
    assert resumed.frames_before >= max(sealed, default=0)
    assert job.digest() == undisturbed(clip, *OPTIONS).digest
    record(f"full disk, {step}", passes=1)
