"""The real command, killed at its system calls and refused them: the bytes stay the same.

strace counts each call of each thread by itself: the thread that is the first to come to its Nth
one is met. So the kinds of calls take turns, to meet every thread.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tsuzuki.sessions import SessionManager

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
GOLDEN_RATIO = 0.6180339887498949
"""Its multiples modulo 1 spread evenly, however many are taken."""
FRAMES = 36
TWELVE = ("--engine", "nearest", "--segment-frames", "12")
SPOOL = (*TWELVE, "--loss-budget", "0")
KEEP = (*TWELVE, "--keep-frames")


class Turn(NamedTuple):
    """Calls of one process, of which any one may be met.

    Python starts without them. A question mark stands before those that some processors lack.
    """

    who: str
    calls: str
    least: int
    """How many of them its busiest thread makes where nothing is left but to combine."""
    each: float
    """More of them for each frame that is left."""


TURNS = (
    Turn("runner", "fsync", 16, 0.4),
    Turn("worker", "fsync", 1, 2),
    Turn("runner", "?rename,?renameat,renameat2", 8, 0.2),
    Turn("worker", "?link,linkat", 1, 1),
    Turn("runner", "?unlink,unlinkat,?rmdir", 17, 0.8),
    Turn("worker", "?unlink,unlinkat", 1, 1),
    Turn("runner", "?link,linkat", 1, 0.3),
    Turn("runner", "?mkdir,mkdirat", 1, 0.1),
)
WRITES = (Turn("runner", "write", 15, 1.7), Turn("worker", "write", 10, 1.7))
"""To files, to the other process and to the user."""
KILLS: dict[str, tuple[tuple[str, ...], tuple[Turn, ...]]] = {
    "spooled": (SPOOL, (*WRITES, *TURNS)),
    "kept": (KEEP, (*WRITES, *TURNS)),
    "in memory": (
        TWELVE,
        (
            Turn("runner", "write", 15, 0.6),
            Turn("worker", "write", 10, 0.7),
            TURNS[0],
            Turn("worker", "fsync", 1, 0.1),  # the encoder's
        ),
    ),
}
RECOVERIES = (
    list(itertools.product(("combining", "repair"), (*WRITES, *TURNS)))
    if FULL
    else [("combining", WRITES[1]), ("combining", TURNS[4]), ("repair", TURNS[2])]
)
"""States to begin with, and the calls of which each one is met."""
ERRORS = {"EIO": 42, "ENOSPC": 41, "EROFS": 42, "EDQUOT": 41}
"""Errors, met once or from then on, and the exit code that each means."""


@pytest.fixture(scope="module", autouse=True)
def traces() -> None:
    """Look whether a process that is not one's own child can be traced here."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("injects into system calls by strace, on Linux")
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            tracer = subprocess.Popen(["strace", "-p", str(sleeper.pid)], stderr=subprocess.PIPE)
            assert tracer.stderr is not None
            with tracer:
                told = tracer.stderr.readline()
                tracer.terminate()
        finally:
            sleeper.kill()
    if b"attached" not in told:
        pytest.skip(f"strace may not attach here: {told.decode(errors='replace').strip()}")


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory, draw_clip: Callable[..., Path]) -> Path:
    return draw_clip(tmp_path_factory.mktemp("short") / "clip.mp4", FRAMES)


class Injected:
    """A run with something injected into one of its processes: into each worker that is born."""

    def __init__(self, job: Any, who: str, injections: Iterator[str]) -> None:
        self.victim = job.start()
        self.used: list[str] = []
        self._tracers: list[subprocess.Popen[bytes]] = []
        if who == "runner":
            self._inject_into_runner(next(injections))
        else:
            self._inject_into_workers(injections)
        self.code = self.victim.end()
        for tracer in self._tracers:
            tracer.wait(10)
        self.deaths = len(self.victim.all("worker-restarted")) + (self.code == 60)
        """Workers that died."""
        assert "Traceback" not in self.victim.errors, (self.used, self.victim.errors)
        assert self._alone(), (self.used, "a worker outlived its runner")

    @property
    def safe(self) -> int:
        """Frames that it found safe or told to be."""
        told = (*self.victim.all("frames-spooled"), *self.victim.all("segment-sealed"))
        return max([self.victim.frames_before, *(event["last"] for event in told)])

    def _inject_into_runner(self, injection: str) -> None:
        pid = self.victim.process.pid
        while b"libc" not in Path(f"/proc/{pid}/maps").read_bytes():
            time.sleep(0.001)  # it has not become Python yet, and strace lets go of what does
        self._inject(pid, injection, "-b", "execve")

    def _inject_into_workers(self, injections: Iterator[str]) -> None:
        met: set[int] = set()
        while self.victim.process.poll() is None:
            for pid in set(self.victim.workers()) - met:
                met.add(pid)
                self._inject(pid, next(injections))
            time.sleep(0.01)

    def _inject(self, pid: int, injection: str, *options: str) -> None:
        self.used.append(injection)
        trace = f"trace=execve,{injection.partition(':')[0]}"
        command = ["strace", "-f", *options, "-qq", "-o", os.devnull, "-p", str(pid), "-e", trace]
        command += ["-e", f"inject={injection}"]
        self._tracers.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    def _alone(self) -> bool:
        """Tell whether every process of its group ends within two seconds."""
        deadline = time.monotonic() + 2
        while any(self._is_left(stat) for stat in Path("/proc").glob("[0-9]*/stat")):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _is_left(self, stat: Path) -> bool:
        with contextlib.suppress(OSError):
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            return int(group) == self.victim.process.pid and state not in "ZX"
        return False


class Campaign:
    """Takes jobs from nothing to their outputs, each run with an injection, and counts."""

    def __init__(self, turns: tuple[Turn, ...], what: tuple[str, ...], codes: set[int]) -> None:
        """Inject each of ``what`` in turn, at a call that it has a place for.

        A run may end with ``codes``.
        """
        self.points = 0
        self.late = 0
        """Runs that made fewer calls than were counted to."""
        self.losses = 0
        """Frames that were said to be safe and were not, and outputs with other bytes."""
        self.codes: Counter[int] = Counter()
        self.again: list[int] = []
        """Frames that had to be computed again, for each interruption."""
        self._turns, self._what, self._numbers = itertools.cycle(turns), what, itertools.count()
        self._allowed = codes

    def work(self, make: Callable[[], Any], points: int, check: Callable[[Any], bool]) -> None:
        """Work on one job after the other until there were so many points."""
        while self.points < points:
            job, safe = make(), 0
            done = False
            while not done:
                turn = next(self._turns)
                run = Injected(job, turn.who, self._injections(turn, FRAMES - safe))
                self.count(run, safe)
                safe = run.safe
                done = run.code == 0 or (job.output.exists() and not job.has_session())
            self.losses += not check(job)

    def count(self, run: Injected, safe: int) -> None:
        """Count a run before which so many frames were said to be safe."""
        assert run.code in self._allowed, (run.used, run.code, run.victim.errors)
        if run.code in ERRORS.values():
            assert "tsuzuki resume" in run.victim.errors
            assert run.code == next(c for name, c in ERRORS.items() if f"={name}:" in run.used[0])
        met = max(run.deaths, run.code != 0)
        self.points += met
        self.late += not met
        self.codes[run.code] += 1
        if run.victim.all("session-opened"):
            self.losses += max(0, safe - run.victim.frames_before)
        self.again += [event["frames_again"] for event in run.victim.all("resume-report")]
        if run.deaths and run.code == 0:
            (end,) = run.victim.all("finished")
            again = end["frames_computed"] + run.victim.frames_before - FRAMES
            self.again += [ceil(again / run.deaths)] * run.deaths

    def figures(self) -> dict[str, Any]:
        """Return what to record."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def _injections(self, turn: Turn, left: int) -> Iterator[str]:
        span = turn.least + turn.each * left
        for number in self._numbers:
            when = 1 + int(span * (number * GOLDEN_RATIO % 1))
            yield f"{turn.calls}:{self._what[number % len(self._what)]}".format(when)


@pytest.fixture
def check(undisturbed: Any, shown_numbers: Any, short_clip: Path) -> Callable[[Any], bool]:
    """Tell whether a job's output has the bytes of an undisturbed run, and every frame once."""

    def look(job: Any) -> bool:
        same = job.digest() == undisturbed(short_clip, *TWELVE).digest
        return same and shown_numbers(job.output) == list(range(FRAMES))

    return look


@pytest.mark.timeout(600)
@pytest.mark.parametrize("variant", KILLS)
def test_killed_at_its_calls(
    command: Any, check: Any, record: Any, short_clip: Path, variant: str
) -> None:
    options, turns = KILLS[variant]
    campaign = Campaign(turns, ("signal=SIGKILL:when={}",), {0, -9, 60})
    campaign.work(lambda: command(short_clip, *options), 16 if FULL else 4, check)
    record(f"killed at calls, frames {variant}", kills=campaign.points, **campaign.figures())
    assert campaign.losses == 0
    if variant != "in memory":
        assert max(campaign.again) <= 2  # one is being written, one is in work


@pytest.fixture
def upscaled(
    tmp_path_factory: pytest.TempPathFactory, command: Callable[..., Any], short_clip: Path
) -> Path:
    """A folder with a job of which nothing is left but to combine."""
    folder = tmp_path_factory.mktemp("upscaled")
    victim = command(short_clip, *SPOOL, folder=folder).start()
    assert victim.wait_for(lambda e: e["event"] == "step-started" and e["step"] == "combine")
    victim.kill("both")
    victim.end()
    return folder


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("state", "turn"), RECOVERIES)
def test_killed_at_each_call_of_combining_and_repair(
    command: Any,
    check: Any,
    record: Any,
    short_clip: Path,
    upscaled: Path,
    tmp_path: Path,
    state: str,
    turn: Turn,
) -> None:
    campaign = Campaign((turn,), (), {0, -9, 60})
    for when in itertools.count(1, 6 if not FULL else 3 if state == "combining" else 8):
        folder = shutil.copytree(upscaled, tmp_path / str(when))
        with SessionManager(folder / "sessions") as manager:  # a copy counts as brought in
            for session_id in manager.session_ids():
                manager.adopt(session_id)
        if state == "repair":
            flip_a_byte(next(folder.glob("sessions/*/upscaled/segment_000002-*.mkv")))
        job = command(short_clip, *SPOOL, folder=folder)
        run = Injected(job, turn.who, itertools.repeat(f"{turn.calls}:signal=SIGKILL:when={when}"))
        campaign.count(run, 0)
        if run.code != 0 and (not job.output.exists() or job.has_session()):
            job.run()
        campaign.losses += not check(job)
        if run.code == 0:
            break
    record(f"killed at each call, {state}", kills=campaign.points, **campaign.figures())
    assert campaign.losses == 0


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.timeout(600)
def test_refused_calls_pause_it(command: Any, check: Any, record: Any, short_clip: Path) -> None:
    what = tuple(f"error={name}:when={{}}{on}" for on in ("", "+") for name in ERRORS)
    campaign = Campaign(TURNS, what, {0, *ERRORS.values()})
    campaign.work(lambda: command(short_clip, *SPOOL), 16 if FULL else 6, check)
    record("refused calls", **campaign.figures())
    assert campaign.losses == 0
