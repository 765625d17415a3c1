"""Every state that a power cut may leave by a model of the disk: nothing that was reported is lost.

The real session code does its work through a port that logs each call. From the log all states are
made that a careless file system may leave, and each is opened, recovered and resumed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .power.exhaust import Exhaustion
from .power.work import JOBS

MOST = 8 if os.environ.get("TSUZUKI_CRASH") == "full" else 2
"""Unflushed changes of one file or folder that may be missing in any combination."""


EVERY = [pytest.param(job, marks=pytest.mark.slow if job == "old-output" else ()) for job in JOBS]


@pytest.mark.parametrize("job", EVERY)
def test_no_state_after_a_power_cut_has_lost_anything(
    tmp_path: Path, record: Callable[..., None], job: str
) -> None:
    kit = Exhaustion(tmp_path, job, MOST)
    kit.run()
    losses = kit.losses.total()
    record(f"states after a power cut, {job}", points=kit.points + kit.again, losses=losses)
    assert not kit.losses, kit.losses
