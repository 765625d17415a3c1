"""Another frame rate from the setting to the output, resumed on the way."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tsuzuki import pipeline
from tsuzuki.pipeline import events

Shown = Callable[[Path], list[int]]


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return sorted(p.pts * p.time_base for p in container.demux(video=0) if p.size)


def sound(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(audio=0) if p.size]


@pytest.mark.parametrize("fps", ["12", "30", "24000/1001", "60"])
def test_frames_are_left_out_or_repeated_at_the_times_of_the_video(
    run: Any, shown_numbers: Shown, fps: str
) -> None:
    rate = Fraction(fps)
    result = run(settings={"fps": fps})
    count = -(-96 * rate // 24)
    assert result.frames == count
    assert times(run.output) == [number / rate for number in range(int(count))]
    assert shown_numbers(run.output) == [int(number / rate * 24) for number in range(int(count))]
    assert sound(run.output) == sound(run.clip)
    assert any("left out or repeated" in event.message for event in run.of(events.Warned))


@pytest.mark.parametrize("fps", ["15", "36"])
def test_a_resumed_run_writes_the_same_bytes(run: Any, fps: str) -> None:
    settings = {"fps": fps, "loss_budget": 0}
    run(settings=settings | {"loss_budget": 9})
    whole = run.digest()
    run.stop_after(events.SegmentSealed, 2, settings=settings, overwrite=True)
    pipeline.resume(run.session_id, sessions_dir=run.sessions, overwrite=True)
    assert run.digest() == whole


def test_kept_frames_are_those_of_the_output(run: Any) -> None:
    settings = {"fps": "30", "range_end": "1"}
    run(settings=settings)
    whole = run.digest()
    kept = run(settings=settings | {"keep_frames": True}, overwrite=True)
    assert len(list((kept.kept_frames / "frames").glob("*.png"))) == 30
    assert run.digest() == whole


def test_what_repeats_costs_the_network_nothing(run: Any) -> None:
    settings = {"engine": "ncnn", "quality": "Fast", "fps": "48", "range_end": "0.5"}
    result = run(settings=settings | {"device": "cpu", "reuse": "exact"})
    assert result.frames == 24
    assert result.reused >= 0.5
