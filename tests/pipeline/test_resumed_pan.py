"""Killed and resumed amid a pan that the output follows: with the real network, the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.drawn_clip import SHOT, STILL, draw_pan
from tests.pipeline.rendering import Bench

from tsuzuki.pipeline import messages as m

CHOSEN = {"engine": "ncnn", "model": "waifu2x-upconv7-anime-2x-n1", "device": "cpu"}


@pytest.fixture(scope="module")
def panned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pan(tmp_path_factory.mktemp("pan") / "pan.mkv", SHOT)


@pytest.fixture(scope="module")
def whole(panned: Path, tmp_path_factory: pytest.TempPathFactory) -> m.SegmentRendered:
    """The segment as an undisturbed run makes it."""
    bench = Bench(panned, tmp_path_factory.mktemp("whole"), **CHOSEN)
    rendered = bench.render([], frames=SHOT)
    shares = [told.reused for told in bench.told if isinstance(told, m.FrameDone)]
    assert shares[0] == shares[STILL] == 0.0, "computed as a whole"
    assert min(shares[STILL + 1 :]) > 0.3, "all of it moves, and the output along with it"
    return rendered


@pytest.fixture
def bench(panned: Path, tmp_path: Path) -> Bench:
    return Bench(panned, tmp_path, **CHOSEN)


def test_killed_after_each_frame(bench: Bench, whole: m.SegmentRendered) -> None:
    for frame in range(SHOT):
        bench.kill_after(frame, bench.on_disk(), frames=SHOT)
        assert bench.on_disk() == list(range(frame + 1))
    resumed = bench.render(bench.on_disk(), frames=SHOT)
    assert resumed.sha256 == whole.sha256
    assert (resumed.frames_computed, resumed.reused) == (0, whole.reused)


@pytest.mark.parametrize("stopped", [STILL + 1, STILL + 3])
def test_one_killed_run_goes_on_to_the_end(
    bench: Bench, whole: m.SegmentRendered, stopped: int
) -> None:
    bench.kill_after(stopped - 1, [], frames=SHOT)
    resumed = bench.render(bench.on_disk(), frames=SHOT)
    assert (resumed.sha256, resumed.reused) == (whole.sha256, whole.reused)
    assert resumed.frames_computed == SHOT - stopped


@pytest.mark.parametrize(
    ("damaged", "spooled"),
    [((3, STILL + 1, STILL + 3), SHOT - 1), ((STILL, STILL + 2), SHOT)],
    ids=["one after the other", "all spooled"],
)
def test_damaged_frames_of_a_pan_are_computed_again(
    bench: Bench, whole: m.SegmentRendered, damaged: tuple[int, ...], spooled: int
) -> None:
    bench.spool(spooled)
    for frame in damaged:
        bench.damage(frame)
    resumed = bench.render(bench.on_disk(), frames=SHOT)
    assert resumed.sha256 == whole.sha256
    assert resumed.frames_computed == SHOT - spooled + len(damaged)
    told = [one.code for one in bench.told if isinstance(one, m.Notice)]
    assert told == ["damaged-frame"] * len(damaged)
