"""Ctrl-C, SIGTERM and SIGHUP to the real command, without a terminal, and what is left then."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tsuzuki.cli.signals import TOGETHER

OPTIONS = ("--engine", "nearest", "--segment-frames", "12")
KEEP = (*OPTIONS, "--keep-frames")  # gives the extraction something to do
PROMISED_SECONDS = 10
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EVERY = [
    pytest.param(
        number,
        step,
        marks=() if (number, step) in zip(SIGNALS, STEPS, strict=True) else pytest.mark.slow,
        id=f"{number.name}-{step}",
    )
    for STEPS in [("upscale", "extract", "combine")]
    for number in SIGNALS
    for step in STEPS
]


def begins(step: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "step-started" and event["step"] == step


def upscaled(event: dict[str, Any]) -> bool:
    return event["event"] == "segment-sealed"


@pytest.mark.parametrize(("number", "step"), EVERY)
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
        assert stopped["resume_command"] == f"tsuzuki resume {session}"
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
