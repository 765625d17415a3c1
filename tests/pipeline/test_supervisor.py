from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import time
from pathlib import Path

import pytest

from tsuzuki.errors import Cancelled, EngineError, InputNotFoundError, WorkerError
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline import supervisor as module
from tsuzuki.pipeline.process import WorkerProcess
from tsuzuki.pipeline.supervisor import MAX_DEATHS, Supervisor, WorkerRestartedError
from tsuzuki.settings import ProcessingSettings


@pytest.fixture
def forked_workers() -> None:
    """Not here: the process is the point."""


class Watched(Supervisor):
    def __init__(self) -> None:
        self.cancel = threading.Event()
        self.restarts: list[str] = []
        super().__init__(self.cancel, self.restarts.append)

    def kill_worker(self) -> None:
        assert self.worker_pid
        os.kill(self.worker_pid, signal.SIGKILL)


@pytest.fixture
def supervisor() -> Watched:
    made = Watched()
    yield made
    made.stop(lambda _: None)


def request(clip: Path) -> m.MakePlan:
    return m.MakePlan(path=str(clip), settings=ProcessingSettings(engine="nearest"), output=None)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_asks_and_answers(supervisor: Watched, clip: Path) -> None:
    plan = supervisor.ask(request(clip), m.PlanMade).plan
    assert (plan.encoding.width, plan.encoding.height) == (192, 108)
    assert (plan.upscaling.engine, plan.encoding.container) == ("nearest", "mp4")


def test_an_error_of_the_worker_is_raised_here(supervisor: Watched, tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match=r"none\.mp4"):
        supervisor.ask(request(tmp_path / "none.mp4"), m.PlanMade)


def test_a_worker_that_dies_is_replaced(supervisor: Watched, clip: Path) -> None:
    first = supervisor.ask(request(clip), m.PlanMade)
    supervisor.kill_worker()
    assert supervisor.ask(request(clip), m.PlanMade) == first
    assert len(supervisor.restarts) == 1
    assert "signal 9" in supervisor.restarts[0]


def test_deaths_without_progress_end_the_run(supervisor: Watched, clip: Path) -> None:
    supervisor.ask(request(clip), m.PlanMade)
    for _ in range(MAX_DEATHS - 1):
        supervisor.kill_worker()
        with pytest.raises(WorkerRestartedError):
            supervisor.receive()
        supervisor.send(m.Committed(first=0, last=0))  # makes it start the next one
    supervisor.kill_worker()
    with pytest.raises(WorkerError, match="tsuzuki resume"):
        supervisor.receive()


def test_a_worker_that_hangs_is_replaced(
    supervisor: Watched, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.ask(request(clip), m.PlanMade)
    assert supervisor.worker_pid
    os.kill(supervisor.worker_pid, signal.SIGSTOP)
    hung = supervisor.worker_pid
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.3)
    with pytest.raises(WorkerRestartedError, match="said nothing"):
        supervisor.receive()
    assert not alive(hung)


def test_a_wish_to_stop_is_heard_at_once(supervisor: Watched, clip: Path) -> None:
    supervisor.ask(request(clip), m.PlanMade)
    threading.Timer(0.2, supervisor.cancel.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        supervisor.receive()
    assert time.monotonic() - began < 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_no_worker_outlives_its_supervisor(clip: Path) -> None:
    supervisor = Watched()
    supervisor.ask(request(clip), m.PlanMade)
    pid = supervisor.worker_pid
    assert pid
    assert alive(pid)
    supervisor.stop(lambda _: None)
    assert not alive(pid)


def test_what_a_worker_prints_does_not_disturb_messages(clip: Path) -> None:
    worker = WorkerProcess()
    worker.send(request(clip))
    assert isinstance(worker.inbox.get(timeout=30), m.PlanMade)
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.inbox.get(timeout=10) is None
    assert "signal 9" in str(worker.death())
    worker.send(m.Stop())  # to nobody: no error
    worker.close()


class Dying:
    """A worker that finishes the same frames again and again, and then dies."""

    pid = 0

    def __init__(self) -> None:
        self.inbox: queue.Queue[m.Message | None] = queue.Queue()
        for frame in range(10):
            self.inbox.put(m.FrameDone(frame=frame, seconds=0.1, computed=True))
        self.inbox.put(None)

    def send(self, request: m.Message) -> None:
        pass

    def close(self) -> None:
        pass

    def death(self) -> WorkerError:
        return WorkerError("The worker process was killed by signal 11.")


def test_dying_again_and_again_at_one_frame_ends_the_run(
    supervisor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WorkerProcess", Dying)
    told: list[m.Message] = []

    def listen() -> None:
        while True:
            with contextlib.suppress(WorkerRestartedError):
                told.append(supervisor.receive())

    with pytest.raises(WorkerError, match=f"{MAX_DEATHS} times"):
        listen()
    assert len(told) == 10 * MAX_DEATHS


class Failing(Dying):
    """A worker whose engine fails, always in the same way."""

    trouble = "suspicious-frame"

    def __init__(self) -> None:
        self.inbox = queue.Queue()
        self.inbox.put(m.Failure(code=self.trouble, message="Frame 5 is black.", details={}))

    def send(self, _: m.Message) -> None:
        self.inbox.put(None)  # it ends, as it is asked to


@pytest.mark.parametrize(
    ("trouble", "tries"), [("suspicious-frame", 2), ("engine", 2), ("model", 1)]
)
def test_trouble_of_an_engine_is_tried_once_more_in_a_fresh_worker(
    supervisor: Watched, monkeypatch: pytest.MonkeyPatch, trouble: str, tries: int
) -> None:
    monkeypatch.setattr(Failing, "trouble", trouble)
    monkeypatch.setattr(module, "WorkerProcess", Failing)
    for _ in range(tries - 1):
        with pytest.raises(WorkerRestartedError, match="Frame 5"):
            supervisor.receive()
    with pytest.raises(EngineError, match="Frame 5"):
        supervisor.receive()
    assert len(supervisor.restarts) == tries - 1


def test_stopping_starts_no_new_worker(supervisor: Watched, clip: Path) -> None:
    supervisor.ask(request(clip), m.PlanMade)
    supervisor.send(request(clip))
    heard: list[m.Message] = []

    def on_report(message: m.Message) -> None:
        heard.append(message)
        supervisor.send(m.Committed(first=0, last=1))

    time.sleep(1)  # for the answer to lie in the inbox
    supervisor.stop(on_report)
    assert heard
    assert supervisor.worker_pid is None


def test_the_worker_ends_even_if_its_last_reports_cannot_be_handled(
    supervisor: Watched, clip: Path
) -> None:
    supervisor.ask(request(clip), m.PlanMade)
    pid = supervisor.worker_pid
    assert pid
    supervisor.send(request(clip))
    time.sleep(1)

    def on_report(message: m.Message) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        supervisor.stop(on_report)
    assert not alive(pid)
