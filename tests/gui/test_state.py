import pytest

from tsuzuki.gui import words
from tsuzuki.gui.state import RunState, state_of_session
from tsuzuki.pipeline import events
from tsuzuki.sessions.pace import Forecast
from tsuzuki.sessions.progress import STEPS, new_progress
from tsuzuki.settings import ProcessingSettings

ID = "0123456789ab"


def opened(**more):
    facts = {
        "video_file": "/v/a.mp4",
        "output": "/v/a_2x.mp4",
        "folder": "/s/x",
        "resumed": False,
        "frames_total": None,
        "frames_done": 0,
        "settings": {},
    }
    return events.SessionOpened(session_id=ID, **(facts | more))


def moved(step, progress, **more):
    return events.StepProgressed(session_id=ID, step=step, progress=progress, **more)


def finished():
    return events.Finished(
        session_id=ID,
        output="/v/a_2x.mp4",
        frames=10,
        frames_computed=10,
        failed_frames=(),
        seconds=1.0,
        size=5,
    )


def stopped(code):
    return events.Stopped(session_id=ID, code=code, exit_code=1, message="m", resume_command=None)


def test_events_add_up():
    state = RunState()
    assert state.progress == 0
    state.take(opened(frames_done=3))
    state.take(events.StepSkipped(session_id=ID, step="validate"))
    state.take(events.StepCompleted(session_id=ID, step="extract", seconds=1.0))
    state.take(events.StepStarted(session_id=ID, step="upscale"))
    state.take(moved("upscale", 50.0, frames_done=5, frames_total=10, eta=4.0, reused=0.5))
    assert state.eta == Forecast(4.0, 4.0, 4.0)
    state.take(moved("upscale", 50.0, eta=600.0, eta_low=500.0, eta_high=720.0))
    shown = words.figures(
        done=5, total=10, speed=None, eta=state.eta, reused=state.reused, disk=None
    )
    assert "10:00 (8:20 to 12:00) left" in shown
    state.take(moved("upscale", 60.0))
    assert state.step == "upscale"
    assert (state.frames_done, state.frames_total, state.reused) == (5, 10, 0.5)
    assert state.eta is None
    assert 50 < state.progress < 70
    state.take(events.Warned(session_id=ID, code="space", message="tight"))
    assert state.warnings == [("space", "tight")]
    assert not state.is_over
    state.take(finished())
    assert state.is_over
    assert state.progress == 100


@pytest.mark.parametrize(("code", "status"), [("cancelled", "in_progress"), ("worker", "failed")])
def test_only_a_failure_marks_the_step(code, status):
    state = RunState()
    state.take(events.StepStarted(session_id=ID, step="upscale"))
    state.take(stopped(code))
    assert state.steps["upscale"].status == status
    assert state.is_over


def test_every_event_comes_back_from_its_line():
    samples = [
        opened(),
        moved("extract", 1.5),
        finished(),
        stopped("disk-full"),
        events.NodeProgressed(session_id=ID, node="n", workers=2, frames_computed=3),
        events.StepStarted(session_id=ID, step="combine"),
        events.StepSkipped(session_id=ID, step="combine"),
        events.StepCompleted(session_id=ID, step="combine", seconds=2.0),
        events.SegmentSealed(session_id=ID, segment=1, first=1, last=2, size=3, frames_computed=2),
        events.FramesSpooled(session_id=ID, first=1, last=2),
        events.ResumeReport(session_id=ID, frames_again=1),
        events.Warned(session_id=ID, code="c", message="動画"),
        events.WorkerRestarted(session_id=ID, reason="r"),
    ]
    assert {type(one) for one in samples} == set(events.Event.__subclasses__())
    for one in samples:
        assert events.from_json(events.to_json(one)) == one
    for line in (b"", b"{", b'{"event":"unknown"}', b'{"event":"finished"}', b"[]"):
        with pytest.raises(ValueError, match=r"\w|^$"):
            events.from_json(line)


def test_a_session_on_disk_looks_as_its_run_did():
    info = {
        "width": 64,
        "height": 48,
        "duration": 1.0,
        "frame_rate": 24.0,
        "frame_count": 24,
        "codec_name": "h264",
        "size": 1000,
        "format": "mov",
    }
    progress = new_progress(ID, "/v/a.mp4", info, ProcessingSettings(), fingerprint="f")
    progress["steps"]["validate"].update(status="completed", progress=40.0)
    progress["steps"]["upscale"].update(
        status="in_progress", progress=50.0, data={"total": 24, "completed": [[1, 4], [7, 14]]}
    )
    state = state_of_session(progress)
    assert [state.steps[step].progress for step in STEPS] == [100.0, 0.0, 50.0, 0.0]
    assert (state.frames_done, state.frames_total) == (12, 24)
