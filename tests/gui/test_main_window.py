import pytest

pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

import json
import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QInputDialog, QMessageBox
from tests.gui.conftest import QUICK, SLOW
from tests.gui.hands import (
    box,
    cancel_after_a_segment,
    choose,
    click,
    is_computing,
    press,
    shown,
    the_entry,
    workers_of,
)

import tsuzuki
from tsuzuki.errors import DiskFullError
from tsuzuki.gui import MainGUI, trial
from tsuzuki.gui.error_view import ErrorView
from tsuzuki.gui.resume_dialog import ResumeDialog
from tsuzuki.sessions.manager import SessionManager


@pytest.fixture
def window(make_window):
    made = make_window()
    made.settings_panel.set_settings(QUICK)
    return made


def the_dialog(window, until):
    """Return the question what to do with unfinished work, once it is asked."""
    until(lambda: any(d.isVisible() for d in window.findChildren(ResumeDialog)))
    return next(d for d in window.findChildren(ResumeDialog) if d.isVisible())


def test_a_run_that_suffers_everything_has_the_bytes_of_the_command_line(
    qtbot, window, until, long, tmp_path
):
    window.settings_panel.set_settings(SLOW)
    choose(window, until, long)
    assert "96x54" in shown(window, "facts")
    assert "384x216" in shown(window, "becomes")
    assert "long_4x.mp4" in shown(window, "becomes")
    click(qtbot, window, "start")
    entry = the_entry(window)
    until(lambda: is_computing(entry))
    session_id = entry.state.session_id
    assert window.current_session_id == session_id
    click(qtbot, window, "pause")
    until(lambda: entry.job.outcome == "paused")
    assert "Paused" in shown(window, "figures")

    cancel_after_a_segment(partial(tsuzuki.resume, session_id))  # as the command line does
    window.choose_videos([str(long)])
    click(qtbot, the_dialog(window, until), "resume")
    until(lambda: entry.is_running and is_computing(entry))
    (worker,) = workers_of(entry.process.pid)
    os.kill(worker, signal.SIGKILL)
    until(lambda: "another one took over" in shown(window, "run-notes"))
    os.kill(entry.process.pid, signal.SIGKILL)
    until(lambda: entry.job.outcome == "failed")
    error = window.run_view.findChild(ErrorView)
    assert error.isVisible()
    assert shown(error, "error-title") == "The run ended without a word"
    assert "frames are safe" in shown(error, "error-safe")
    click(qtbot, error, "action-retry")
    until(lambda: entry.job.outcome == "finished")
    assert entry.state.session_id == session_id
    assert "240 frames" in shown(window, "figures")
    assert window.videos == []

    other = tsuzuki.upscale(long, {**SLOW.to_dict(), "loss_budget": 9.0}, output=tmp_path / "o.mp4")
    assert long.with_name("long_4x.mp4").read_bytes() == other.output.read_bytes()


def test_what_the_command_line_began_and_a_kill_ended_goes_on_here(
    qtbot, window, until, long, tmp_path
):
    place = ["--sessions-dir", tmp_path / "apart"]
    call = [sys.executable, "-m", "tsuzuki", "upscale", long, "--engine", "nearest"]
    call += ["--segment-frames", "12", "--json"]
    expected = tmp_path / "expected.mp4"
    subprocess.run([*call, *place, "-o", expected], check=True, capture_output=True)
    with subprocess.Popen(call, stdout=subprocess.PIPE, start_new_session=True) as process:
        for line in process.stdout:
            if json.loads(line)["event"] == "segment-sealed":
                os.killpg(process.pid, signal.SIGKILL)  # its workers, too
    window.choose_videos([str(long)])
    dialog = the_dialog(window, until)
    click(qtbot, dialog, "resume")
    until(lambda: the_entry(window).job.outcome == "finished")
    entry = the_entry(window)
    assert entry.state.resumed
    assert Path(entry.state.finished.output).read_bytes() == expected.read_bytes()


def test_unfinished_work_is_left_or_given_up_as_one_says(qtbot, window, until, unfinished):
    clip, session_id = unfinished
    manager = window.session_manager
    window.choose_videos([str(clip)])
    click(qtbot, the_dialog(window, until), "cancel")
    assert window.videos == []
    assert window.queue.entries() == []
    assert manager.load_progress(session_id) is not None

    window.choose_videos([str(clip)])
    dialog = the_dialog(window, until)
    until(lambda: dialog._worths)
    click(qtbot, dialog, "restart")
    asked = box(dialog, "confirm-restart")
    assert "finished frames are deleted" in asked.informativeText()
    press(qtbot, asked, "Keep")
    assert dialog.isVisible()
    click(qtbot, dialog, "restart")
    press(qtbot, box(dialog, "confirm-restart"), "Delete")
    assert manager.load_progress(session_id) is not None  # nothing is deleted before the start
    assert window.videos == [str(clip)]
    click(qtbot, window, "start")
    until(lambda: the_entry(window).job.outcome == "finished")
    assert the_entry(window).state.finished.frames_computed == 24


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


def test_a_queue_of_three_with_a_bad_file_and_an_output_in_the_way(
    qtbot, window, until, short, tmp_path
):
    bad, other = tmp_path / "bad.mp4", tmp_path / "other.mp4"
    bad.write_text("no video")
    other.write_bytes(short.read_bytes())
    in_the_way = other.with_name("other_2x.mp4")
    in_the_way.write_text("old")
    window.choose_videos([str(clip) for clip in (short, bad, other)])
    with qtbot.waitSignal(window.queue.drained, timeout=60000):
        click(qtbot, window, "start")
    entries = window.queue.entries()
    assert [entry.job.outcome for entry in entries] == ["finished", "failed", "failed"]
    assert [entry.state.stopped.code for entry in entries[1:]] == ["not-a-video", "output-exists"]
    assert short.with_name("short_2x.mp4").exists()
    window.queue_view.select(entries[1].job.id)
    assert shown(window.run_view, "error-title") == "This is no video"
    window.queue_view.select(entries[2].job.id)
    click(qtbot, window.run_view, "action-overwrite")
    press(qtbot, box(window, "confirm-action"), "Back")
    assert in_the_way.read_text() == "old"
    click(qtbot, window.run_view, "action-overwrite")
    press(qtbot, box(window, "confirm-action"), "Replace")
    until(lambda: entries[2].job.outcome == "finished")
    assert in_the_way.stat().st_size > 1000


def test_the_whole_is_estimated_from_a_trial(qtbot, window, until, short):
    choose(window, until, short)
    click(qtbot, window, "estimate-button")
    folder = window.trial.folder
    assert folder.parent.name.startswith("tsuzuki-trial-")
    until(lambda: "The whole video takes about" in shown(window, "estimate"))
    assert not folder.exists()
    window.settings_panel._fields["crf"].widget.setText("20")
    assert shown(window, "estimate") == ""


def test_a_trial_that_cannot_begin_says_why_and_leaves_nothing(
    qtbot, window, until, short, tmp_path, monkeypatch
):
    def full(*_):
        raise DiskFullError("The disk is full.")

    choose(window, until, short)
    monkeypatch.setattr(trial.JobProcess, "start", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    click(qtbot, window, "estimate-button")
    assert shown(window, "estimate") == "The disk is full."
    assert window.estimate_button.isEnabled()
    assert not list((tmp_path / "tmp").iterdir())


def test_a_preset_takes_the_place_of_another_only_where_that_is_wanted(qtbot, window, until):
    menu = window.menuBar().actions()[2].menu()

    def save(crf):
        window.settings_panel._fields["crf"].widget.setText(crf)
        next(a for a in menu.actions() if a.text().startswith("&Save")).trigger()
        dialog = window.findChild(QInputDialog, "save-preset")
        dialog.setTextValue(" mine ")
        dialog.accept()
        until(lambda: window.findChild(QInputDialog, "save-preset") is None)

    def kept():
        return window.preferences.present.presets["mine"]["crf"]

    save("20")
    assert kept() == 20
    save("20")  # the same again is no question
    assert not window.findChildren(QMessageBox, "confirm-replace")
    save("25")
    press(qtbot, box(window, "confirm-replace"), "Back")
    assert kept() == 20
    save("25")
    press(qtbot, box(window, "confirm-replace"), "Replace")
    assert kept() == 25


def test_closing_without_a_run_just_closes(window):
    with_signal = []
    window.left.connect(lambda: with_signal.append(True))
    assert window.close()
    assert with_signal


def test_a_run_outlives_its_window_and_is_found_again(qtbot, make_window, until, long):
    window = make_window()
    window.settings_panel.set_settings(SLOW)
    choose(window, until, long)
    click(qtbot, window, "start")
    until(lambda: is_computing(the_entry(window)))
    window.close()
    assert window.isVisible()
    press(qtbot, box(window, "confirm-close"), "background")
    assert not window.isVisible()
    pid = the_entry(window).process.pid

    again = make_window()  # as after the first one was killed
    entry = the_entry(again)
    assert entry.is_running
    assert entry.process.pid == pid
    left = []
    again.left.connect(lambda: left.append(True))
    again.close()
    press(qtbot, box(again, "confirm-close"), "Stop safely")
    until(lambda: left)
    assert entry.job.outcome == "paused"
    assert not entry.state.resumed

    last = make_window()
    last.left.connect(lambda: left.append(True))
    click(qtbot, last, "resume")
    until(lambda: is_computing(the_entry(last)))
    last.close()
    press(qtbot, box(last, "confirm-close"), "background")
    until(lambda: len(left) == 2)  # nothing is left to do
    assert the_entry(last).job.outcome == "finished"
    assert the_entry(last).state.finished.frames_computed < 240


def test_cancelling_a_run_keeps_or_deletes_its_work(qtbot, window, until, long):
    window.settings_panel.set_settings(SLOW)
    for answer, kept in (("keep", True), ("delete", False)):
        choose(window, until, long)
        if not kept:
            click(qtbot, the_dialog(window, until), "resume")
        else:
            click(qtbot, window, "start")
        entry = the_entry(window)
        until(lambda entry=entry: is_computing(entry))
        click(qtbot, window, "cancel")
        press(qtbot, box(window, "confirm-cancel"), answer)
        until(lambda: not window.queue.entries() and not window.background.is_busy)
        with SessionManager() as manager:
            assert (manager.load_progress(entry.state.session_id) is not None) is kept


def test_what_is_asked_of_a_run_that_ends_meanwhile_is_done_once(qtbot, window, until, long):
    window.settings_panel.set_settings(SLOW)
    choose(window, until, long)
    click(qtbot, window, "start")
    entry = the_entry(window)
    until(lambda: is_computing(entry))
    click(qtbot, window, "cancel")
    window.queue.pause(entry.job.id)
    until(lambda: entry.job.outcome == "paused")
    press(qtbot, box(window, "confirm-cancel"), "delete")
    until(lambda: not window.queue.entries() and not window.background.is_busy)
    assert window.session_manager.load_progress(entry.state.session_id) is None


def test_a_key_asks_for_no_more_than_a_button(qtbot, window, until, short):
    choose(window, until, short)
    click(qtbot, window, "start")
    entry = the_entry(window)
    until(lambda: entry.job.outcome == "finished")
    for wish in ("resume", "pause", "cancel"):
        window.act(wish)
    assert entry.job.outcome == "finished"
    assert not window.findChildren(QMessageBox)


def test_a_video_whose_name_is_no_unicode_does_not_keep_the_window_open(window, until, tmp_path):
    left = []
    window.left.connect(lambda: left.append(True))
    window.choose_videos([os.fsdecode(bytes(tmp_path) + b"/\xff/a.mp4")])
    until(lambda: not window.background.is_busy)
    assert window.close()
    assert left
    assert window.preferences.path.exists()


def test_a_store_that_fails_can_be_done_without(qtbot, window, until, short, tmp_path):
    (tmp_path / "file").touch()
    window.preferences.change(sync=str(tmp_path / "file" / "store"))
    choose(window, until, short)
    click(qtbot, window, "start")
    entry = the_entry(window)
    until(lambda: entry.job.outcome == "failed")
    assert entry.state.stopped.code == "cloud"
    click(qtbot, window.run_view, "action-without-copy")
    press(qtbot, box(window, "confirm-action"), "without a copy")
    until(lambda: entry.job.outcome == "finished")
    assert entry.job.sync is None


def test_a_copy_goes_to_a_store_and_the_computer_may_sleep(window, until, short, tmp_path):
    actions = {a.text(): a for a in window.menuBar().actions()[1].menu().actions()}

    def choose_store(address):
        actions["&Keep a copy of the work…"].trigger()
        dialog = window.findChild(QInputDialog, "choose-store")
        dialog.setTextValue(address)
        dialog.accept()

    choose_store("s3://user:secret@bucket/folder")
    assert "must hold no user name" in box(window, "error-box").informativeText()
    assert window.preferences.present.sync is None
    choose_store(str(tmp_path / "store"))
    actions["Let the computer sleep &meanwhile"].trigger()
    choose(window, until, short)
    window._start_processing()
    entry = the_entry(window)
    assert entry.job.allow_sleep
    until(lambda: entry.job.outcome == "finished")
    assert (tmp_path / "store").is_dir()


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
