from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki import pipeline
from tsuzuki.pipeline import events, outlook
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.estimate import estimate_time
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.steps import upscale as step
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.settings import ProcessingSettings


@pytest.fixture(autouse=True)
def forked_workers() -> None:
    """Networks run here, so workers are processes of their own."""


@pytest.fixture(scope="module")
def half_still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty-four frames of one picture, then as many that have nothing in common."""
    path = tmp_path_factory.mktemp("outlook") / "clip.mp4"
    chance = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"crf": "10", "g": "32"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(128):
            grey = np.full((64, 96, 3), 90, np.uint8)
            if number >= 64:
                grey = chance.integers(0, 255, (64, 96, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def plan_of(clip: Path, **settings: Any) -> Plan:
    wish = ProcessingSettings(device="cpu", **settings)
    return make_plan(m.MakePlan(path=str(clip), settings=wish, output=None))


def test_it_tells_still_scenes_from_others(half_still: Path) -> None:
    plan = plan_of(half_still)
    found = outlook.look_ahead(plan, build_index(plan, lambda _: None), math.inf)
    shares = found.shares
    assert found.seen == 1
    assert len(shares) == 128 // outlook.DISTANCE
    assert max(shares[:4]) < 0.1
    assert min(shares[4:]) > 0.9


def test_what_there_is_no_time_for_is_like_what_is_beside_it(
    half_still: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(half_still)
    index = build_index(plan, lambda _: None)
    spent = 0.0

    def one_hundredth_each() -> float:
        nonlocal spent
        spent += 0.01
        return spent

    monkeypatch.setattr(outlook.time, "thread_time", one_hundredth_each)
    found = outlook.look_ahead(plan, index)  # 64 ms: two places
    assert found.seen == 2 / len(found.shares)
    assert len(set(found.shares)) == 2
    assert sorted(found.shares) == found.shares
    nothing = outlook.look_ahead(plan, index, 0.0)
    assert (nothing.shares, nothing.seen) == ([], 0)


def test_there_is_nothing_to_look_at_where_every_frame_is_whole(half_still: Path) -> None:
    plan = plan_of(half_still, reuse="off")
    assert outlook.look_ahead(plan, build_index(plan, lambda _: None)).shares == []


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_every_place_is_visited_once(count: int) -> None:
    assert sorted(outlook._spread(count)) == list(range(count))


def test_a_trial_says_how_long_it_takes_and_writes_nothing(half_still: Path) -> None:
    before = sorted(half_still.parent.iterdir())
    found = estimate_time(half_still, ProcessingSettings(engine="nearest", preset="ultrafast"))
    assert found["frames"] == 128
    assert 0 < found["low"] < found["seconds"] < found["high"] < 600
    assert sorted(half_still.parent.iterdir()) == before


def test_frames_do_not_wait_for_it_and_forecasts_do(
    half_still: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int | None, float | None]] = []
    looks: list[float | None] = []

    def send(supervisor: Supervisor, message: m.Message) -> None:
        if isinstance(message, m.LookAhead):
            looks.append(message.seconds)
        really_send(supervisor, message)

    really_send = Supervisor.send
    monkeypatch.setattr(Supervisor, "send", send)
    monkeypatch.setattr(step, "LEAST_LOOK", 0.0)

    def note(event: events.Event) -> None:
        if isinstance(event, events.StepProgressed) and event.step == "upscale":
            told.append((event.frames_computed, event.eta))

    settings = {
        "model": "waifu2x-upconv7-anime-2x-n1",
        "device": "cpu",
        "preset": "ultrafast",
        "range_start": 1.5,
        "range_end": 3,
    }
    pipeline.upscale(
        half_still, settings, output=tmp_path / "out.mkv", sessions_dir=tmp_path, on_event=note
    )
    glance, closely = looks
    assert glance is None
    assert 0 < (closely or 0) < 1
    assert told[0] == (1, None)
    assert told[-2][1]
    etas = [eta for _, eta in told]
    assert None not in etas[sum(eta is None for eta in etas) :], "what is known stays known"
