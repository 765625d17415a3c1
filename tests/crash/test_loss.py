"""What a kill costs, with a real network: the loss budget and the frame in work, no more."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tsuzuki.sessions.live import SAVE_SECONDS

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
"""Whether there is time for the whole kit."""
CASES = [("0.5", 12, 20), ("2", None, 96)] if FULL else [("0.5", None, 20)]
"""Loss budget in seconds, longest segment, frames."""
NETWORK = ("--quality", "Fast", "--device", "cpu")
IN_FLIGHT = 1
"""Frames that the runner may know as finished when the kill cuts the line that tells of them."""
WHO = ("both", "runner", "worker")


class Told:
    """What a run told of the frames that it computed."""

    def __init__(self, victim: Any) -> None:
        self.moments = [
            (event["frames_done"], moment)
            for event, moment in zip(victim.events, victim.heard, strict=True)
            if event["event"] == "step-progress" and event["step"] == "upscale"
        ]
        """Frames done, and when this was told."""
        self.finished = victim.frames_before + victim.frames_computed
        """Frames that were safe before, and those that this run finished."""

    @property
    def fastest(self) -> float:
        """Least time of a frame between two reports, in seconds; not every frame has its own."""
        times = [(t - s) / (b - a) for (a, s), (b, t) in pairwise(self.moments) if b > a]
        return min(times, default=9.0)


@pytest.fixture
def draw(tmp_path: Path, draw_clip: Callable[..., Path]) -> Callable[[int], Path]:
    return lambda frames: draw_clip(tmp_path / "clip.mp4", frames)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("budget", "segment", "frames"), CASES)
def test_a_kill_costs_the_loss_budget_and_the_frame_in_work(
    draw: Callable[[int], Path],
    shown_numbers: Callable[[Path], list[int]],
    command: Callable[..., Any],
    undisturbed: Callable[..., Any],
    record: Callable[..., None],
    budget: str,
    segment: int | None,
    frames: int,
) -> None:
    clip = draw(frames)
    options = (*NETWORK, *(("--segment-frames", str(segment)) if segment else ()))
    job = command(clip, *options, "--loss-budget", budget)
    kills = 6 if FULL else 3
    again: list[int] = []
    fastest = []
    before: Told | None = None
    for number, who in zip(range(1, kills + 1), itertools.cycle(WHO), strict=False):
        due = number * frames // (kills + 1)
        if who == "worker" and number < kills:
            continue  # its run goes on to the end: the last one
        victim = job.start()
        assert victim.wait_for(lambda e, due=due: (e.get("frames_done") or 0) >= due)
        victim.kill(who)
        victim.end()
        told = Told(victim)
        fastest.append(told.fastest)
        if before is not None:
            again.append(before.finished - victim.frames_before)
            # Where the kill came before the first save, nothing is told: it is a new session.
            reported = sum(event["frames_again"] for event in victim.all("resume-report"))
            unsaved = SAVE_SECONDS / min(fastest) + 1
            assert again[-1] - unsaved <= reported <= again[-1] + IN_FLIGHT
        before = told
    assert victim.all("worker-restarted")
    computed = victim.all("finished")[0]["frames_computed"]
    again.append(computed - (frames - victim.frames_before))
    record(f"loss, budget {budget} s, segments of {segment or 'the default'}", again=again)
    assert max(again) <= float(budget) / min(fastest) + 1, (again, fastest)
    assert shown_numbers(job.output) == list(range(frames))
    assert job.digest() == undisturbed(clip, *options).digest
