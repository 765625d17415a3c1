from __future__ import annotations

import pytest

from tsuzuki.pipeline import meter as module
from tsuzuki.pipeline.meter import FrameMeter, Meter
from tsuzuki.pipeline.plan import Segment
from tsuzuki.sessions.pace import Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_speed_and_eta(clock: list[float]) -> None:
    meter = Meter(100, 200)
    assert meter.percent == 50
    assert meter.frames_per_second is None
    assert meter.forecast is None
    for _ in range(50):
        clock[0] += 0.5
        meter.add()
    assert meter.frames_per_second == pytest.approx(2)
    forecast = meter.forecast
    assert forecast is not None
    assert forecast.seconds == pytest.approx(25)
    assert forecast.low < 25 < forecast.high


def test_frames_from_disk_tell_nothing_of_the_speed(clock: list[float]) -> None:
    meter = Meter(0, 100)
    for _ in range(50):
        meter.add(computed=False)
    for _ in range(10):
        clock[0] += 1
        meter.add()
    assert meter.done == 60
    assert meter.frames_per_second == pytest.approx(1)


def test_the_speed_is_that_of_the_last_half_minute(clock: list[float]) -> None:
    meter = Meter(0, 10_000)
    for _ in range(300):
        clock[0] += 0.5
        meter.add()
    for _ in range(60):
        clock[0] += 1
        meter.add()
    assert meter.frames_per_second == pytest.approx(1, rel=0.05)
    assert len(meter._marks) < 200


def test_nothing_to_do_is_done() -> None:
    assert Meter(0, 0).percent == 100


def test_frames_differ_in_what_they_take() -> None:
    now = 0.0
    pace = Pace(total=100, shares=[0.0, 1.0])
    meter = FrameMeter(0, pace, [0, 50], clock=lambda: now)
    meter.expect([Segment(1, 0, 50), Segment(2, 50, 100)], ())
    for frame in range(60):
        still = 0 < frame < 50
        now += 0.2 if still else 2.0
        meter.count(frame, computed=True, reused=float(still), seconds=0.0)
    assert meter.forecast is not None
    assert meter.forecast.seconds == pytest.approx(40 * 2.0, rel=0.05)


def test_frames_on_disk_are_only_read() -> None:
    now = 0.0
    meter = FrameMeter(0, Pace(total=30), [0], clock=lambda: now)
    meter.expect([Segment(1, 0, 30)], range(10))
    for frame in range(20):
        now += 0.01 if frame < 10 else 1.0
        meter.count(frame, computed=frame >= 10, reused=0.0, seconds=0.01)
    assert meter.forecast is not None
    assert meter.forecast.seconds == pytest.approx(10, rel=0.05)
    assert meter.pace.read_seconds == pytest.approx(0.1)
    assert meter.percent == pytest.approx(100 * 20 / 30)
