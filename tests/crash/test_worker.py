"""A worker that is killed alone: replaced, unless it dies at the same place again and again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

OPTIONS = ("--engine", "nearest", "--segment-frames", "12")


def sealed(event: dict[str, Any]) -> bool:
    return event["event"] == "segment-sealed"


def test_three_deaths_at_the_same_place_pause_the_run(
    command: Callable[..., Any], undisturbed: Callable[..., Any], clip: Any
) -> None:
    job = command(clip, *OPTIONS)
    victim = job.start()
    assert victim.wait_for(sealed)
    while victim.process.poll() is None:  # each worker as soon as it is born
        for pid in victim.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    assert victim.end() == 60, victim.errors
    assert len(victim.all("worker-restarted")) == 2
    stopped = victim.events[-1]
    assert (stopped["event"], stopped["code"], stopped["exit_code"]) == ("stopped", "worker", 60)
    assert stopped["resume_command"] in victim.errors
    assert not job.output.exists()
    safe = max(event["last"] for event in victim.all("segment-sealed"))
    resumed = job.run()
    assert resumed.frames_before >= safe
    assert job.digest() == undisturbed(clip, *OPTIONS).digest
