from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from msgspec import structs

from tsuzuki.errors import OutOfMemoryError, SuspiciousFrameError
from tsuzuki.frame import Rgb
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.enlarge import Enlarger
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.render import Renderer
from tsuzuki.pipeline.spooler import Finished
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor, Pass
from tsuzuki.video.decode import FrameReader
from tsuzuki.video.segment import SegmentEncoder

FRAMES, SPOOLED = 40, 20


class Bench:
    """A renderer on the drawn clip, whose messages are kept, and a folder for its session."""

    def __init__(self, clip: Path, folder: Path, **chosen: Any) -> None:
        settings = ProcessingSettings(**{"engine": "nearest", "preset": "ultrafast", **chosen})
        self.plan: Plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
        self.index = build_index(self.plan, lambda _: None)
        self.paths = SessionPaths(folder / "sessions", "0" * 12)
        for path in self.paths.folders:
            path.mkdir(parents=True)
        self.told: list[m.Message] = []

    def spool(self, frames: int = SPOOLED) -> None:
        files = FrameFiles(self.paths, self.plan, keep_frames=False, on_damage=print)
        white = self.plan.probe.colour.white
        enlarger = Enlarger(AIProcessor(self.plan.upscaling), white)
        enlarger.begin()
        for frame in FrameReader(self.plan.probe, self.index).frames(0, frames):
            enlarger.look(frame.rgb)
            files.write_upscaled([Finished(frame.number, enlarger.start(0)(), 0.1)])

    def damage(self, frame: int) -> None:
        path = self.paths.upscaled_frame(frame + 1, "nut")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    def render(
        self, upscaled: list[int], accepted: tuple[int, ...] = (), *, frames: int = FRAMES
    ) -> m.SegmentRendered:
        told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        job = m.Open(
            session_id=self.paths.session_id,
            root=str(self.paths.root),
            plan=self.plan,
            index=self.index,
            keep_frames=False,
            loss_budget=3600.0,
            accepted=frozenset(accepted),
        )
        renderer = Renderer(job, told.put, told.put)
        renderer.submit(m.Render(segment=1, first=0, last=frames, upscaled=upscaled))
        self.told = []
        while not isinstance(message := told.get(timeout=30), m.SegmentRendered):
            if isinstance(message, BaseException):
                raise message
            self.told.append(message)
        return message

    def done(self, *, computed: bool) -> list[int]:
        frames = [t for t in self.told if isinstance(t, m.FrameDone)]
        return [frame.frame for frame in frames if frame.computed is computed]


@pytest.fixture
def bench(clip: Path, tmp_path: Path) -> Bench:
    return Bench(clip, tmp_path)


def test_spooled_frames_give_the_same_bytes(bench: Bench) -> None:
    whole = bench.render([])
    assert bench.done(computed=True) == list(range(FRAMES))
    bench.spool()
    resumed = bench.render(list(range(SPOOLED)))
    assert resumed.sha256 == whole.sha256
    assert bench.done(computed=True) == list(range(SPOOLED, FRAMES))
    assert bench.done(computed=False) == list(range(SPOOLED))
    assert resumed.frames_computed == FRAMES - SPOOLED


def test_the_next_frame_is_computed_while_spooled_ones_are_still_encoded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.spool()
    write = SegmentEncoder.write

    def write_slowly(self: SegmentEncoder, *frame: Any) -> None:
        time.sleep(0.02)
        write(self, *frame)

    monkeypatch.setattr(SegmentEncoder, "write", write_slowly)
    bench.render(list(range(SPOOLED)))
    frames = [t.frame for t in bench.told if isinstance(t, m.FrameDone)]
    assert frames.index(SPOOLED) < frames.index(SPOOLED - 1)


def test_a_damaged_spooled_frame_is_computed_again(bench: Bench) -> None:
    whole = bench.render([])
    bench.spool()
    bench.damage(7)
    resumed = bench.render(list(range(SPOOLED)))
    assert resumed.sha256 == whole.sha256
    assert sorted(bench.done(computed=True)) == [7, *range(SPOOLED, FRAMES)]
    assert resumed.frames_computed == FRAMES - SPOOLED + 1
    assert [t.code for t in bench.told if isinstance(t, m.Notice)] == ["damaged-frame"]


SHORT = 12


@pytest.fixture
def reusing(clip: Path, tmp_path: Path) -> Bench:
    """With a network that computes only what has changed."""
    chosen = {"engine": "ncnn", "model": "waifu2x-upconv7-anime-2x-n1", "device": "cpu"}
    return Bench(clip, tmp_path, **chosen)


def test_a_segment_resumed_from_any_frame_has_the_same_bytes(reusing: Bench) -> None:
    whole = reusing.render([], frames=SHORT)
    assert 0.1 < whole.reused < 0.9
    reusing.spool(SHORT)
    for stopped in (0, 1, 5, 6, SHORT - 1, SHORT):
        resumed = reusing.render(list(range(stopped)), frames=SHORT)
        assert (resumed.sha256, resumed.reused) == (whole.sha256, whole.reused), stopped
        assert resumed.frames_computed == SHORT - stopped
    shares = [t.reused for t in reusing.told if isinstance(t, m.FrameDone)]
    assert shares == [0.0] * SHORT, "nothing was computed"


def test_what_a_damaged_frame_was_the_base_of_has_the_same_bytes(reusing: Bench) -> None:
    whole = reusing.render([], frames=SHORT)
    reusing.spool(8)
    for frame in (4, 5, 7):
        reusing.damage(frame)
    resumed = reusing.render(list(range(8)), frames=SHORT)
    assert resumed.sha256 == whole.sha256
    assert resumed.frames_computed == SHORT - 8 + 3


def test_many_damaged_frames_are_computed_one_after_the_other(reusing: Bench) -> None:
    whole = reusing.render([], frames=SHORT)
    reusing.spool(10)
    for frame in range(1, 10):
        reusing.damage(frame)
    resumed = reusing.render(list(range(10)), frames=SHORT)
    assert resumed.sha256 == whole.sha256
    assert resumed.frames_computed == SHORT - 1
    assert len([t for t in reusing.told if isinstance(t, m.Notice)]) == 9


def test_a_slow_encoder_does_not_count_as_computing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = SegmentEncoder.write

    def write_slowly(self: SegmentEncoder, *frame: Any) -> None:
        time.sleep(0.05)
        write(self, *frame)

    monkeypatch.setattr(SegmentEncoder, "write", write_slowly)
    bench.render([])
    seconds = [t.seconds for t in bench.told if isinstance(t, m.FrameDone)]
    assert median(seconds) < 0.04


BROKEN = 17


def break_frame(monkeypatch: pytest.MonkeyPatch, broken: Callable[[Rgb], Rgb]) -> None:
    """Let the network give something else for one frame."""
    begin = AIProcessor.start

    def start(self: AIProcessor, *args: Any) -> Any:
        started = begin(self, *args)
        if args[-1] == BROKEN + 1:
            finish = started.finish
            monkeypatch.setattr(started, "finish", lambda *before: broken(finish(*before)))
        return started

    monkeypatch.setattr(AIProcessor, "start", start)


def test_a_frame_that_came_out_black_never_reaches_the_output(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bench.render([])
    with monkeypatch.context() as patch:
        break_frame(patch, np.zeros_like)
        with pytest.raises(SuspiciousFrameError, match=f"--accept-suspicious {BROKEN + 1}") as told:
            bench.render([])
        assert BROKEN not in bench.done(computed=True)
        with av.open(told.value.details["path"]) as shown:
            assert not next(shown.decode(video=0)).to_ndarray(format="rgb24").any()
        assert bench.render([], accepted=(BROKEN,)).sha256 != whole.sha256
    assert bench.render([]).sha256 == whole.sha256


def test_too_little_memory_names_the_tile_size_to_go_on_with(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(rgb: Rgb) -> Rgb:
        raise MemoryError

    tiled = Pass(network="waifu2x-upconv7-anime-2x-n3", digest="", tile=200)
    monkeypatch.setattr(
        bench, "plan", structs.replace(bench.plan, upscaling=structs.replace(
            bench.plan.upscaling, passes=(tiled,), resize="nearest"
        ))
    )  # fmt: skip
    monkeypatch.setattr(AIProcessor, "_load", lambda *_: SimpleNamespace(close=bool))
    break_frame(monkeypatch, fail)
    with pytest.raises(OutOfMemoryError, match=r"--tile-size 48 ") as told:
        bench.render([])
    assert told.value.details == {"frame": BROKEN + 1, "tile_size": 48}
