from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from tsuzuki.errors import EngineError
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline import upscaler as side_by_side
from tsuzuki.pipeline.jobs import make_plan
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.upscaler import TRIED, Upscaler
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor
from tsuzuki.video.decode import Frame

FRAMES = 8


def plan_for(clip: Path, **settings: object) -> Plan:
    wish = ProcessingSettings(**{"quality": "Fast", "device": "cpu", **settings})
    return make_plan(m.MakePlan(path=str(clip), settings=wish, output=None))


def noise(plan: Plan, count: int) -> list[Frame]:
    size = (count, 3, plan.upscaling.height, plan.upscaling.width)
    values = np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8)
    return [Frame(number, rgb, failed=False) for number, rgb in enumerate(values)]


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 4)


@pytest.mark.usefixtures("cores")
def test_side_by_side_the_pictures_are_those_of_one_after_another(clip: Path) -> None:
    plan = plan_for(clip)
    frames = noise(plan, FRAMES)
    upscaler = Upscaler(plan, at_stake=3600.0)
    futures = []
    for frame in frames:
        futures.append(upscaler.start(frame))
        upscaler.taken()
    assert upscaler.side_by_side == 4
    processor = AIProcessor(plan.upscaling)
    white = plan.probe.colour.white
    for frame, future in zip(frames, futures, strict=True):
        rgb, seconds = future.result()
        assert np.array_equal(rgb, processor.process_frame(frame.rgb, white))
        assert seconds > 0


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize(
    ("settings", "at_stake"),
    [({}, 0.0), ({"engine": "nearest"}, 3600.0), ({"tile_size": 64}, 3600.0)],
    ids=["a kill would cost too much", "no network", "tiles"],
)
def test_one_after_another(clip: Path, settings: dict[str, object], at_stake: float) -> None:
    plan = plan_for(clip, **settings)
    upscaler = Upscaler(plan, at_stake=at_stake)
    for frame in noise(plan, TRIED + 2):
        assert upscaler.start(frame).result().rgb.shape[1] == plan.upscaling.out_height
        upscaler.taken()
    assert upscaler.side_by_side == 1


@pytest.mark.usefixtures("cores")
def test_no_more_frames_start_than_may_be_lost(clip: Path) -> None:
    plan = plan_for(clip)
    frames = noise(plan, TRIED + 6)
    upscaler = Upscaler(plan, at_stake=3600.0)
    for frame in frames[:TRIED]:
        upscaler.start(frame)
        upscaler.taken()
    started: list[int] = []

    def start() -> None:
        for frame in frames[TRIED:]:
            upscaler.start(frame)
            started.append(frame.number - TRIED)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(1)
    assert len(started) == upscaler.side_by_side == 4
    upscaler.taken()
    upscaler.taken()
    thread.join(10)
    assert started == list(range(6))


def test_a_frame_that_fails_fails_alone(clip: Path) -> None:
    plan = plan_for(clip)
    *good, bad, other = noise(plan, TRIED + 2)
    upscaler = Upscaler(plan, at_stake=3600.0)
    for frame in good:
        upscaler.start(frame).result()
        upscaler.taken()
    future = upscaler.start(Frame(bad.number, bad.rgb[:, :-1], failed=False))
    with pytest.raises(EngineError, match=f"Frame {bad.number + 1}"):
        future.result()
    upscaler.taken()
    assert upscaler.start(other).result().rgb.shape[0] == 3
