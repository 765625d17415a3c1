"""Starts power cuts in a mount namespace of their own, where this machine can do that."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_REPOSITORY = Path(__file__).parents[3]
_TRIAL = 'mount -t tmpfs tmpfs "$1" && truncate -s 1M "$1/image" && losetup -f'


def cut_power(kind: str, flag: int, folder: Path, stride: int, mutant: str = "") -> dict[str, Any]:
    """Return the figures of `cuts.Cuts`; skips the test where it cannot be done."""
    if (reason := _why_not(kind, folder)) is not None:
        pytest.skip(reason)
    module = [sys.executable, "-m", "tests.crash.power.cuts"]
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "--kill-child",
            *module,
            kind,
            str(flag),
            str(stride),
            mutant,
            folder,
        ],
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _why_not(kind: str, folder: Path) -> str | None:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "shutting a file system down needs root on Linux"
    for tool in ("unshare", "losetup", f"mkfs.{kind}"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    trial = ["unshare", "--mount", "sh", "-c", _TRIAL, "sh", folder]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"loop images cannot be mounted here: {done.stderr.strip()}"
    return None
