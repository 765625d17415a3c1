"""Hostile videos: a result or an error of our own, never a hang, a broken session or a trespass."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import av
import pytest
from tests.mutated_videos import CONTAINERS, draw, mutant
from tests.watching import in_time, watching

from tsuzuki import pipeline
from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline.look import look
from tsuzuki.sessions import SessionManager
from tsuzuki.settings import ProcessingSettings

pytestmark = pytest.mark.usefixtures("forked_workers")

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
MUTANTS = 125 if FULL else 8
"""Of each container."""
SECONDS = 30
"""No mutant may take so long."""
SETTINGS = {"engine": "nearest", "preset": "ultrafast", "segment_frames": 4, "container": "mkv"}
EXPECTED = {"output", "damaged-video", "not-a-video", "unsupported-video", "container", "input"}
"""How a run may end."""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_mutant_gives_an_error_or_an_output(
    container: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = draw(tmp_path / f"whole.{container}", CONTAINERS[container])
    ends: Counter[str] = Counter()
    faults: list[str] = []
    for seed in range(MUTANTS):
        name = f"{container} {seed}"
        data = mutant(original, random.Random(name))
        folder = tmp_path / str(seed)
        for part in (folder, folder / "out", folder / "home"):
            part.mkdir()
        monkeypatch.chdir(folder / "home")
        video = folder / f"mutant.{container}"
        video.write_bytes(data)
        places = {"reads": [video], "changes": [folder / "out", folder / "home"]}
        with in_time(SECONDS), watching(folder / "log", **places) as watch:
            end, why = _upscale(video, folder / "out" / "out.mkv", folder / "home" / "sessions")
            found = [*watch.found(), *_broken(folder, done=end == "output")]
        ends[end] += 1
        if end not in EXPECTED:
            found.append(f"{end}: {why}")
        if video.read_bytes() != data:
            found.append("the input has changed")
        faults += [f"{name}: {fault}" for fault in found]
    assert not faults, "\n".join(faults)
    assert ends["output"] >= MUTANTS // 10, ends


def _upscale(video: Path, output: Path, root: Path) -> tuple[str, str]:
    """Look at a video, then upscale it; return ``output``, or code and message of the error."""
    try:
        look(video, ProcessingSettings(**SETTINGS))
        pipeline.upscale(video, SETTINGS, output=output, sessions_dir=root, allow_sleep=True)
    except TsuzukiError as error:
        return error.code, error.message
    return "output", ""


def _broken(folder: Path, *, done: bool) -> list[str]:
    """Return what is not as it should be after a run."""
    found = []
    left = sorted(path.name for path in (folder / "out").iterdir())
    if left != (["out.mkv"] if done else []):
        found.append(f"the output folder holds {left}")
    with SessionManager(folder / "home" / "sessions") as manager:
        for session_id in manager.session_ids():
            found += map(str, manager.check_session(session_id, read_data=True).problems)
            if done:
                found.append(f"session {session_id} is left")
    if done:
        with av.open(str(folder / "out" / "out.mkv")) as output:
            frame = next(output.decode(video=0))
            found += [] if frame.width > 0 else ["the output has no picture"]
    return found
