from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tsuzuki
from tsuzuki.errors import SessionNotFoundError
from tsuzuki.pipeline import events
from tsuzuki.pipeline.plan import Segment
from tsuzuki.pipeline.resume_point import Choice, Costs, SmartResumeManager, is_repeatable
from tsuzuki.sessions.pace import Pace, Work
from tsuzuki.upscaling import processor

QUEUE = 3
"""Frames that wait between two threads at most."""


class Case(NamedTuple):
    """Seconds of the parts of a frame, and what lies on disk."""

    network: float
    """For a whole frame."""
    share: float
    """Of the area that the frames after the first have to compute."""
    read: float
    on_disk: Sequence[int]
    damaged: Sequence[int] = ()
    decode: float = 0.02
    encode: float = 0.03
    load: float = 2.0


FRAMES, REST = 120, 240
"""Frames of the open segment, and of those behind it."""
CASES = {
    "a slow network": Case(1.0, 1.0, 0.05, range(80)),
    "a network quicker than the disk": Case(0.1, 1.0, 0.6, range(80)),
    "a still picture": Case(2.0, 0.01, 0.4, range(100)),
    "next to a draw": Case(0.2, 1.0, 0.2, range(60)),
    "one damaged frame": Case(0.3, 1.0, 0.05, range(90), [70]),
    "many damaged frames": Case(0.3, 1.0, 0.05, range(90), range(40, 90)),
    "a gap": Case(0.5, 1.0, 0.05, [*range(30), *range(50, 90)]),
    "a gap and a slow disk": Case(0.05, 1.0, 0.7, [*range(30), *range(50, 90)]),
    "nothing on disk": Case(0.5, 0.3, 0.05, []),
}


class Simulated:
    """The three threads of a worker at each point, with costs that no forecast knows exactly."""

    def __init__(self, case: Case) -> None:
        chance = random.Random(7)

        def noisy(seconds: float) -> list[float]:
            return [seconds * chance.uniform(0.8, 1.2) for _ in range(FRAMES + REST)]

        self.case = case
        self.decode, self.encode = noisy(case.decode), noisy(case.encode)
        self.read, network = noisy(case.read), noisy(case.network)
        first = {0, *range(FRAMES, FRAMES + REST, FRAMES)}
        self.area = [1.0 if n in first else case.share for n in range(FRAMES + REST)]
        self.network = [seconds * area for seconds, area in zip(network, self.area, strict=True)]

    def finish(self, point: int) -> float:
        """Return when the last frame is encoded, finished ones before the point being read."""
        case, used = self.case, {frame for frame in self.case.on_disk if frame < point}
        decoded, upscaled, begun, ready = [0.0], [0.0], [0.0], 0.0
        taken: list[float] = []
        for frame in range(FRAMES + REST):
            room = begun[-QUEUE] if len(begun) > QUEUE else 0.0
            decoded.append(max(decoded[-1], room) + self.decode[frame])
            begin = max(decoded[-1], upscaled[-1])
            begun.append(begin)
            end = begin if frame in used else begin + self.network[frame]
            free = end if frame in used or len(taken) < QUEUE else max(end, taken[-QUEUE])
            upscaled.append(free)
            start = max(ready, free)
            seconds = self.encode[frame]
            if frame in used:
                seconds += self.read[frame]
                if frame in case.damaged:
                    seconds += case.load + sum(self.decode[:frame]) + case.network
            else:
                taken.append(start)
            ready = start + seconds
        return case.load + ready

    def choice(self) -> Choice:
        """What the forecast makes of measurements of other frames of the same kind."""
        case, chance = self.case, random.Random(8)
        pace = Pace(total=FRAMES + REST, shares=[case.share])
        for number in range(60):
            area = 1.0 if number % 20 == 0 else case.share
            pace.add(Work(1, area), area)
            seconds = max(case.network * area, case.decode, case.encode)
            pace.add_timed(Work(1, area), seconds * chance.uniform(0.8, 1.2))
        costs = Costs(case.decode, case.encode, case.read, case.load)
        return Choice(Segment(1, 0, FRAMES), case.on_disk, case.damaged, costs, pace)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_chosen_point_ends_nearly_as_soon_as_the_best_of_all(case: Case) -> None:
    simulated = Simulated(case)
    ends = [simulated.finish(point) for point in range(FRAMES + 1)]
    assert ends[simulated.choice().best] <= 1.02 * min(ends)


def test_the_cases_call_for_different_points() -> None:
    best = {name: Simulated(case).choice().best for name, case in CASES.items()}
    assert best["a slow network"] == best["one damaged frame"] == FRAMES
    assert best["a network quicker than the disk"] == 0
    assert best["a still picture"] == 1
    assert best["many damaged frames"] == 40


def test_a_point_before_the_first_missing_frame_is_the_first_to_compute() -> None:
    choice = Simulated(CASES["a gap"]).choice()
    assert [choice.first_computed(point) for point in (0, 10, 40, FRAMES)] == [0, 10, 30, 30]


def test_only_the_processor_promises_the_same_bytes_again() -> None:
    assert is_repeatable("cpu")
    assert not is_repeatable("gpu:0")


def test_there_is_nothing_to_say_of_no_session(tmp_path: Path) -> None:
    with pytest.raises(SessionNotFoundError):
        tsuzuki.SmartResumeManager(tmp_path).suggest_optimal_resume_point("0123456789ab")


@pytest.fixture
def stopped(run: Any, forked_workers: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that was stopped within its only segment, with spooled frames."""
    quick = processor.nearest

    def slow(*args: Any) -> Any:
        time.sleep(0.01)
        return quick(*args)

    monkeypatch.setattr(processor, "nearest", slow)
    run.settings = {**run.settings, "loss_budget": 0.0, "segment_frames": 384}
    run.stop_after(events.FramesSpooled, 3)
    return run


def spooled(run: Any) -> list[Path]:
    return sorted(run.folder.glob("upscaled/frame_*_upscaled.*"))


def test_the_first_missing_frame_is_suggested_and_why(stopped: Any) -> None:
    done = len(spooled(stopped))
    manager = SmartResumeManager(stopped.sessions)
    assert manager.suggest_optimal_resume_point(stopped.session_id) == done + 1
    suggestion = manager.suggest(stopped.session_id)
    assert any(f"{done} of its frames" in reason for reason in suggestion.reasons)
    assert {point.kind for point in suggestion.points} == {"first-missing", "segment-start"}
    assert suggestion.left is not None
    assert suggestion.left.low < suggestion.left.seconds < suggestion.left.high


def test_damage_after_a_cut_is_found(stopped: Any) -> None:
    frame = spooled(stopped)[1]
    data = bytearray(frame.read_bytes())
    data[len(data) // 2] ^= 1
    frame.write_bytes(data)
    with tsuzuki.SessionManager(stopped.sessions) as manager:
        progress = manager.require_progress(stopped.session_id)
        del progress["steps"]["upscale"]["error"]  # as a kill leaves it
        manager.save_progress(stopped.session_id, progress)
    suggestion = SmartResumeManager(stopped.sessions).suggest(stopped.session_id)
    assert any("1 are damaged" in reason for reason in suggestion.reasons)
    assert any(one.kind == "last-verified" and one.frame == 2 for one in suggestion.points)


def test_resume_computes_again_what_is_slower_read_and_the_bytes_are_the_same(
    stopped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsuzuki.pipeline.resume_point.BYTES_PER_SECOND", 1000.0)
    manager = SmartResumeManager(stopped.sessions)
    assert manager.suggest_optimal_resume_point(stopped.session_id) == 1
    assert spooled(stopped)
    assert stopped().frames_computed == 96
    assert "again" in [event.code for event in stopped.of(events.Warned)]
    whole = type(stopped)(stopped.clip, tmp_path / "whole")
    whole.settings = stopped.settings
    whole.output.parent.mkdir()
    whole()
    assert whole.digest() == stopped.digest()


def test_where_nothing_is_slower_resume_reads_what_is_finished(stopped: Any) -> None:
    done = len(spooled(stopped))
    assert stopped().frames_computed == 96 - done
    assert "again" not in [event.code for event in stopped.of(events.Warned)]


def test_progress_tells_an_interval(stopped: Any) -> None:
    stopped()
    told = [event for event in stopped.of(events.StepProgressed) if event.step == "upscale"]
    assert any(event.eta and event.eta_low < event.eta < event.eta_high for event in told)
