"""The metrics against a count of their own, and what measuring costs."""

import datetime as dt
import random
import time
from bisect import bisect_left

import pytest

from tsuzuki.durable import History
from tsuzuki.sessions import PerformanceMonitor, SessionManager, SessionMetrics
from tsuzuki.sessions.monitor import SAVE_BOUNDS, Histogram
from tsuzuki.sessions.runs import RunRecorder

RUNS = 50


class Script:
    """Fifty runs of sessions that complete, fail, are killed and resumed; counted as they go."""

    def __init__(self, manager, video, settings, info):
        self.manager = manager
        self.make = lambda number: manager.create_session(
            str(video), settings | {"scale_factor": 1 + number / 20}, info
        )
        self.random = random.Random(50)
        self.begun = 0
        self.open: dict[str, list[bool]] = {}
        """Of each session that is not done: whether each of its runs was a resumed one."""
        self.resumed = self.succeeded = 0
        self.completions: list[float] = []
        self.saves = [0] * (len(SAVE_BOUNDS) + 1)

    def run(self):
        resumed = bool(self.open) and self.random.random() < 0.6
        if resumed:
            session_id = self.random.choice(sorted(self.open))
        else:
            self.begun += 1
            session_id = self.make(self.begun)
            self.open[session_id] = []
        self.open[session_id].append(resumed)
        self.resumed += resumed
        monitor = PerformanceMonitor()
        state = self.manager.require_progress(session_id)
        recorder = RunRecorder(
            self.manager.root, state, monitor, resumed=resumed, since=time.monotonic()
        )
        self.manager.update_step_status(session_id, "extract", "in_progress")
        outcome = self.random.choice(["completed", "completed", "cancelled", "worker", None])
        if outcome is None:
            return  # killed
        for _ in range(self.random.randrange(5)):
            seconds = self.random.random() / 50
            monitor.save_times.add(seconds)
            self.saves[bisect_left(SAVE_BOUNDS, seconds)] += 1
        recorder.end(outcome, frames=96, frames_computed=12)
        if outcome == "completed":
            made = dt.datetime.fromisoformat(state["created_at"])
            self.completions.append((dt.datetime.now(dt.UTC) - made).total_seconds())
            self.succeeded += sum(self.open.pop(session_id))
            self.manager.cleanup_session(session_id)


def test_fifty_runs_are_counted_right(manager, root, video, settings, info):
    script = Script(manager, video, settings, info)
    for _ in range(RUNS):
        script.run()
    manager.flush()
    metrics = SessionMetrics(root)
    assert len(metrics.runs()) == RUNS
    found = metrics.collect_metrics()
    assert list(found) == [
        "total_sessions",
        "active_sessions",
        "average_completion_time",
        "resume_success_rate",
        "disk_usage",
    ]
    assert found["total_sessions"] == script.begun
    assert found["active_sessions"] == len(script.open)
    mean = sum(script.completions) / len(script.completions)
    assert found["average_completion_time"] == pytest.approx(mean, abs=0.1)
    assert found["resume_success_rate"] == pytest.approx(script.succeeded / script.resumed)
    assert found["disk_usage"] == sum(f.stat().st_size for f in root.rglob("*") if f.is_file())
    assert metrics.save_times().counts == script.saves


def test_nothing_yet(tmp_path):
    assert SessionMetrics(tmp_path / "none").collect_metrics() == {
        "total_sessions": 0,
        "active_sessions": 0,
        "average_completion_time": None,
        "resume_success_rate": None,
        "disk_usage": 0,
    }


def test_the_same_video_upscaled_again_is_another_session(manager, root, video, settings, info):
    for _ in range(2):
        session_id = manager.create_session(str(video), settings, info)
        state = manager.require_progress(session_id)
        RunRecorder(root, state, manager.monitor, resumed=False, since=0.0).end(
            "completed", frames=1, frames_computed=1
        )
        manager.cleanup_session(session_id)
        time.sleep(0.002)
    assert SessionMetrics(root).count_total_sessions() == 2


def test_a_run_that_came_to_nothing_leaves_no_row(manager, root, session_id):
    state = manager.require_progress(session_id)
    RunRecorder(root, state, manager.monitor, resumed=False, since=0.0).forget()
    assert SessionMetrics(root).runs() == []


def test_a_history_that_cannot_be_written_stops_nothing(manager, root, session_id, caplog):
    (root / "history.db").mkdir()
    state = manager.require_progress(session_id)
    recorder = RunRecorder(root, state, manager.monitor, resumed=False, since=0.0)
    recorder.end("completed", frames=1, frames_computed=1)
    assert "metrics miss a run" in caplog.text


def test_only_the_first_end_counts(manager, root, session_id):
    state = manager.require_progress(session_id)
    recorder = RunRecorder(root, state, manager.monitor, resumed=False, since=0.0)
    recorder.end("worker", frames=1, frames_computed=1)
    recorder.end("completed", frames=1, frames_computed=1)
    assert [row.outcome for row in History(root / "history.db").rows()] == ["worker"]


def test_a_histogram_counts_into_its_buckets():
    histogram = Histogram([1.0, 2.0])
    for seconds in (0.5, 1.0, 1.5, 7.0):
        histogram.add(seconds)
    assert (histogram.counts, histogram.seconds) == ([2, 1, 1], 10.0)
    histogram.add_all([1, 0, 1], 4.0)
    assert histogram.take() == ([3, 1, 2], 14.0)
    assert histogram.counts == [0, 0, 0]
    with pytest.raises(ValueError):
        histogram.add_all([1], 1.0)


def test_a_stopwatch_counts_once_and_not_what_failed():
    monitor = PerformanceMonitor()
    watch = monitor.track_resume_time("0123456789ab")
    watch.stop()
    watch.stop()
    assert sum(monitor.resume_times.counts) == 1
    assert monitor.resume_seconds("0123456789ab") == watch.seconds
    with pytest.raises(OSError), monitor.track_save_performance():
        raise OSError
    with monitor.track_save_performance():
        pass
    assert sum(monitor.save_times.counts) == 1


def test_saves_are_measured(manager, session_id):
    manager.update_step_status(session_id, "extract", "in_progress")
    assert sum(manager.monitor.save_times.counts) >= 1


def test_measuring_a_save_costs_nearly_nothing():
    """A run saves once in two seconds, so 0.2 % of it are 4 ms a save."""
    monitor = PerformanceMonitor()
    began = time.process_time()
    for _ in range(10_000):
        with monitor.track_save_performance():
            pass
    assert (time.process_time() - began) / 10_000 < 0.0005


@pytest.fixture
def manager(root):
    with SessionManager(root) as manager:
        yield manager
