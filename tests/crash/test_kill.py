"""Kills of the real command: the output has the bytes of an uninterrupted run."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

KILLS = int(os.environ.get("TSUZUKI_KILLS", "3"))
"""Kills for each encoder."""
PARTS = min(4, max(1, KILLS // 15))
"""Tests for each encoder, each with some of the variants, so that the cores share them evenly."""
GOLDEN_RATIO = 0.6180339887498949
"""Its multiples modulo 1 spread evenly, however many are taken."""

QUICK = ("--engine", "nearest")
TWELVE = ("--segment-frames", "12")
SPOOL = ("--loss-budget", "0")
KEEP = ("--keep-frames",)
FAST = dict.fromkeys(("x264", "x265"), ("--preset", "ultrafast"))
VARIANTS = (TWELVE, (*SPOOL,), (*TWELVE, *KEEP), (), (*TWELVE, *SPOOL), (*KEEP,))
"""Segments of twelve frames and of the default length; frames in memory, spooled, kept."""
WHO = ("both", "runner", "worker", "worker", "both", "runner", "runner", "both", "worker")
"""A run whose worker was killed comes to its end: so each one gets first, middle and last turns."""
WHERE = (None, "extract", None, "combine")
"""Half of the kills spread over the whole run; the others over its short steps."""


class Tally:
    """Kills, and what they cost."""

    def __init__(self) -> None:
        self.points = 0
        """Kills that met a run."""
        self.late = 0
        """Runs that were at their end when the kill came."""
        self.outputs = 0
        self.losses = 0
        """Outputs with other bytes or with missing, doubled or misplaced frames."""
        self.steps: Counter[str] = Counter()
        self.who: Counter[str] = Counter()
        self.again: list[int] = []
        """Frames computed again, for each kill."""


class Campaign:
    """Kills runs of one encoder until there were enough kills, and checks each output."""

    def __init__(
        self, encoder: str, numbers: range, clip: Any, command: Any, undisturbed: Any, shown: Any
    ) -> None:
        self.tally = Tally()
        self._options = (*QUICK, "--encoder", encoder, *FAST.get(encoder, ()))
        self._clip, self._command, self._shown = clip, command, shown
        self._undisturbed = undisturbed
        self._wanted, self._numbers = len(numbers), itertools.count(numbers.start)

    @property
    def is_over(self) -> bool:
        """Whether there were enough kills."""
        return self.tally.points >= self._wanted

    def job(self, variant: tuple[str, ...]) -> None:
        """Take one job from nothing to its output, with a kill in each run before the last."""
        timing = self._undisturbed(self._clip, *self._options, *variant)
        job = self._command(self._clip, *self._options, *variant)
        before: int | None = None
        while not job.output.exists() and not self.is_over:
            victim, who = self._kill_one(job, timing)
            if before is not None:
                self._count_again(max(0, before - victim.frames_before), variant)
            before = victim.frames_before + victim.frames_computed
            if who == "worker" and victim.all("worker-restarted"):
                computed = victim.all("finished")[0]["frames_computed"]
                self._count_again(computed - (timing.frames - victim.frames_before), variant)
                before = None
        if not job.output.exists() or job.has_session():
            last = job.start()
            assert last.end() == 0, last.errors
            if before is not None:
                self._count_again(max(0, before - last.frames_before), variant)
        self._check(job, timing.digest, timing.frames)

    def _kill_one(self, job: Any, timing: Any) -> tuple[Any, str]:
        number = next(self._numbers)
        who, where = WHO[number % len(WHO)], WHERE[number % len(WHERE)]
        span = timing.seconds if where is None else timing.steps[where]
        victim = job.start()
        victim.wait_for(lambda e: where is None or _begins(e, where))
        time.sleep(span * (number * GOLDEN_RATIO % 1))
        step = victim.step
        victim.kill(who)
        code = victim.end()
        assert "Traceback" not in victim.errors, victim.errors
        if who == "worker":
            assert code == 0, victim.errors
            landed = bool(victim.all("worker-restarted"))
        else:
            assert code in {0, -9}, victim.errors
            landed = code == -9
        if landed:
            self.tally.points += 1
            self.tally.steps[step] += 1
            self.tally.who[who] += 1
        else:
            self.tally.late += 1
        return victim, who

    def _count_again(self, frames: int, variant: tuple[str, ...]) -> None:
        self.tally.again.append(frames)
        if set(variant) & {*SPOOL, *KEEP}:
            # One is being written, one is in work. Otherwise two seconds may be lost: the clip.
            assert frames <= 2, f"{frames} frames were computed again"

    def _check(self, job: Any, digest: str, frames: int) -> None:
        self.tally.outputs += 1
        same = job.digest() == digest
        whole = self._shown(job.output) == list(range(frames))
        self.tally.losses += not (same and whole)


def _begins(event: dict[str, Any], step: str) -> bool:
    return event["event"] in {"step-started", "step-skipped"} and event["step"] == step


@pytest.mark.timeout(60 + 20 * KILLS)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(
    "encoder", ["x264", *(pytest.param(e, marks=pytest.mark.slow) for e in ("x265", "ffv1"))]
)
def test_killed_runs_end_with_the_same_bytes(
    encoder: str,
    part: int,
    clip: Any,
    command: Callable[..., Any],
    undisturbed: Callable[..., Any],
    shown_numbers: Any,
    record: Callable[..., None],
) -> None:
    first, last = KILLS * part // PARTS, KILLS * (part + 1) // PARTS
    campaign = Campaign(encoder, range(first, last), clip, command, undisturbed, shown_numbers)
    for variant in itertools.cycle(VARIANTS[part::PARTS]):
        campaign.job(variant)
        if campaign.is_over:
            break
    record(f"kills, {encoder}", kills=campaign.tally.points, **vars(campaign.tally))
    assert campaign.tally.losses == 0


def test_killed_while_the_session_is_removed(
    clip: Any, command: Callable[..., Any], undisturbed: Callable[..., Any]
) -> None:
    options = (*QUICK, "--encoder", "x264", *TWELVE)
    job = command(clip, *options, *SPOOL)
    victim = job.start()
    assert victim.wait_for(lambda event: _begins(event, "combine"))
    while job.has_session() and victim.process.poll() is None:
        time.sleep(0)
    victim.kill("both")
    victim.end()
    assert job.digest() == undisturbed(clip, *options).digest
    again = job.start()
    assert again.end() == 21, "nothing is left to resume, and the output is not replaced"
    assert job.digest() == undisturbed(clip, *options).digest
