"""Kills of the real command with a real network, amid a pan that the output follows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.drawn_clip import SHOT, STILL, draw_pan
from tests.real_command import Victim

FRAMES = 3 * SHOT
OPTIONS = ("--model", "waifu2x-upconv7-anime-2x-n1", "--device", "cpu", "--encoder", "x264")
SPOOLED = (*OPTIONS, "--preset", "ultrafast", "--loss-budget", "0")


@pytest.fixture(scope="module")
def pan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pan(tmp_path_factory.mktemp("pan") / "pan.mkv", FRAMES)


def spooled(victim: Victim, frame: int) -> bool:
    """Wait until a frame (from 1) is safe; False where the command ended before."""
    return victim.wait_for(lambda told: told["event"] == "frames-spooled" and told["last"] >= frame)


def damage(sessions: Path, frame: int) -> None:
    (path,) = sessions.rglob(f"*{frame:06d}*.nut")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [False, True], ids=["sound", "damaged"])
def test_killed_in_each_pan(
    pan: Path,
    command: Callable[..., Any],
    undisturbed: Callable[..., Any],
    damaged: bool,
    record: Callable[..., None],
) -> None:
    whole = undisturbed(pan, *SPOOLED)
    job = command(pan, *SPOOLED)
    for shot in range(2):
        safe = shot * SHOT + STILL + 3
        victim = job.start()
        assert spooled(victim, safe), victim.errors
        victim.kill("both")
        assert victim.end() == -9
        if damaged:
            damage(job.sessions, safe)
            damage(job.sessions, safe - 1)
    last = job.run()
    assert last.frames_before >= safe - 2 * damaged
    assert len(last.all("segment-sealed")) == 1
    assert 0.5 < last.all("finished")[0]["reused"] < 1.0
    same = job.digest() == whole.digest
    record("kills, network with reuse", kills=2, points=2, outputs=1, losses=int(not same))
    assert same
