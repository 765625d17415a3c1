"""The window never stands still, whatever goes on beside it."""

import os
import statistics
import threading
import time

import pytest

pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from PySide6.QtCore import QTimer
from tests.gui.conftest import QUICK, SLOW

from tsuzuki.gui.jobs import new_job
from tsuzuki.gui.resume_dialog import ResumeDialog
from tsuzuki.gui.sessions_view import SessionsView
from tsuzuki.sessions import SegmentRecord, SessionManager, write_record

FRAMES, SEGMENT = 200_000, 100
LONGEST = 0.1
"""Seconds that the event loop may be blocked."""


class Pulse:
    """Beats in the event loop, and keeps how much too late each beat came.

    What other processes take away from this one is no block of ours: only time that this thread
    has computed between two beats counts. What waits for a disk does so in other threads.
    """

    def __init__(self):
        self._timer = QTimer(interval=5)
        self._timer.timeout.connect(self._beat)
        self._last = time.thread_time()
        self.gaps = []
        self._timer.start()

    def _beat(self):
        now = time.thread_time()
        self.gaps.append(now - self._last)
        self._last = now

    def check(self):
        self._timer.stop()
        assert len(self.gaps) > 10
        assert max(self.gaps) < LONGEST, sorted(self.gaps)[-5:]
        assert statistics.median(self.gaps) < LONGEST / 2


@pytest.fixture
def huge(short, monkeypatch):
    """A session of 200,000 frames, half of them done."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    info = {
        "width": 96,
        "height": 54,
        "duration": FRAMES / 24,
        "frame_rate": 24.0,
        "frame_count": FRAMES,
        "codec_name": "h264",
        "size": short.stat().st_size,
        "format": "mov",
    }
    with SessionManager() as manager:
        session_id = manager.create_session(short, QUICK, info)
        paths = manager.paths(session_id)
        for number in range(1, FRAMES // SEGMENT // 2 + 1):
            last = number * SEGMENT
            record = SegmentRecord(
                session_id=session_id,
                segment=number,
                first=last - SEGMENT + 1,
                last=last,
                size=1,
                sha256=f"{number:064x}",
                frames=SEGMENT,
                frames_computed=SEGMENT,
                seconds={"network": 10.0},
            )
            paths.segment(number, record.sha256).write_bytes(b"x")
            write_record(paths, record)
        state = manager.state(session_id)
        state["steps"]["upscale"].update(
            status="in_progress",
            progress=50.0,
            data={"total": FRAMES, "completed": [[n, n] for n in range(1, 8192, 2)]},
        )
        manager.save_progress(session_id, state)
    return short


def test_a_session_of_200_000_frames_is_opened_without_a_pause(make_window, until, huge):
    window = make_window()
    window.settings_panel.set_settings(QUICK)
    until(lambda: not window.background.is_busy)
    pulse = Pulse()
    window.choose_videos([str(huge)])
    until(lambda: window.findChild(ResumeDialog) is not None)
    dialog = window.findChild(ResumeDialog)
    until(lambda: dialog._worths)
    assert "100,000 frames are done" in dialog._times.text()
    dialog.reject()
    view = SessionsView(window)
    view.show()
    until(lambda: view.current)
    pulse.check()


def test_a_run_does_not_hold_the_window_up(make_window, until, long, monkeypatch):
    window = make_window()
    flush, flushed_here = os.fsync, []

    def watched(file):
        flushed_here.append(threading.current_thread() is threading.main_thread())
        flush(file)

    monkeypatch.setattr(os, "fsync", watched)
    job_id = window.queue.add(new_job(str(long), SLOW))
    pulse = Pulse()
    window.queue.start()
    until(lambda: window.queue.entry(job_id).job.outcome == "finished")
    pulse.check()
    assert flushed_here
    assert not any(flushed_here)


def test_much_to_catch_up_with_is_read_in_pieces(make_window, make_queue, until, short):
    import msgspec

    from tsuzuki.pipeline import events

    line = events.to_json(
        events.StepProgressed(session_id="0" * 12, step="upscale", progress=1.0, frames_done=1)
    )
    queue = make_queue()
    job_id = queue.add(new_job(str(short), QUICK))
    entry = queue.entry(job_id)
    queue._keep(entry, state="started", pid=2**22 + 1).result()
    queue.store.events_file(job_id).write_bytes((line + b"\n") * 100_000)
    window = make_window()
    pulse = Pulse()
    until(lambda: window.queue.entry(job_id).job.outcome == "failed")
    pulse.check()
    assert window.queue.entry(job_id).state.frames_done == 1
    assert msgspec.json.decode(line)["event"] == "step-progress"
