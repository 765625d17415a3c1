"""A disk that fills up under the real command: it pauses, and goes on when there is room."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STEPS = pytest.mark.parametrize(
    "step", ["upscale", pytest.param("combine", marks=pytest.mark.slow)]
)
FULL = os.environ.get("TSUZUKI_CRASH") == "full"
OPTIONS = ("--engine", "nearest", "--segment-frames", "12")
SPOOL = ("--loss-budget", "0")
SMALL, LARGE = 8, 96
"""Megabytes of the disk that is full, and of the one with room for what a run asks for first."""
PAGE = 4096
TINY = 2048
"""A limit of file sizes in bytes: enough for messages, too little for frames and progress."""


class Disk:
    """A file system of its own that can be filled up to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, free: int) -> None:
        """Make it small and leave so many bytes."""
        self._resize(SMALL)
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        os.truncate(self._ballast, max(0, self._ballast.stat().st_size - free))

    def clear(self) -> None:
        """Make it large and give all the room back."""
        self._ballast.unlink(missing_ok=True)
        self._resize(LARGE)

    def _resize(self, megabytes: int) -> None:
        options = f"remount,size={megabytes}m"
        subprocess.run(["mount", "-o", options, self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounts a tmpfs, which needs root on Linux")
    kind = ["-t", "tmpfs", "-o", f"size={LARGE}m", "tmpfs"]
    done = subprocess.run(["mount", *kind, folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


def begins(step: str) -> Callable[[dict[str, Any]], bool]:
    """Tell when a step comes, to be worked on or to be skipped."""
    return lambda e: e["event"] in {"step-started", "step-skipped"} and e["step"] == step


def told_safe(victim: Any) -> int:
    """Return how many frames a run found safe or said to be."""
    told = (*victim.all("frames-spooled"), *victim.all("segment-sealed"))
    return max([victim.frames_before, *(event["last"] for event in told)])


def assert_paused(victim: Any, code: str, exit_code: int) -> None:
    """Check that a run ended with a pause and says how to go on."""
    assert victim.end() == exit_code, victim.errors
    assert "Traceback" not in victim.errors
    assert "Logging error" not in victim.errors
    stopped = victim.events[-1]
    assert (stopped["event"], stopped["code"]) == ("stopped", code)
    assert stopped["resume_command"] in victim.errors


@STEPS
@pytest.mark.parametrize("free", range(4 if FULL else 1))
def test_a_full_disk_pauses_and_room_lets_it_go_on(
    disk: Disk,
    clip: Path,
    command: Callable[..., Any],
    undisturbed: Callable[..., Any],
    record: Callable[..., None],
    free: int,
    step: str,
) -> None:
    for attempt in range(5):
        job = command(clip, *OPTIONS, *SPOOL, folder=disk.folder / f"work-{attempt}")
        victim = job.start()
        assert victim.wait_for(begins(step))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(victim.process.pid, signal.SIGSTOP)  # so that it gets no further meanwhile
            disk.fill(free=free * PAGE)
            os.killpg(victim.process.pid, signal.SIGCONT)
        if victim.end() != 0:
            break
        disk.clear()  # it was at its end before this process had its turn
    assert_paused(victim, "disk-full", 41)
    if job.output.exists():  # it had its name before the room for telling so was gone
        assert job.digest() == undisturbed(clip, *OPTIONS).digest

    disk.clear()
    resumed = job.run()
    losses = max(0, told_safe(victim) - resumed.frames_before)
    losses += job.digest() != undisturbed(clip, *OPTIONS).digest
    record(f"full disk, {step}", points=1, losses=losses)
    assert losses == 0


@pytest.mark.slow
def test_passes_on_a_disk_that_is_filled_again_and_again(
    disk: Disk,
    tmp_path: Path,
    draw_clip: Callable[..., Path],
    command: Callable[..., Any],
    undisturbed: Callable[..., Any],
    record: Callable[..., None],
) -> None:
    passes = 10 if FULL else 3
    clip = draw_clip(tmp_path / "long.mp4", 24 * passes)
    job = command(clip, *OPTIONS, *SPOOL, folder=disk.folder / "work")
    safe = [0]
    losses = 0
    for number in range(passes):
        victim = job.start()
        assert victim.wait_for(begins("extract"))  # it has looked for room before
        os.killpg(victim.process.pid, signal.SIGSTOP)
        disk.fill(free=(6 + number % 4) * PAGE)
        os.killpg(victim.process.pid, signal.SIGCONT)
        assert_paused(victim, "disk-full", 41)
        losses += max(0, safe[-1] - victim.frames_before)
        safe.append(told_safe(victim))
        disk.clear()
    assert safe[-1] > safe[0], "something has to get done in spite of it"
    losses += max(0, safe[-1] - job.run().frames_before)
    losses += job.digest() != undisturbed(clip, *OPTIONS).digest
    record("full disk, again and again", points=passes, losses=losses, safe=safe[1:])
    assert losses == 0


@STEPS
def test_a_limit_of_file_sizes_pauses_it(
    clip: Path,
    command: Callable[..., Any],
    undisturbed: Callable[..., Any],
    record: Callable[..., None],
    step: str,
) -> None:
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("limits another process, which only Linux does")
    job = command(clip, *OPTIONS, *SPOOL)
    victim = job.start()
    assert victim.wait_for(begins(step))
    os.killpg(victim.process.pid, signal.SIGSTOP)
    for pid in (victim.process.pid, *victim.workers()):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (TINY, TINY))
    os.killpg(victim.process.pid, signal.SIGCONT)
    assert_paused(victim, "storage", 42)
    assert "limit" in victim.errors

    resumed = job.run()
    losses = max(0, told_safe(victim) - resumed.frames_before)
    losses += job.digest() != undisturbed(clip, *OPTIONS).digest
    record(f"limit of file sizes, {step}", points=1, losses=losses)
    assert losses == 0
