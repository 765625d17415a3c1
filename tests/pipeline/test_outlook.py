from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki import pipeline
from tsuzuki.pipeline import events, outlook
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.enlarge import reused_share
from tsuzuki.pipeline.estimate import estimate_time
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.pipeline.outlook import Lookout
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.steps import upscale as step
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.sessions.pace import equal_parts
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import Changes
from tsuzuki.video.decode import FrameReader
from tsuzuki.video.processor import VideoProcessor


@pytest.fixture(autouse=True)
def forked_workers() -> None:
    """Networks run here, so workers are processes of their own."""


@pytest.fixture(scope="module")
def half_still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty-four frames of one picture, then as many that have nothing in common."""
    chance = np.random.default_rng(1)
    noise = (chance.integers(0, 255, (64, 96, 3), np.uint8) for _ in range(64))
    path = tmp_path_factory.mktemp("outlook") / "clip.mp4"
    return written(path, [*[90] * 64, *noise], 32)


def written(path: Path, pictures: Sequence[Any], key_frames: int) -> Path:
    """Write a video with a key frame every so many frames."""
    with av.open(str(path), "w") as container:
        options = {"crf": "10", "x264-params": f"keyint={key_frames}:scenecut=0"}
        stream: Any = container.add_stream("libx264", rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number, picture in enumerate(pictures):
            rgb = np.broadcast_to(np.asarray(picture, np.uint8), (64, 96, 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def plan_of(clip: Path, **settings: Any) -> Plan:
    wish = ProcessingSettings(device="cpu", **settings)
    return make_plan(m.MakePlan(path=str(clip), settings=wish, output=None))


def lookout(clip: Path, **settings: Any) -> Lookout:
    plan = plan_of(clip, **settings)
    return Lookout(plan, build_index(plan, lambda _: None))


def test_it_tells_still_scenes_from_others(half_still: Path) -> None:
    found = lookout(half_still).look(0, math.inf)
    shares = found.shares
    assert found.seen == 1
    assert len(shares) == 128 // outlook.DISTANCE
    assert max(shares[:4]) < 0.1
    assert min(shares[4:]) > 0.9


def test_with_time_enough_every_frame_is_seen(half_still: Path) -> None:
    plan = plan_of(half_still)
    index = build_index(plan, lambda _: None)
    assert plan.upscaling.reuse is not None
    changes = Changes(plan.upscaling.reuse, plan.probe.colour.white)
    reader = VideoProcessor(plan.probe, plan.settings).reader(index)
    computed = [1 - reused_share(changes.look(f.rgb), f.rgb) for f in reader.frames(0, 128)]
    places = [computed[n : n + 16] for n in range(0, 128, 16)]
    places[0].pop(0)  # there is none before it
    found = Lookout(plan, index).look(0, math.inf)
    assert found.shares == equal_parts(map(fmean, places))


def test_key_frames_have_their_share_of_what_is_seen(tmp_path: Path) -> None:
    """A video of still pictures that changes at each key frame, every twelve frames."""
    clip = written(tmp_path / "clip.mp4", [40 + number // 12 % 2 * 90 for number in range(480)], 12)
    viewer = lookout(clip)
    viewer._look_at_all = lambda _: None  # type: ignore[method-assign]
    found = viewer.look(0, math.inf)
    assert found.seen == 1
    assert fmean(found.shares) == pytest.approx(1 / 12, rel=0.4)


def test_frames_that_are_whole_in_any_case_are_left_out(tmp_path: Path) -> None:
    """A video of still pictures that changes only where segments begin."""
    clip = written(tmp_path / "clip.mp4", [40 + number // 32 % 2 * 90 for number in range(128)], 32)
    changed = lookout(clip, segment_frames=32).look(0, math.inf)
    assert max(changed.shares) < 0.05
    assert max(lookout(clip, segment_frames=144).look(0, math.inf).shares) > 0.05


def test_only_what_lies_ahead_is_looked_at(
    half_still: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    really_read = FrameReader.frames

    def frames(reader: FrameReader, first: int, last: int, **rest: Any) -> Any:
        read.append(first)
        return really_read(reader, first, last, **rest)

    monkeypatch.setattr(FrameReader, "frames", frames)
    found = lookout(half_still).look(70, math.inf)
    assert min(read) == 63, "one before the place with frame 70 in it"
    assert found.seen == 1
    assert min(found.shares) > 0.9
    assert lookout(half_still).look(128, math.inf).seen == 1, "though there is nothing left"


def test_what_there_is_no_time_for_is_like_what_is_beside_it(
    half_still: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = 0.0

    def one_hundredth_each() -> float:
        nonlocal spent
        spent += 0.01
        return spent

    monkeypatch.setattr(outlook.time, "thread_time", one_hundredth_each)
    viewer = lookout(half_still)
    nothing = viewer.look(0, 0.0)
    assert (nothing.shares, nothing.seen) == ([], 0)
    found = viewer.glance()  # 64 ms: a place has four frames
    assert found.seen == 1 / len(found.shares)
    assert len(set(found.shares)) == 1
    more = viewer.look(0, 0.085)  # one more, of seven frames; the first one is known
    assert more.seen == 2 / len(found.shares)
    assert len(set(more.shares)) == 2
    assert sorted(more.shares) == more.shares


def test_there_is_nothing_to_look_at_where_every_frame_is_whole(half_still: Path) -> None:
    found = lookout(half_still, reuse="off").glance()
    assert (found.shares, found.seen) == ([], 1)


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
    assert told[0][1] is None
    assert told[-2][1]
    etas = [eta for _, eta in told]
    assert None not in etas[sum(eta is None for eta in etas) :], "what is known stays known"
