"""What a job will take, from a short part of it, or a few frames of it, that were tried."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TypedDict

import msgspec

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.steps.validate import SPARE_BYTES, expected_frames
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.settings import ProcessingSettings


class TimeEstimate(TypedDict):
    """How long upscaling will take."""

    frames: int
    seconds: float
    low: float
    high: float
    """Seconds between which it lies in eight cases of ten."""


def estimate_time(
    path: Path,
    settings: ProcessingSettings,
    *,
    output: Path | None = None,
    cancel: threading.Event | None = None,
) -> TimeEstimate:
    """Upscale and encode a few frames spread over the video, and say how long all will take.

    Nothing is written. Raises what `upscale` raises for settings and videos that cannot be used,
    and `Cancelled` when ``cancel`` is set.
    """
    supervisor = Supervisor(cancel or threading.Event(), lambda _: None)
    try:
        target = None if output is None or output.is_dir() else str(output)
        request = m.MakePlan(path=str(path.absolute()), settings=settings, output=target)
        plan = supervisor.ask(request, m.PlanMade).plan
        tried = supervisor.ask(m.TryOut(plan=plan), m.TriedOut)
    finally:
        supervisor.stop(lambda _: None)
    left = tried.pace.left(tried.work)
    assert left is not None  # frames were timed
    return {
        "frames": tried.pace.total,
        "seconds": left.seconds,
        "low": left.low,
        "high": left.high,
    }


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a part of a video took."""

    frames: int
    seconds: float
    """Of the step upscale."""
    size: int
    """Bytes of its output."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole will take, about."""

    frames: int
    seconds: float
    output_size: int
    """Bytes."""
    work_size: int
    """Bytes that the work needs beside the output until that is complete."""


def estimate(plan: Plan, trial: Trial) -> Estimate:
    """Extend a trial to all frames of a plan; films are not alike all along, so this is a guess."""
    frames = expected_frames(plan)
    share = frames / max(1, trial.frames)
    size = round(trial.size * share)
    return Estimate(
        frames=frames,
        seconds=trial.seconds * share,
        output_size=size,
        work_size=size + SPARE_BYTES,
    )
