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

MOST_WRITES = 8 if os.environ.get("TSUZUKI_CRASH") == "full" else 2
"""Unflushed writes of one file that may be missing in any combination."""


@pytest.mark.parametrize("overwrite", [False, True], ids=["new-output", "old-output"])
def test_no_state_after_a_power_cut_has_lost_anything(
    tmp_path: Path, record: Callable[..., None], overwrite: bool
) -> None:
    kit = Exhaustion(tmp_path, overwrite=overwrite, most_writes=MOST_WRITES)
    kit.run()
    losses = kit.losses.total()
    record(
        f"states after a power cut, overwrite {overwrite}",
        points=kit.points + kit.again,
        losses=losses,
    )
    assert not kit.losses, kit.losses
