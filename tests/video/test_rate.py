from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.sessions.frame_index import FrameIndex, check_index
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video import rate as video_rate
from tsuzuki.video.probe import probe
from tsuzuki.video.processor import VideoProcessor
from tsuzuki.video.rate import at_rate

HALF_TICK = Fraction(1, 2000)
"""By which Matroska may round a time."""
RATES = [Fraction(10), Fraction(25), Fraction(60), Fraction(24000, 1001), Fraction(1)]


@pytest.fixture(scope="session")
def video(clip: Callable[[str], Path]) -> VideoProcessor:
    """400 frames, 25 a second."""
    return VideoProcessor(probe(clip("idr.mkv")), ProcessingSettings())


@pytest.fixture(scope="session")
def index(video: VideoProcessor) -> FrameIndex:
    return video.index(lambda _: None)


def moments(index: FrameIndex) -> list[Fraction]:
    return [pts * Fraction(*index.time_base) for pts in index.pts]


@pytest.mark.parametrize("rate", RATES)
def test_every_frame_shows_what_the_video_shows_then(index: FrameIndex, rate: Fraction) -> None:
    new = at_rate(index, rate)
    check_index(new)
    own, source = moments(new), moments(index)
    assert own == [source[0] + number / rate for number in range(len(own))]
    end = index.end * Fraction(*index.time_base)
    assert own[-1] < end <= own[-1] + 1 / rate + HALF_TICK
    assert own[-1] + 1 / rate == new.end * Fraction(*new.time_base)
    for moment, shown in zip(own, new.shown, strict=True):
        assert source[shown] - HALF_TICK <= moment
        assert shown + 1 == len(source) or moment < source[shown + 1]
    assert new.source == index


def test_damage_counts_once_however_often_it_is_shown(index: FrameIndex) -> None:
    damaged = msgspec.structs.replace(index, failed=[10])
    new = at_rate(damaged, Fraction(50))
    assert new.shown[20:22] == [10, 10]
    assert new.failed == [20]


def test_the_own_rate_shows_every_frame_once(index: FrameIndex) -> None:
    assert at_rate(index, Fraction(25)).shown == list(range(400))


@pytest.mark.parametrize(
    ("own", "rate"), [(Fraction(24000, 1001), None), (Fraction(30), None), (Fraction(60), 30)]
)
def test_rounded_times_cost_no_frame(tmp_path: Path, own: Fraction, rate: Any) -> None:
    """Matroska rounds times to the nearest millisecond, some of them upwards."""
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=own)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for number in range(61):
            frame = av.VideoFrame(32, 16, "yuv420p")
            frame.pts, frame.time_base = number, 1 / own
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    index = VideoProcessor(probe(path), ProcessingSettings()).index(lambda _: None)
    every = 2 if rate else 1
    assert at_rate(index, Fraction(rate or own)).shown == list(range(0, 61, every))


@pytest.mark.parametrize("rate", RATES[:4])
def test_frames_are_those_of_the_video(
    video: VideoProcessor, index: FrameIndex, digests: Any, rate: Fraction
) -> None:
    new = at_rate(index, rate)
    plain = digests(video.reader(index).frames(0, 100))
    first, last = int(rate), int(3 * rate)
    reader = video.reader(new)
    found = digests(reader.frames(first, last)) + digests(reader.frames(last, last + 5))
    assert [number for number, _, _ in found] == list(range(first, last + 5))
    assert [rest for _, *rest in found] == [list(plain[new.shown[n]][1:]) for n, *_ in found]


def test_variable_rates_become_constant(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    times = [0, 1, 2, 10, 11, 30, 31, 32, 40]
    path = make_clip(tmp_path / "vfr.mkv", "libx264", {"bf": "0"}, "yuv420p", times)
    settings = ProcessingSettings(fps="25")
    video = VideoProcessor(probe(path), settings)
    index = video.index(lambda _: None)
    wanted = [max(n for n, time in enumerate(times) if time <= now) for now in range(41)]
    assert index.shown[:41] == wanted
    frames = list(video.reader(index).frames(0, len(index)))
    assert [frame.number for frame in frames] == list(range(len(index)))
    assert not any(frame.failed for frame in frames)


def test_a_range_begins_with_its_first_frame(video: VideoProcessor) -> None:
    chosen = ProcessingSettings.from_dict({"fps": 10, "range_start": 4, "range_end": 6})
    part = VideoProcessor(video.facts, chosen).index(lambda _: None)
    check_index(part)
    assert len(part) == 20
    assert moments(part)[0] == moments(video.index(lambda _: None))[100]


def test_film_of_a_telecine_is_shown_at_another_rate(index: FrameIndex) -> None:
    film = msgspec.structs.replace(at_rate(index, Fraction(20)), warnings=["told of the film"])
    slow = at_rate(film, Fraction(10))
    assert slow.source == index
    assert slow.shown == at_rate(index, Fraction(10)).shown
    assert slow.warnings == film.warnings
    check_index(slow)


def test_a_clock_that_cannot_count_both_rounds_down(index: FrameIndex) -> None:
    ticks = 999_999_937  # a prime
    fine = msgspec.structs.replace(
        index,
        time_base=(1, ticks),
        pts=[pts * ticks // 1000 for pts in index.pts],
        end=index.end * ticks // 1000,
    )
    new = at_rate(fine, Fraction(24000, 1001))
    check_index(new)
    assert new.time_base == (1, ticks)
    for number, moment in enumerate(moments(new)):
        exact = moments(new)[0] + number * Fraction(1001, 24000)
        assert 0 <= exact - moment < Fraction(1, ticks)


def test_too_many_frames_are_refused(index: FrameIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_rate, "MAX_FRAMES", 900)
    with pytest.raises(UnsupportedVideoError, match="--fps"):
        at_rate(index, Fraction(60))
