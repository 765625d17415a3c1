"""Real power cuts on ext4 and XFS in loop images: nothing that was reported is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .power.start import cut_power

STRIDE = 1 if os.environ.get("TSUZUKI_CRASH") == "full" else 40
"""Calls from one cut to the next."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("flag", [1, 2], ids=["journal-flushed", "nothing-flushed"])
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_no_power_cut_has_lost_anything(
    tmp_path: Path, record: Callable[..., None], kind: str, flag: int
) -> None:
    figures: dict[str, Any] = cut_power(kind, flag, tmp_path, STRIDE)
    losses = figures["losses"]
    record(f"power cuts, {kind}, flag {flag}", points=figures["points"], losses=len(losses))
    assert not losses, losses
