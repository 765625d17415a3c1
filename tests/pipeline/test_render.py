from __future__ import annotations

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
from tests.pipeline.rendering import FRAMES, SPOOLED, Bench

from tsuzuki.errors import OutOfMemoryError, SuspiciousFrameError
from tsuzuki.frame import Rgb
from tsuzuki.pipeline import messages as m
from tsuzuki.upscaling import AIProcessor, Pass
from tsuzuki.video.segment import SegmentEncoder


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
