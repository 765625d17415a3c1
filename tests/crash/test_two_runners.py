"""Two real processes on one session: one works, the other one is told who does (D11)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tsuzuki.sessions import SessionManager

from .machine.forks import Forks, Pause, Told

ROUNDS = 100 if os.environ.get("TSUZUKI_CRASH") == "full" else 10
SETTINGS = {"engine": "nearest", "preset": "ultrafast", "segment_frames": 4, "loss_budget": 0.0}
FRAMES = 16


@pytest.mark.timeout(600)
def test_one_of_two_works_and_the_other_is_told_who_does(
    forks: Forks,
    draw_clip: Callable[..., Path],
    shown_numbers: Callable[[Path], list[int]],
    tmp_path: Path,
    record: Callable[..., None],
) -> None:
    """Both start at once, each time anew; the one that works is killed with its lock."""
    root, output = tmp_path / "sessions", tmp_path / "out.mp4"
    job: dict[str, Any] = {
        "path": draw_clip(tmp_path / "clip.mp4", FRAMES),
        "settings": SETTINGS,
        "output": output,
        "sessions_dir": root,
    }
    assert forks.run("upscale", pause=Pause("segment-sealed", 1), **job).code == "cancelled"
    (session_id,) = SessionManager(root).session_ids()
    resume = {"session_id": session_id, "sessions_dir": root}
    freeze = Pause("session-opened", 1, then="freeze")
    losses: list[str] = []
    for _ in range(ROUNDS):
        two = [forks.start("resume", pause=freeze, **resume) for _ in range(2)]
        told = [runner.wait() for runner in two]
        inside = [runner for runner, one in zip(two, told, strict=True) if one.frozen]
        losses += _judge(told, [runner.pid for runner in inside])
        for runner in inside:
            runner.kill()
            runner.wait()
    record("two runners", points=ROUNDS, losses=len(losses))
    assert losses == []
    assert forks.run("resume", **resume).one("finished")
    assert shown_numbers(output) == list(range(FRAMES))


@pytest.mark.timeout(600)
def test_one_of_two_begins_the_session(
    forks: Forks, draw_clip: Callable[..., Path], tmp_path: Path, record: Callable[..., None]
) -> None:
    clip = draw_clip(tmp_path / "clip.mp4", FRAMES)
    freeze = Pause("session-opened", 1, then="freeze")
    losses: list[str] = []
    for number in range(ROUNDS):
        root = tmp_path / str(number)
        job: dict[str, Any] = {"path": clip, "settings": SETTINGS, "sessions_dir": root}
        two = [forks.start("upscale", pause=freeze, **job) for _ in range(2)]
        told = [runner.wait() for runner in two]
        inside = [runner for runner, one in zip(two, told, strict=True) if one.frozen]
        losses += _judge(told, [runner.pid for runner in inside])
        for runner in inside:
            runner.kill()
            runner.wait()
        with SessionManager(root) as manager:
            losses += [
                f"{one} is not own" for one in manager.session_ids() if not manager.is_own(one)
            ]
    record("two beginners", points=ROUNDS, losses=len(losses))
    assert losses == []


def _judge(told: list[Told], inside: list[int]) -> list[str]:
    refused = [one.error for one in told if one.error is not None]
    if len(inside) != 1 or len(refused) != 1:
        return [f"{len(inside)} work, {refused}"]
    who = {"pid": inside[0], "host": socket.gethostname()}
    if (refused[0]["code"], refused[0]["details"]) != ("session-busy", who):
        return [f"{inside[0]} works, {refused[0]}"]
    return []
