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

MOST = 8 if os.environ.get("TSUZUKI_CRASH") == "full" else 2
"""Unflushed changes of one file or folder that may be missing in any combination."""


OUTPUTS = [
    pytest.param(False, id="new-output"),
    pytest.param(True, id="old-output", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("overwrite", OUTPUTS)
def test_no_state_after_a_power_cut_has_lost_anything(
    tmp_path: Path, record: Callable[..., None], overwrite: bool
) -> None:
    kit = Exhaustion(tmp_path, overwrite=overwrite, most=MOST)
    kit.run()
    losses = kit.losses.total()
    record(
        f"states after a power cut, overwrite {overwrite}",
        points=kit.points + kit.again,
        losses=losses,
    )
    assert not kit.losses, kit.losses
