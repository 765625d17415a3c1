"""What the pipeline puts into the history."""

from tsuzuki.pipeline import events
from tsuzuki.sessions import SessionMetrics


def test_a_stopped_and_a_resumed_run(run, golden):
    run.stop_after(events.SegmentSealed, 2)
    metrics = SessionMetrics(run.sessions)
    [stopped] = metrics.runs()
    assert (stopped.outcome, stopped.resumed, stopped.frames) == ("cancelled", False, 96)
    assert stopped.frames_computed >= sum(s.frames_computed for s in run.of(events.SegmentSealed))
    assert stopped.resume_seconds is None
    assert metrics.count_active_sessions() == 1

    run()
    assert run.digest() == golden
    _, resumed = metrics.runs()
    assert (resumed.outcome, resumed.resumed) == ("completed", True)
    assert 0 < resumed.resume_seconds < resumed.seconds
    assert sum(resumed.saves) > 0
    assert resumed.session_created == stopped.session_created
    assert stopped.frames_computed + resumed.frames_computed >= 96
    found = metrics.collect_metrics()
    assert (found["total_sessions"], found["active_sessions"]) == (1, 0)
    assert found["resume_success_rate"] == 1


def test_a_damaged_history_stops_no_run(run):
    run.sessions.mkdir(0o700)
    (run.sessions / "history.db").write_bytes(b"damaged" * 1000)
    run()
    assert [row.outcome for row in SessionMetrics(run.sessions).runs()] == ["completed"]
