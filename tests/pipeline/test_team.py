"""Several workers on one session: the same bytes, whichever of them renders what or dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tsuzuki.errors import Cancelled
from tsuzuki.pipeline import events, process
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.pipeline.team import Team
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import devices
from tsuzuki.upscaling.devices import DeviceInfo, shares

TWO = {"workers": 2}


@pytest.fixture
def forked_workers() -> None:
    """Not here: workers are killed, and found by what they run."""


def workers_of(pid: int) -> list[int]:
    """Return the workers that this process has started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
            command = stat.with_name("cmdline").read_text()
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if int(parent) == pid and state != "Z" and process.PROGRAM in command:
            found.append(int(name.split()[0]))
    return found


def test_two_workers_give_the_bytes_of_one(run: Any, golden: str) -> None:
    result = run(settings=TWO)
    assert run.digest() == golden
    assert result.frames_computed == 96
    sealed = sorted(run.of(events.SegmentSealed), key=lambda event: event.segment)
    assert [event.first for event in sealed] == [1, *(event.last + 1 for event in sealed[:-1])]
    assert sealed[-1].last == 96


def test_more_workers_than_segments_are_not_started(
    run: Any, monkeypatch: pytest.MonkeyPatch, draw_clip: Any, tmp_path: Path
) -> None:
    one_segment = draw_clip(tmp_path / "short.mp4", 5)
    sizes: list[int] = []
    shrink = Team.shrink

    def watched(team: Team) -> None:
        sizes.append(len(team.members))
        shrink(team)

    monkeypatch.setattr(Team, "shrink", watched)
    run(settings={"workers": 3})
    assert sizes == [3]
    run(settings={"workers": 3}, clip=one_segment, overwrite=True)
    assert sizes == [3, 1]


def test_all_start_side_by_side(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ProcessingSettings(engine="nearest")
    plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
    job = m.Open(
        session_id="0" * 12,
        root=str(tmp_path),
        plan=plan,
        index=build_index(plan, lambda _: None),
        keep_frames=False,
        loss_budget=None,
    )
    monkeypatch.setattr(process, "PROGRAM", "import time; time.sleep(60)")
    team = Team(threading.Event(), lambda _: None)
    others = workers_of(os.getpid())
    team.grow([job] * 4)  # though none of them answers
    pids = {*workers_of(os.getpid())} - {*others}
    assert sorted(str(member.worker_pid) for member in team.members[1:]) == sorted(map(str, pids))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    team.stop(lambda _: None)


@pytest.mark.parametrize("before", [1, 3])
def test_stopped_and_resumed_with_another_number_of_workers(
    run: Any, golden: str, before: int
) -> None:
    run.stop_after(events.SegmentSealed, 2, settings={"workers": before, "loss_budget": 0.0})
    run(settings=TWO)
    (opened,) = run.of(events.SessionOpened)
    assert opened.resumed
    assert opened.frames_done >= 16
    (report,) = run.of(events.ResumeReport)
    assert report.frames_again <= 2 * before
    assert run.digest() == golden


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the workers in /proc")
def test_a_dying_worker_costs_its_open_segments_only(run: Any, golden: str) -> None:
    killed: list[int] = []
    others = workers_of(os.getpid())  # servers of other tests

    def watch(event: events.Event) -> None:
        if isinstance(event, events.SegmentSealed) and not killed:
            killed.extend([pid for pid in workers_of(os.getpid()) if pid not in others][-1:])
            os.kill(killed[0], signal.SIGKILL)

    result = run(settings=TWO, on_event=watch)
    assert len(run.of(events.WorkerRestarted)) == 1
    assert run.digest() == golden
    assert 96 <= result.frames_computed <= 96 + 24
    assert run.of(events.StepProgressed)[-1].progress == 100.0


@pytest.mark.skipif(sys.platform != "linux", reason="stops processes as Linux does")
def test_all_are_stopped_at_the_same_time(run: Any) -> None:
    cancel, began = threading.Event(), []
    others = {*workers_of(os.getpid())}

    def watch(event: events.Event) -> None:
        if isinstance(event, events.SegmentSealed) and not began:
            began.append(time.monotonic())
            for pid in {*workers_of(os.getpid())} - others:
                os.kill(pid, signal.SIGSTOP)  # none of them can save any more
            cancel.set()

    with pytest.raises(Cancelled):
        run(settings={"workers": 3}, on_event=watch, cancel=cancel)
    assert time.monotonic() - began[0] < 9
    assert {*workers_of(os.getpid())} <= others


def test_what_each_worker_gets_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [
        DeviceInfo(name=f"gpu:{number}", title=title, kind="discrete")
        for number, title in enumerate(["Big", "Small", "Big"])
    ]
    monkeypatch.setattr(devices, "find_devices", lambda: cards)
    monkeypatch.setattr(devices, "usable_cores", lambda: 6)
    assert shares("gpu:0", 1) == [("gpu:0", None)]
    assert [share.device for share in shares("gpu:2", 3)] == ["gpu:2", "gpu:0", "gpu:2"]
    assert [share.device for share in shares("gpu:1", 2)] == ["gpu:1", "gpu:1"]
    assert shares("cpu", 1) == [("cpu", None)]
    assert shares("cpu", 2) == [("cpu", 3)] * 2
    assert shares("cpu", 9) == [("cpu", 1)] * 9
