"""The windows beside the main one, and how everything looks."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QMessageBox
from tests.gui.conftest import QUICK
from tests.gui.hands import box, choose, click, press
from tests.other_settings import OTHER_SETTINGS

from tsuzuki.gui import finishing, log_window, looks, words
from tsuzuki.gui.app import Door, catch
from tsuzuki.gui.before_after import BeforeAfter
from tsuzuki.gui.jobs import JobStore
from tsuzuki.gui.log_window import LogWindow, entries, filtered, without_private
from tsuzuki.gui.preview import PreviewWindow
from tsuzuki.gui.sessions_view import SessionsView, offer_to_clean
from tsuzuki.gui.settings_panel import SettingsPanel
from tsuzuki.gui.source_panel import Strip
from tsuzuki.purposes import PURPOSES
from tsuzuki.sessions.progress import encode_progress
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.stills import encode_png

LOG = """2026-01-16T10:00:00.000Z INFO 12 tsuzuki.pipeline begins
2026-01-16T10:00:01.000Z WARNING 12 tsuzuki.pipeline /home/mika/Videos/my holiday.mp4 is odd
2026-01-16T10:00:02.000Z ERROR 12 tsuzuki.pipeline it broke
Traceback (most recent call last):
  File "/home/mika/.venv/lib/tsuzuki/x.py", line 1
"""


@pytest.fixture
def window(make_window):
    made = make_window()
    made.settings_panel.set_settings(QUICK)
    return made


def png(width, height, shade):
    import av
    import numpy as np

    picture = np.full((height, width, 3), shade, np.uint8)
    return encode_png(av.VideoFrame.from_ndarray(picture, format="rgb24"))


@pytest.fixture
def view(window, until, unfinished):
    made = SessionsView(window)
    made.show()
    until(lambda: made.current and not window.background.is_busy)
    return made


def test_sessions_are_listed_checked_and_removed(qtbot, window, view, until, unfinished):
    _, session_id = unfinished
    assert view.current == session_id
    item = view._list.topLevelItem(0)
    assert item.text(0) == "short.mp4"
    assert 50 <= float(item.text(2).split()[0]) < 100
    assert "1 session" in view._total.text()
    until(lambda: not item.icon(0).isNull())
    click(qtbot, view, "check")
    until(lambda: "All is well" in view._said.text())
    upscaled = window.session_manager.paths(session_id).upscaled
    segment = next(upscaled.glob("segment_*.mkv"))
    segment.write_bytes(segment.read_bytes()[:-1])
    click(qtbot, view, "check")
    until(lambda: "found:" in view._said.text())
    click(qtbot, view, "repair")
    until(lambda: "computed again" in view._said.text())
    view._days.setValue(1)
    click(qtbot, view, "clean")
    press(qtbot, box(view, "confirm-remove"), "Remove")
    until(lambda: "0 sessions were removed" in view._said.text())
    assert window.preferences.present.clean_days == 1
    for answer in ("Keep", "Remove"):
        assert window.session_manager.session_ids() == [session_id]
        click(qtbot, view, "remove")
        press(qtbot, box(view, "confirm-remove"), answer)
    until(lambda: "0 sessions" in view._total.text())
    assert window.session_manager.session_ids() == []


def test_a_session_moves_to_another_disk_and_goes_on_there(
    qtbot, window, view, until, unfinished, tmp_path
):
    clip, session_id = unfinished
    there = tmp_path / "disk" / "upscale_app_sessions"
    view.move_session(session_id, there.parent)
    until(lambda: "Moved to" in view._said.text() and not window.background.is_busy)
    assert window.session_manager.session_ids() == []
    assert (there / session_id / "progress.json").exists()
    assert str(there) in view._total.text()
    (match,) = window.places.unfinished(str(clip), QUICK)
    assert match.session_id == session_id
    click(qtbot, view, "resume")
    until(lambda: [e.job.outcome for e in window.queue.entries()] == ["finished"])
    assert window.queue.entries()[0].state.finished.frames_computed < 24
    assert not (there / session_id).exists()


def test_old_sessions_are_offered_for_removal_where_that_is_wished(
    qtbot, window, until, unfinished
):
    _, session_id = unfinished
    manager = window.session_manager
    progress = manager.load_progress(session_id)
    progress["last_updated"] = "2020-01-01T00:00:00Z"
    manager.get_progress_file(session_id).write_bytes(encode_progress(progress))
    offer_to_clean(window)
    until(lambda: not window.background.is_busy)
    assert not window.findChildren(QMessageBox)
    window.preferences.change(clean_at_start=True)
    offer_to_clean(window)
    until(lambda: window.findChildren(QMessageBox))
    asked = box(window, "confirm-remove")
    assert "30 days" in asked.informativeText()
    assert "short.mp4" in asked.informativeText()
    press(qtbot, asked, "Remove")
    until(lambda: "1 session was removed" in window.statusBar().currentMessage())
    assert manager.session_ids() == []


def test_a_session_from_elsewhere_goes_on_only_when_agreed_to(
    qtbot, window, view, until, unfinished
):
    clip, session_id = unfinished
    window.session_manager.paths(session_id).begun.unlink()  # as if somebody had brought it in
    click(qtbot, view, "resume")
    (entry,) = window.queue.entries()
    until(lambda: entry.job.outcome == "failed")
    assert entry.state.stopped.code == "session-foreign"
    assert str(clip.with_name("short_2x.mp4")) in entry.state.stopped.message
    click(qtbot, window.run_view, "action-agree")
    until(lambda: entry.job.outcome == "finished")


def test_the_preview_shows_a_frame_before_and_after(qtbot, window, until, short):
    choose(window, until, short)
    qtbot.mouseClick(
        strip := window.source.findChild(Strip),
        Qt.MouseButton.LeftButton,
        pos=QPoint(round(0.7 * strip.width()), 20),
    )
    view = window.findChild(PreviewWindow)
    assert view.moment == pytest.approx(0.7, abs=0.05)
    until(lambda: not view.frames.is_empty)
    assert (view.frames._before.width(), view.frames._before.height()) == (96, 54)
    assert (view.frames._after.width(), view.frames._after.height()) == (192, 108)
    click(qtbot, view, "try")
    until(lambda: view.trial is not None and view.trial.output is not None)
    until(lambda: "The whole video takes about" in view._said.text())
    folder = view.trial.folder
    assert view.trial.output.exists()
    view.close()
    assert not folder.exists()


def test_the_line_moves_and_the_frame_zooms(qtbot):
    view = BeforeAfter()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    assert view.grab().toImage().pixelColor(10, 150).lightness() < 30
    view.show_frames(png(40, 30, 0), png(80, 60, 255))
    picture = view.grab().toImage()
    assert picture.pixelColor(100, 150).lightness() == 0
    assert picture.pixelColor(300, 150).lightness() == 255
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 150))
    qtbot.mouseMove(view, QPoint(100, 150))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(100, 150))
    assert view.line == 0.25
    assert view.grab().toImage().pixelColor(150, 150).lightness() == 255
    before = view._target()
    view.set_zoom(2.0, QPointF(50, 50))
    after = view._target()
    assert after.width() == 2 * before.width()
    assert (50 - before.left()) / before.width() == pytest.approx(
        (50 - after.left()) / after.width()
    )
    view._move(10000, 10000)
    assert view._target().left() <= 0.01
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.zoom == 1.0
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.line == pytest.approx(0.27)


def test_the_log_is_filtered_searched_and_copied_without_names(qtbot, window, until):
    paths = window.session_manager.paths("0123456789ab")
    paths.logs.mkdir(parents=True)
    paths.log.write_text(LOG, encoding="utf-8")
    view = LogWindow(paths, window)
    view.show()
    until(lambda: "begins" in view._text.toPlainText())
    view._level.setCurrentIndex(3)
    assert view._text.toPlainText().startswith("2026-01-16T10:00:02.000Z ERROR")
    assert "Traceback" in view._text.toPlainText()
    view._level.setCurrentIndex(1)
    view._search.setText("ODD")
    assert view._text.toPlainText().count("\n") == 0
    click(qtbot, view, "copy")
    from PySide6.QtGui import QGuiApplication

    copied = QGuiApplication.clipboard().text()
    assert "tsuzuki 0." in copied
    assert "mika" not in copied
    view._search.setText("nowhere")
    assert view._said.text()


def test_a_report_names_no_video_that_is_in_no_queue(window, until, unfinished):
    _, session_id = unfinished
    paths = window.session_manager.paths(session_id)
    paths.log.write_text(LOG.replace("my holiday", "short"), encoding="utf-8")
    view = LogWindow(paths, window)
    until(lambda: "short.mp4" in view._text.toPlainText())
    assert "short" not in view.report()
    assert "VIDEO is odd" in view.report()


def test_reports_name_nobody():
    home = Path("/home/mika")
    text = without_private(LOG, home, ["my holiday.mp4", "my holiday"])
    assert "mika" not in text
    assert "holiday" not in text
    assert "VIDEO is odd" in text
    assert "x.py" in text
    windows = without_private(r"C:\Users\Mika\Videos\a b.mp4 is odd", Path(r"C:\Users\Mika"))
    assert "Mika" not in windows
    assert without_private("a frame of 1.mp4", home, ["1.mp4", "1"]) == "a frame of VIDEO"


def test_entries_keep_their_lines_together():
    found = entries("lost\n" + LOG)
    assert [entry.level for entry in found] == ["INFO", "WARNING", "ERROR"]
    assert found[2].text.count("\n") == 2
    assert filtered(found, "ERROR", "traceback")
    assert filtered(found, "ERROR", "begins") == ""
    assert log_window.LEVELS[0] == "DEBUG"


@pytest.mark.parametrize("settings", [*PURPOSES.values(), {}])
def test_the_panel_gives_back_what_it_was_given(qtbot, settings):
    panel = SettingsPanel()
    qtbot.addWidget(panel)
    chosen = ProcessingSettings(
        size="1920x1080",
        noise_reduction=-1,
        model="waifu2x-cunet-2x-n0",
        range_start="1.5",
        range_end="90",
        tile_size=128,
        workers=3,
        keep_frames=True,
        device="gpu:1",
        **settings,
    )
    panel.set_settings(chosen)
    assert panel.settings() == chosen
    purpose = next((name for name, one in PURPOSES.items() if one == settings), None)
    assert panel._purpose.currentData() == purpose
    panel.set_devices([("cpu", "A processor"), ("gpu:0", "A card")])
    panel.set_networks(["a", "b"])
    assert panel.settings() == chosen


def test_every_setting_can_be_chosen_and_has_a_name(qtbot):
    panel = SettingsPanel()
    qtbot.addWidget(panel)
    own = {"size"}  # has an input that is not in the form
    assert set(ProcessingSettings.__struct_fields__) - set(panel._fields) == own
    for name, value in OTHER_SETTINGS.items():
        chosen = ProcessingSettings(**{name: value})
        panel.set_settings(chosen)
        assert panel.settings() == chosen
        assert words.setting_name(name) != name.replace("_", " ")


def test_a_purpose_chooses_the_encoding(qtbot):
    panel = SettingsPanel()
    qtbot.addWidget(panel)
    for purpose, settings in PURPOSES.items():
        panel._purpose.setCurrentIndex(panel._purpose.findData(purpose))
        assert panel.settings() == ProcessingSettings(**settings)
    panel._fields["crf"].widget.setText("17")
    assert panel._purpose.currentData() == "own"
    panel._purpose.setCurrentIndex(0)
    assert panel.settings() == ProcessingSettings()


def contrast(one, other):
    """Return the contrast of two colours as WCAG 2 has it, 1 to 21."""

    def luminance(colour):
        parts = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (colour.redF(), colour.greenF(), colour.blueF())
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("theme", "least"), [("light", 4.5), ("dark", 4.5), ("contrast", 7.0)])
def test_every_text_can_be_read(theme, least):
    palette, role = looks.palette(theme), QPalette.ColorRole
    for text, ground in (
        (role.WindowText, role.Window),
        (role.Text, role.Base),
        (role.Text, role.AlternateBase),
        (role.ButtonText, role.Button),
        (role.ToolTipText, role.ToolTipBase),
        (role.PlaceholderText, role.Base),
        (role.Link, role.Window),
    ):
        found = contrast(palette.color(text), palette.color(ground))
        assert found >= least, (text, found)
    selected = contrast(palette.color(role.HighlightedText), palette.color(role.Highlight))
    assert selected >= 3.0


@pytest.fixture
def second_start(window, until):
    """Return a call that starts the program once more, with names of files."""
    door = Door(JobStore())
    assert not door.knock([])
    door.open(window)

    def start(*names):
        program = (
            "import sys; from PySide6.QtCore import QCoreApplication; app = QCoreApplication([]);"
            "from tsuzuki.gui.app import Door; from tsuzuki.gui.jobs import JobStore;"
            f"sys.exit(not Door(JobStore()).knock({list(names)!a}))"
        )
        child = subprocess.Popen([sys.executable, "-c", program])
        until(lambda: child.poll() is not None)
        assert child.returncode == 0

    yield start
    door.close()


def test_a_second_start_brings_up_the_first_window(window, second_start, short):
    window.hide()
    second_start(str(short))
    assert window.isVisible()
    assert window.videos == [str(short)]


def test_a_second_start_hands_over_names_of_every_kind(window, second_start, monkeypatch):
    names, taken = ["/v/two\nlines.mp4", "/v/no unicode \udcff.mp4", "/v/動画.mp4"], []
    monkeypatch.setattr(window, "choose_videos", taken.extend)
    second_start(*names)
    assert taken == names


def test_a_fault_of_the_program_is_told_and_the_window_stays(window, caplog):
    catch(window, ZeroDivisionError, ZeroDivisionError("in a slot"), None)
    (asked,) = [b for b in window.findChildren(QMessageBox) if b.isVisible()]
    assert "ZeroDivisionError: in a slot" in asked.informativeText()
    assert "in a slot" in caplog.text
    asked.close()


def test_the_countdown_can_be_stopped(qtbot, window, monkeypatch):
    ran = []
    monkeypatch.setattr(finishing, "run_command", ran.append)
    monkeypatch.setattr(finishing, "COUNTDOWN", 1)
    asked = finishing.count_down(window, "sleep")
    qtbot.mouseClick(asked.buttons()[0], Qt.MouseButton.LeftButton)
    qtbot.wait(1200)
    assert ran == []
    finishing.count_down(window, "shut-down")
    qtbot.waitUntil(lambda: ran == ["shut-down"], timeout=5000)
    for platform in ("linux", "win32", "darwin"):
        for wish in ("sleep", "shut-down"):
            assert finishing.command_for(wish, platform)
