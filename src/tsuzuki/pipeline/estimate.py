"""What a job will take, from a short part of it that was tried."""

from __future__ import annotations

import msgspec

from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.steps.validate import SPARE_BYTES, expected_frames


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
