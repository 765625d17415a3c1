"""The window without a screen, on jobs that take a second or two."""

from __future__ import annotations

import shutil
from functools import partial

import pytest
from tests.drawn_clip import draw_clip

import tsuzuki
from tsuzuki import language
from tsuzuki.gui import jobs
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.settings import ProcessingSettings

QUICK = ProcessingSettings(engine="nearest", segment_frames=12)
"""A second for some dozens of frames."""
SLOW = ProcessingSettings(
    engine="nearest", scale_factor=4, reuse="off", segment_frames=12, loss_budget=0
)
"""Each frame is safe at once, for which the disk is waited."""


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """Everything that the window keeps stays in the test's folder."""
    monkeypatch.setenv("TSUZUKI_SESSIONS_DIR", str(tmp_path / "sessions"))
    monkeypatch.setenv("TSUZUKI_WINDOW_DIR", str(tmp_path / "window"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr(jobs, "JSON_INTERVAL", 0)  # nothing is waited for longer than needed
    language.use("en")
    yield
    language.use("en")
    language.disguise(None)


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return {
        "short": draw_clip(folder / "short.mp4", 24),
        "long": draw_clip(folder / "long.mp4", 240, sound=False),
    }


@pytest.fixture
def short(clips, tmp_path):
    """A clip of its own, beside which the output goes."""
    return _copy(clips["short"], tmp_path)


@pytest.fixture
def long(clips, tmp_path):
    return _copy(clips["long"], tmp_path)


def _copy(clip, folder):
    copy = folder / clip.name
    copy.write_bytes(clip.read_bytes())
    return copy


@pytest.fixture(scope="session")
def begun(clips, tmp_path_factory):
    """A clip with a session in which a segment is done: clip, folder of sessions, id."""
    from tests.gui.hands import cancel_after_a_segment

    folder = tmp_path_factory.mktemp("begun")
    clip, sessions = _copy(clips["short"], folder), folder / "sessions"
    session_id = cancel_after_a_segment(
        partial(tsuzuki.upscale, clip, QUICK, sessions_dir=sessions)
    )
    return clip, sessions, session_id


@pytest.fixture
def unfinished(begun, tmp_path):
    """The clip, and the id of its session, which is one of this test's own."""
    clip, sessions, session_id = begun
    shutil.copytree(sessions, tmp_path / "sessions")
    with SessionManager(tmp_path / "sessions") as manager:
        manager.adopt(session_id)
    yield clip, session_id
    clip.with_name("short_2x.mp4").unlink(missing_ok=True)


@pytest.fixture
def make_queue(qtbot, monkeypatch):
    """Make a queue as a new window would find it; those before are left as if killed."""
    from tsuzuki.gui import queue as queues
    from tsuzuki.gui.jobs import JobStore
    from tsuzuki.gui.queue import Queue

    monkeypatch.setattr(queues, "LOOK_MS", 20)
    made = []

    def make():
        for earlier in made:
            earlier.close()
        made.append(Queue(JobStore()))
        return made[-1]

    yield make
    for queue in made:
        queue.close()
        for entry in queue.entries():
            if entry.process is not None:
                entry.process.kill()
                entry.process.wait()


@pytest.fixture
def make_window(qtbot, make_queue, monkeypatch):
    """Make the main window over a queue of its own."""
    from PySide6.QtWidgets import QApplication

    from tsuzuki.gui import looks, main_window
    from tsuzuki.gui.main_window import MainGUI
    from tsuzuki.pipeline.messages import Device, Surveyed

    # Asking for devices takes a process and its imports; tests of the pipeline do so.
    found = Surveyed(devices=[Device("cpu", "A processor")], networks=["waifu2x-cunet-2x-n0"])
    monkeypatch.setattr(main_window, "survey", lambda: found)
    made = []

    def make(**preferences):
        queue = make_queue()
        looks.dress("light")
        window = MainGUI(queue=queue)
        window.preferences.change(when_done="nothing", **preferences)
        window.show()
        made.append(window)
        return window

    yield make
    for window in made:
        window._saving.stop()
        window.background.finish()
        window.hide()
        window.deleteLater()
    QApplication.processEvents()


@pytest.fixture
def until(qtbot):
    """Wait until something is so."""

    def wait(condition, seconds=60):
        qtbot.waitUntil(lambda: bool(condition()), timeout=1000 * seconds)

    return wait
