"""Ctrl-C, SIGTERM and SIGHUP to the real command, with and without a terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki.cli.signals import TOGETHER

OPTIONS = ("--engine", "nearest", "--segment-frames", "12")
KEEP = (*OPTIONS, "--keep-frames")  # gives the extraction something to do
PROMISED_SECONDS = 10
SIGNALS = {"upscale": signal.SIGINT, "extract": signal.SIGTERM, "combine": signal.SIGHUP}
"""A signal in each step; on a terminal every one in every step."""


def begins(step: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "step-started" and event["step"] == step


def upscaled(event: dict[str, Any]) -> bool:
    return event["event"] == "segment-sealed"


@pytest.mark.parametrize(("step", "number"), SIGNALS.items())
def test_one_signal_saves_and_tells_how_to_go_on(
    command: Any, undisturbed: Any, clip: Any, gone: Any, number: signal.Signals, step: str
) -> None:
    job = command(clip, *KEEP)
    victim = job.start()
    assert victim.wait_for(upscaled if step == "upscale" else begins(step))
    workers = victim.workers()
    began = time.monotonic()
    os.killpg(victim.process.pid, number)  # as a terminal does: runner and worker get it
    code = victim.end(PROMISED_SECONDS)
    assert time.monotonic() - began < PROMISED_SECONDS
    assert gone(*workers)
    assert "Traceback" not in victim.errors
    if code == 0:
        assert step == "combine", "the step was so short that the signal came after it"
    else:
        assert code == 130
        session = victim.events[0]["session_id"]
        assert f"tsuzuki resume {session}" in victim.errors
        stopped = victim.events[-1]
        assert (stopped["event"], stopped["exit_code"]) == ("stopped", 130)
        assert stopped["resume_command"].startswith(f"tsuzuki resume {session} ")
        assert not job.output.exists()
        assert job.run().all("session-opened")[0]["resumed"]
    assert job.digest() == undisturbed(clip, *OPTIONS).digest


def test_a_second_signal_ends_it_at_once(
    command: Any, undisturbed: Any, clip: Any, gone: Any
) -> None:
    job = command(clip, *OPTIONS)
    victim = job.start()
    assert victim.wait_for(upscaled)
    (worker,) = victim.workers()
    os.kill(worker, signal.SIGSTOP)  # so that it cannot save
    victim.process.send_signal(signal.SIGINT)
    time.sleep(2 * TOGETHER)
    assert victim.process.poll() is None
    began = time.monotonic()
    victim.process.send_signal(signal.SIGINT)
    assert victim.end(PROMISED_SECONDS) == 130
    assert time.monotonic() - began < 2
    assert gone(worker)
    assert job.run().all("session-opened")[0]["resumed"]
    assert job.digest() == undisturbed(clip, *OPTIONS).digest


@pytest.mark.slow
def test_a_worker_that_hangs_does_not_keep_it(
    command: Any, undisturbed: Any, clip: Any, gone: Any
) -> None:
    job = command(clip, *OPTIONS)
    victim = job.start()
    assert victim.wait_for(upscaled)
    (worker,) = victim.workers()
    os.kill(worker, signal.SIGSTOP)
    began = time.monotonic()
    victim.process.send_signal(signal.SIGTERM)
    assert victim.end(PROMISED_SECONDS) == 130
    assert time.monotonic() - began < PROMISED_SECONDS
    assert gone(worker)
    job.run()
    assert job.digest() == undisturbed(clip, *OPTIONS).digest


# --- on a terminal --------------------------------------------------------------------------------

CLAIM = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches it
os.execv(sys.argv[1], sys.argv[1:])
"""
SLOW = ("--model", "realesrgan-x4plus", "--device", "cpu")
STEPS = ("opening", "extract", "upscale", "combine")
WAYS = ("Ctrl-C", "SIGTERM", "SIGHUP", "close")
ON_TERMINAL = [
    pytest.param(
        step,
        way,
        marks=[
            *([] if STEPS.index(step) == WAYS.index(way) else [pytest.mark.slow]),
        ],
    )
    for step in STEPS
    for way in WAYS
]


class Terminal:
    """A job on a terminal of its own, in the foreground."""

    def __init__(self, job: Any) -> None:
        import pty

        self.screen = ""
        self._master, slave = pty.openpty()
        arguments = ["upscale", job.clip, "-o", job.output, "--sessions-dir", job.sessions]
        arguments += ["--json", "--allow-sleep", *job.options]
        command = [sys.executable, "-c", CLAIM, sys.executable, "-P", "-m", "tsuzuki"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str) -> None:
        """Wait until it shows something or has ended."""
        while not re.search(pattern, self.screen) and self.process.poll() is None:
            time.sleep(0.005)

    def worker(self) -> int:
        """Wait for its worker and return the process id."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while not children.read_text():
            time.sleep(0.005)
        return int(children.read_text().split()[0])

    def interrupt(self, way: str) -> None:
        """Type Ctrl-C, send a signal or close the terminal."""
        if way == "Ctrl-C":
            os.write(self._master, b"\x03")
        elif way == "close":
            self.close()
        else:
            os.kill(self.process.pid, signal.Signals[way])

    def end(self) -> int:
        """Return the exit code when it has ended and everything was read."""
        code = self.process.wait(PROMISED_SECONDS)
        self._reader.join(PROMISED_SECONDS)
        return code

    def close(self) -> None:
        """Close it; the system tells its processes by SIGHUP."""
        master, self._master = self._master, -1
        if master >= 0:
            os.close(master)

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 65536):
                self.screen += data.decode(errors="replace")
        except OSError:
            return  # everybody has closed the other end, or it is closed itself


@pytest.fixture
def terminal() -> Iterator[Callable[[Any], Terminal]]:
    pytest.importorskip("pty", reason="needs a POSIX terminal")
    if sys.platform != "linux":
        pytest.skip("finds the worker by /proc")
    opened: list[Terminal] = []

    def start(job: Any) -> Terminal:
        opened.append(Terminal(job))
        return opened[-1]

    yield start
    for one in opened:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()
        one.close()


@pytest.mark.parametrize(("step", "way"), ON_TERMINAL)
def test_a_terminal_interrupts_each_step(
    command: Any,
    terminal: Any,
    undisturbed: Any,
    record: Any,
    clip: Any,
    gone: Any,
    step: str,
    way: str,
) -> None:
    job = command(clip, *KEEP)
    shown = terminal(job)
    worker = shown.worker()
    if step != "opening":
        shown.wait_for(f'"step-started".*"step":"{step}"')
    began = time.monotonic()
    shown.interrupt(way)
    code = shown.end()
    seconds = time.monotonic() - began
    assert seconds < PROMISED_SECONDS
    assert gone(worker)
    assert "Traceback" not in shown.screen
    assert code == 130 or (code == 0 and step == "combine"), shown.screen
    if code == 130 and "session-opened" in shown.screen and way != "close":
        assert re.search("tsuzuki resume [0-9a-f]{12}", shown.screen)
    job.run()
    losses = int(job.digest() != undisturbed(clip, *OPTIONS).digest)
    record(f"on a terminal, {step}", points=1, losses=losses, seconds=[round(seconds, 1)])
    assert losses == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_frame_that_takes_longer_than_the_promise(
    command: Any, terminal: Any, record: Any, tmp_path: Path, gone: Any
) -> None:
    job = command(draw_large(tmp_path / "large.mp4"), *SLOW)
    times = []
    for way in ("Ctrl-C", "SIGTERM", "SIGHUP", "twice"):
        shown = terminal(job)
        worker = shown.worker()
        shown.wait_for('"step-started".*"step":"upscale"')
        if way != "Ctrl-C":
            assert '"resumed":true' in shown.screen
        time.sleep(2 if times else PROMISED_SECONDS + 1)  # it is in the middle of the frame
        began = time.monotonic()
        shown.interrupt("Ctrl-C" if way == "twice" else way)
        if way == "twice":
            time.sleep(2 * TOGETHER)
            shown.interrupt("Ctrl-C")
        assert shown.end() == 130, shown.screen
        times.append(round(time.monotonic() - began, 1))
        assert gone(worker)
        assert "Traceback" not in shown.screen
        assert "frames-spooled" not in shown.screen
        assert way == "twice" or "tsuzuki resume" in shown.screen
    record("a frame longer than the promise", points=len(times), losses=0, seconds=times)
    assert max(times) < PROMISED_SECONDS
    assert times[-1] < 2


def draw_large(path: Path) -> Path:
    """Write a clip of one frame that a large network needs long for on any processor."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 224, 126, "yuv420p"
        picture = np.random.default_rng(0).integers(0, 256, (126, 224, 3), np.uint8)
        container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
    return path
