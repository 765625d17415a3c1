from __future__ import annotations

import pytest

from tsuzuki.pipeline import meter as module
from tsuzuki.pipeline.meter import Meter


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
