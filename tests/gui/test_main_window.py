import pytest

pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

import os
import signal
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QPushButton
from tests.gui.conftest import QUICK, SLOW

import tsuzuki
from tsuzuki.gui import MainGUI, closing
from tsuzuki.gui.error_view import ErrorView
from tsuzuki.gui.resume_dialog import ResumeDialog
from tsuzuki.pipeline import upscale
from tsuzuki.sessions.manager import SessionManager


def click(qtbot, parent, name):
    found = [b for b in parent.findChildren(QPushButton, name) if b.isVisible()]
    assert found, f"there is no button {name}"
    qtbot.mouseClick(found[0], Qt.MouseButton.LeftButton)


def shown(parent, name):
    return parent.findChild(QLabel, name).text()


def box(window, name):
    boxes = [b for b in window.findChildren(QMessageBox, name) if b.isVisible()]
    return boxes[0] if boxes else None


def press(qtbot, asked, text):
    found = next(b for b in asked.buttons() if text in b.text())
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def the_entry(window):
    (entry,) = window.queue.entries()
    return entry


@pytest.fixture
def window(make_window):
    made = make_window()
    made.settings_panel.set_settings(QUICK)
    return made


def choose(window, until, *clips):
    window.choose_videos([str(clip) for clip in clips])
    until(lambda: window.look is not None and not window.background.is_busy)


def leave_unfinished(clip, settings=QUICK):
    """Leave a session in which some segments are done."""
    import threading

    from tsuzuki.pipeline import events

    cancel = threading.Event()
    seen = []

    def on_event(event):
        if isinstance(event, events.SessionOpened):
            seen.append(event.session_id)
        if isinstance(event, events.SegmentSealed):
            cancel.set()

    with pytest.raises(tsuzuki.errors.Cancelled):
        upscale(clip, settings, on_event=on_event, cancel=cancel)
    return seen[0]


def test_choose_start_pause_kill_resume_finish(qtbot, window, until, long):
    window.settings_panel.set_settings(SLOW)
    choose(window, until, long)
    assert "96x54" in shown(window, "facts")
    assert "192x108" in shown(window, "becomes")
    assert "long_2x.mp4" in shown(window, "becomes")
    click(qtbot, window, "start")
    entry = the_entry(window)
    until(lambda: (entry.state.frames_done or 0) > 12)
    assert window.current_session_id == entry.state.session_id
    click(qtbot, window, "pause")
    until(lambda: entry.job.outcome == "paused")
    assert "Paused" in shown(window, "figures")
    click(qtbot, window, "resume")
    until(lambda: (entry.state.frames_done or 0) > 40)
    os.kill(entry.process.pid, signal.SIGKILL)
    until(lambda: entry.job.outcome == "failed")
    error = window.run_view.findChild(ErrorView)
    assert error.isVisible()
    assert shown(error, "error-title") == "The run ended without a word"
    assert "frames are safe" in shown(error, "error-safe")
    click(qtbot, error, "action-retry")
    until(lambda: entry.job.outcome == "finished")
    assert "130 frames" in shown(window, "figures")
    assert long.with_name("long_2x.mp4").exists()


def test_a_video_with_unfinished_work_is_offered_and_resumed(qtbot, window, until, short):
    session_id = leave_unfinished(short)
    window.choose_videos([str(short)])
    until(lambda: window.findChild(ResumeDialog) is not None)
    dialog = window.findChild(ResumeDialog)
    assert dialog.isVisible()
    click(qtbot, dialog, "resume")
    until(lambda: the_entry(window).job.outcome == "finished")
    entry = the_entry(window)
    assert entry.state.session_id == session_id
    assert entry.state.finished.frames_computed < 24
    assert window.videos == []


def test_starting_over_asks_and_deletes_only_when_started(qtbot, window, until, short):
    session_id = leave_unfinished(short)
    window.choose_videos([str(short)])
    until(lambda: window.findChild(ResumeDialog) is not None)
    dialog = window.findChild(ResumeDialog)
    until(lambda: dialog._worths)
    click(qtbot, dialog, "restart")
    asked = box(dialog, "confirm-restart")
    assert "finished frames are deleted" in asked.informativeText()
    press(qtbot, asked, "Keep")
    assert dialog.isVisible()
    click(qtbot, dialog, "restart")
    press(qtbot, box(dialog, "confirm-restart"), "Delete")
    assert window.session_manager.load_progress(session_id) is not None
    assert window.videos == [str(short)]
    click(qtbot, window, "start")
    until(lambda: the_entry(window).job.outcome == "finished")
    assert the_entry(window).state.finished.frames_computed == 24


def test_cancelling_the_question_changes_nothing(qtbot, window, until, short):
    session_id = leave_unfinished(short)
    window.choose_videos([str(short)])
    until(lambda: window.findChild(ResumeDialog) is not None)
    click(qtbot, window.findChild(ResumeDialog), "cancel")
    assert window.videos == []
    assert window.queue.entries() == []
    assert window.session_manager.load_progress(session_id) is not None


def test_the_window_goes_on_with_a_session_of_the_command_line_and_back(
    qtbot, window, until, long, tmp_path
):
    leave_unfinished(long, SLOW)
    window.settings_panel.set_settings(SLOW)
    window.choose_videos([str(long)])
    until(lambda: window.findChild(ResumeDialog) is not None)
    click(qtbot, window.findChild(ResumeDialog), "resume")
    entry = the_entry(window)
    until(lambda: (entry.state.frames_done or 0) > 40)
    click(qtbot, window, "pause")
    until(lambda: entry.job.outcome == "paused")
    result = tsuzuki.resume(entry.state.session_id)
    assert result.frames_computed < 110
    other = tmp_path / "other.mp4"
    upscale(long, SLOW, output=other)
    assert result.output.read_bytes() == other.read_bytes()


def test_videos_can_be_dropped(qtbot, window, until, short):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(short))])
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    drop = QDropEvent(QPointF(5, 5), action, data, button, Qt.KeyboardModifier.NoModifier)
    window.source.dropEvent(drop)
    assert window.videos == [str(short)]


def test_a_folder_stands_for_its_videos(window, until, short):
    (short.parent / "b.mp4").write_bytes(short.read_bytes())
    choose(window, until, short.parent)
    assert [Path(video).name for video in window.videos] == ["b.mp4", "short.mp4"]
    assert shown(window, "more") == "and 1 more video"


def test_what_is_no_video_cannot_be_started(window, until, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("text")
    window.choose_videos([str(bad)])
    until(lambda: "This is no video" in shown(window, "becomes"))
    assert not window.start_button.isEnabled()


def test_an_impossible_setting_is_told_at_once(window, until, short):
    choose(window, until, short)
    window.settings_panel._fields["crf"].widget.setText("99")
    assert window.problem.isVisible()
    assert "crf" in shown(window.problem, "error-details")
    assert not window.start_button.isEnabled()
    window.settings_panel._fields["crf"].widget.setText("")
    assert not window.problem.isVisible()
    assert window.start_button.isEnabled()


def test_an_existing_output_can_be_replaced_after_a_warning(qtbot, window, until, short):
    output = short.with_name("short_2x.mp4")
    output.write_text("old")
    choose(window, until, short)
    click(qtbot, window, "start")
    entry = the_entry(window)
    until(lambda: entry.job.outcome == "failed")
    assert entry.state.stopped.code == "output-exists"
    click(qtbot, window.run_view, "action-overwrite")
    press(qtbot, box(window, "confirm-action"), "Back")
    assert entry.job.outcome == "failed"
    click(qtbot, window.run_view, "action-overwrite")
    press(qtbot, box(window, "confirm-action"), "Replace")
    until(lambda: entry.job.outcome == "finished")
    assert output.stat().st_size > 1000


def test_the_whole_is_estimated_from_a_trial(qtbot, window, until, short):
    choose(window, until, short)
    click(qtbot, window, "estimate-button")
    folder = window.trial.folder
    until(lambda: "The whole video takes about" in shown(window, "estimate"))
    assert not folder.exists()
    window.settings_panel._fields["crf"].widget.setText("20")
    assert shown(window, "estimate") == ""


def test_closing_without_a_run_just_closes(window):
    with_signal = []
    window.left.connect(lambda: with_signal.append(True))
    assert window.close()
    assert with_signal


def test_a_hidden_window_goes_when_all_is_done(window, until, short):
    choose(window, until, short)
    left = []
    window.left.connect(lambda: left.append(True))
    window._start_processing()
    closing.go_on_in_background(window)
    assert not left
    until(lambda: left)
    assert the_entry(window).job.outcome == "finished"


def test_closing_during_a_run_can_stop_it_safely(qtbot, window, until, long):
    window.settings_panel.set_settings(SLOW)
    choose(window, until, long)
    click(qtbot, window, "start")
    entry = the_entry(window)
    until(lambda: (entry.state.frames_done or 0) > 12)
    window.close()
    assert window.isVisible()
    left = []
    window.left.connect(lambda: left.append(True))
    press(qtbot, box(window, "confirm-close"), "Stop safely")
    until(lambda: left)
    assert entry.job.outcome == "paused"


@pytest.mark.slow
def test_closing_during_a_run_can_let_it_go_on(qtbot, make_window, until, long):
    window = make_window()
    window.settings_panel.set_settings(SLOW)
    choose(window, until, long)
    click(qtbot, window, "start")
    until(lambda: (the_entry(window).state.frames_done or 0) > 12)
    window.close()
    press(qtbot, box(window, "confirm-close"), "background")
    assert not window.isVisible()
    pid = the_entry(window).process.pid
    again = make_window()  # as after the first one was killed
    entry = the_entry(again)
    assert entry.process.pid == pid
    until(lambda: entry.job.outcome == "finished")
    assert entry.state.finished.frames_computed == 130


@pytest.mark.slow
def test_cancelling_a_run_keeps_or_deletes_its_work(qtbot, window, until, long):
    window.settings_panel.set_settings(SLOW)
    for answer, kept in (("keep", True), ("delete", False)):
        choose(window, until, long)
        for dialog in window.findChildren(ResumeDialog):
            dialog.answer = "restart"
            dialog.accept()
        click(qtbot, window, "start")
        entry = the_entry(window)
        until(lambda entry=entry: (entry.state.frames_done or 0) > 12)
        click(qtbot, window, "cancel")
        press(qtbot, box(window, "confirm-cancel"), answer)
        until(lambda: not window.queue.entries())
        until(lambda: not window.background.is_busy)
        with SessionManager() as manager:
            assert (manager.load_progress(entry.state.session_id) is not None) is kept


def test_the_language_is_switched_at_once_and_remembered(window, until, short):
    choose(window, until, short)
    menu = window.menuBar().actions()[3].menu()
    language = menu.actions()[0].menu()
    next(a for a in language.actions() if a.text() == "日本語").trigger()
    assert window.start_button.text() == "開始"
    assert window.menuBar().actions()[0].text().startswith("ファイル")
    assert window.preferences.present.language == "ja"
    assert "96x54" in shown(window, "facts")
    next(
        a
        for a in window.menuBar().actions()[3].menu().actions()[0].menu().actions()
        if a.text() == "English"
    ).trigger()
    assert window.start_button.text() == "Start"


def test_the_documents_names_are_there(window):
    assert isinstance(window, MainGUI)
    assert isinstance(window.session_manager, SessionManager)
    assert window.current_session_id is None
    for name in ("_browse_input", "_check_resumable_sessions", "_start_processing"):
        assert callable(getattr(window, name))
    QApplication.processEvents()
