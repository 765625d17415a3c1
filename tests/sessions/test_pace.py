from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from tsuzuki.sessions.pace import Pace, Work, time_left
from tsuzuki.sessions.progress import check_progress, new_progress
from tsuzuki.settings import ProcessingSettings

OWN, WHOLE = 0.1, 2.0
INFO = {
    "width": 64,
    "height": 48,
    "duration": 40.0,
    "frame_rate": 24.0,
    "frame_count": 1000,
    "codec_name": "h264",
    "size": 1,
    "format": "mov",
}


def learned(shares: list[float], frames: int, noise: float = 0.0) -> Pace:
    """A pace that has seen frames of a video of 1000, as its shares say."""
    pace, chance = Pace(total=1000, shares=shares), random.Random(1)
    for frame in range(frames):
        expected = pace.expect(frame, first=frame == 0)
        pace.add(expected, expected.area)
        seconds = (OWN + WHOLE * expected.area) * (1 + noise * chance.uniform(-1, 1))
        pace.add_timed(expected, seconds)
    return pace


def rest(pace: Pace, first: int) -> Work:
    return pace.expect_range(first, pace.total)


def test_what_frames_will_be_like_counts_not_what_they_were_like() -> None:
    pace = learned([0.1, 0.1, 1.0, 1.0], 400)
    forecast = pace.left(rest(pace, 400))
    assert forecast is not None
    truth = 100 * (OWN + WHOLE * 0.1) + 500 * (OWN + WHOLE)
    assert forecast.seconds == pytest.approx(truth, rel=0.05)
    assert forecast.low < truth < forecast.high


def test_the_speed_is_found_in_spite_of_noise() -> None:
    speed = learned([0.0, 1.0, 0.2, 0.9], 900, noise=0.3).speed
    assert speed == pytest.approx((OWN, WHOLE), rel=0.1)


def test_frames_that_are_computed_whole_need_no_outlook() -> None:
    pace = learned([], 10)
    forecast = pace.left(rest(pace, 10))
    assert forecast is not None
    assert forecast.seconds == pytest.approx(990 * (OWN + WHOLE))
    later = learned([], 500).left(rest(pace, 500))
    assert later is not None
    assert later.high / later.low < forecast.high / forecast.low


def test_an_outlook_that_is_wrong_is_corrected_the_more_is_done() -> None:
    pace = Pace(total=1000, shares=[0.2])
    misses = []
    for frame in range(800):
        pace.add(Work(1, 0.2), 0.4)
        pace.add_timed(Work(1, 0.4), 0.4)
        if frame in {100, 790}:
            forecast = pace.left(rest(pace, frame))
            assert forecast is not None
            misses.append(1 - forecast.seconds / (0.4 * (1000 - frame)))
    assert misses[0] > misses[1] > 0
    assert misses[1] < 0.3


def test_nothing_is_forecast_before_a_frame_was_timed() -> None:
    assert Pace(total=10).left(Work(10, 10)) is None


def test_nothing_is_forecast_before_somebody_has_looked() -> None:
    pace = Pace(total=100, shares=None)
    for _ in range(4):
        pace.add(Work(1, 1.0), 0.2)
        pace.add_timed(Work(1, 0.2), OWN + 0.2 * WHOLE)
    assert pace.left(Work(96, 20)) is None
    pace.look_ahead([0.2], seen=1.0)
    forecast = pace.left(rest(pace, 4))
    assert forecast is not None
    assert forecast.seconds == pytest.approx(96 * (OWN + 0.2 * WHOLE), rel=0.05)


def test_what_was_not_looked_at_makes_a_forecast_uncertain() -> None:
    spans = []
    for seen in (1.0, 0.1):
        pace = learned([0.3, 0.3], 400)
        pace.seen = seen
        forecast = pace.left(rest(pace, 400))
        assert forecast is not None
        spans.append(forecast.high / forecast.low)
    assert spans[0] < spans[1]


def test_what_was_seen_of_little_is_soon_corrected() -> None:
    forecasts = []
    for seen in (1.0, 0.1):
        pace = Pace(total=1000, shares=[0.1])
        pace.look_ahead([0.1], seen)
        for _ in range(100):
            pace.add(Work(1, 0.1), 0.4)
            pace.add_timed(Work(1, 0.4), 0.4)
        forecast = pace.left(rest(pace, 100))
        assert forecast is not None
        forecasts.append(forecast.seconds / (0.4 * 900))
    assert forecasts[0] < forecasts[1] < 1
    assert forecasts[1] > 0.6


def test_the_first_frames_of_segments_tell_nothing_of_the_others() -> None:
    misses = []
    for length in (10, 1000):
        pace = Pace(total=1000, shares=[0.1])
        for frame in range(400):
            expected = pace.expect(frame, first=frame % length == 0)
            pace.add(expected, 1.0 if expected.whole else 0.2)
        misses.append(pace._miss)
    assert misses[0] == pytest.approx(misses[1], rel=0.05)


def test_a_frame_is_never_more_than_whole() -> None:
    pace = Pace(total=1000, shares=[0.6])
    for _ in range(900):
        pace.add(Work(1, 0.6), 1.0)
        pace.add_timed(Work(1, 1.0), 1.0)
    pace.shares = [1.0]
    forecast = pace.left(rest(pace, 900))
    assert forecast is not None
    assert forecast.seconds == pytest.approx(100)


@pytest.mark.parametrize("every", [1, 2, 4])
@pytest.mark.parametrize("scene", [1, 3, 8])
def test_about_eight_of_ten_forecasts_hold_the_truth(every: int, scene: int) -> None:
    """In videos of forty parts, of which each so many are alike and one in so many was seen."""
    chance, held = random.Random(2), []
    for _ in range(100):
        scenes = [chance.random() for _ in range(41)]
        shift = chance.randrange(scene)
        truths = [scenes[(part + shift) // scene] for part in range(40)]
        pace = Pace(total=400, shares=[truths[part // every * every] for part in range(40)])
        pace.seen = 1 / every
        for frame in range(100):
            area = truths[frame // 10]
            pace.add(pace.expect(frame, first=False), area)
            pace.add_timed(Work(1, area), OWN + WHOLE * area)
        forecast = pace.left(rest(pace, 100))
        assert forecast is not None
        busier = 1 + chance.gauss(0, 0.08)
        truth = busier * (300 * OWN + WHOLE * 10 * sum(truths[10:]))
        held.append(forecast.low <= truth <= forecast.high)
    assert 0.6 <= sum(held) / len(held) <= 0.95


def progress_with(pace: Any) -> Any:
    progress = new_progress("0123456789ab", "/clip.mp4", INFO, ProcessingSettings())
    progress["steps"]["upscale"]["data"] = {"completed": [[1, 400]], "total": 1000, "pace": pace}
    return progress


def test_a_summary_tells_the_time_left() -> None:
    pace = learned([0.5], 400)
    progress = progress_with(msgspec.to_builtins(pace))
    check_progress(progress, "0123456789ab")
    left = time_left(progress)
    assert left == pace.left(rest(pace, 400))
    progress["status"] = "completed"
    assert time_left(progress) is None


@pytest.mark.parametrize(
    "wrong", [{"seconds": -1}, {"seconds": 1e300}, {"shares": [2.0]}, {"shares": [0.1] * 65}]
)
def test_a_pace_that_cannot_be_is_damage(wrong: dict[str, Any]) -> None:
    progress = progress_with({"total": 1000, **wrong})
    with pytest.raises(ValueError):
        check_progress(progress, "0123456789ab")


def test_least_numbers_give_no_error() -> None:
    pace = Pace(total=0, shares=[0.0], timed=1e12, timed_area=5e-324, seconds=5e-324)
    assert pace.left(Work(1, 1)) is not None
    assert time_left(progress_with({"total": 0})) is None
