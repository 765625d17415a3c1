"""Every text is in the catalogues, and every catalogue has every text."""

import re
import string

import pytest

pytest.importorskip("babel", reason="babel is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from docs import texts
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QMessageBox,
    QSplitter,
    QTreeWidget,
    QWidget,
)
from tests.gui.conftest import QUICK

from tsuzuki import errors, language
from tsuzuki.gui import advice, looks
from tsuzuki.gui.jobs import new_job
from tsuzuki.gui.log_window import LogWindow
from tsuzuki.gui.preferences import Preferences
from tsuzuki.gui.resume_dialog import ResumeDialog
from tsuzuki.gui.sessions_view import SessionsView
from tsuzuki.pipeline.events import Stopped
from tsuzuki.sessions.progress import new_progress
from tsuzuki.sessions.search import SessionMatch
from tsuzuki.settings import CONTAINERS, ENCODERS, ENGINES

OPEN, CLOSE = "⟦", "⟧"
NOT_WORDS = re.compile(r"[^\W\d_]", re.UNICODE)
OURS = {*language.LANGUAGES.values(), *ENCODERS, *CONTAINERS, *ENGINES}
"""What is the same in every language: names of languages, encoders, containers and engines."""
OURS |= {"1920x1080", "as.mp4", "2.00x", "0 s", "1 s", "2.000 s", "0.000 s", "6.000"}


def translations():
    return [code for code in language.LANGUAGES if code != "en"]


@pytest.mark.parametrize("code", translations())
def test_every_text_is_translated(code):
    assert texts.missing(code) == []


@pytest.mark.parametrize("code", translations())
def test_no_text_is_kept_that_nobody_shows(code):
    known = {(message.context, message.id) for message in texts.template() if message.id}
    kept = {(message.context, message.id) for message in texts.read(code) if message.id}
    assert kept == known


@pytest.mark.parametrize("code", translations())
def test_the_program_reads_what_people_edit(code):
    compiled = texts.po_file(code).with_suffix(".mo").read_bytes()
    assert compiled == texts.compiled(texts.read(code))


@pytest.mark.parametrize("code", translations())
def test_translations_fill_in_the_same_values(code):
    def values(text):
        return sorted({name for _, name, _, _ in string.Formatter().parse(text) if name})

    for message in texts.read(code):
        if not message.id:
            continue
        one, many = message.id if isinstance(message.id, tuple) else (message.id, message.id)
        strings = message.string if isinstance(message.id, tuple) else (message.string,)
        for text in strings:
            assert values(text) == values(many), message.id
            assert text.count("&") == one.count("&"), message.id


def test_the_system_chooses_the_language(monkeypatch):
    for value, code in (("ja_JP.UTF-8", "ja"), ("en_GB", "en"), ("fr_FR", "en"), ("C", "en")):
        monkeypatch.setenv("LC_ALL", value)
        assert language.use(None) == code
    assert language.use("ja") == "ja"
    assert language.tr("Start") == "開始"
    assert language.trn("{number} frame", "{number} frames", 1234) == "1,234 フレーム"
    assert language.trp("step", "done") == "完了"
    assert language.use("xx") == "en"
    assert language.trn("{number} frame", "{number} frames", 1) == "1 frame"


def test_every_error_has_a_text_of_its_own():
    codes = [errors.TsuzukiError]
    for cls in codes:
        codes.extend(cls.__subclasses__())
        if cls.code != "cancelled" and cls.__module__ == errors.__name__:  # others never get here
            assert cls.code in advice._texts(), cls.code
    general = advice.advice_on("error")
    for code in advice._texts():
        found = advice.advice_on(code, {"tile_size": 64})
        assert code == "error" or found.title != general.title
        for action in found.actions:
            assert advice.action_name(action)
    assert advice.advice_on("of the future").title == general.title


def shown_texts(widget):
    """Return every text that a person sees or hears in a window."""
    yield widget.windowTitle()
    for one in [widget, *widget.findChildren(QWidget)]:
        yield from (one.toolTip(), one.accessibleDescription(), one.accessibleName())
        match one:
            case QLabel() | QAbstractButton():
                yield one.text()
            case QGroupBox():
                yield one.title()
            case QComboBox():
                yield from (one.itemText(n) for n in range(one.count()))
            case QLineEdit():
                yield from (one.text(), one.placeholderText())
            case QTreeWidget():
                yield from (one.headerItem().text(n) for n in range(one.columnCount()))
                for row in range(one.topLevelItemCount()):
                    item = one.topLevelItem(row)
                    yield from (item.text(n) for n in range(one.columnCount()))
            case _:
                pass
    for action in widget.findChildren(QAction):
        yield action.text()


def undisguised(widget):
    """Return the texts in which there are words that did not come from a catalogue."""
    found = []
    for text in shown_texts(widget):
        rest = re.sub(f"{OPEN}[^{CLOSE}]*{CLOSE}", "", re.sub(r"</?qt>", "", text))
        while OPEN in rest:  # texts within texts
            rest = re.sub(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", "", rest)
        words = re.sub(r"\b\d+x\b", "", rest.replace(CLOSE, "")).strip()
        if words in OURS or not NOT_WORDS.search(words):
            continue
        found.append(text)
    return found


@pytest.fixture
def disguised():
    language.disguise(lambda text: f"{OPEN}{text.replace(OPEN, '').replace(CLOSE, '')}{CLOSE}")
    yield
    language.disguise(None)


def progress_of(clip):
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
    made = new_progress("0123456789ab", str(clip), info, QUICK, fingerprint="f")
    made["steps"]["upscale"].update(status="in_progress", progress=50.0)
    return made


def test_no_window_has_a_text_outside_the_catalogues(
    disguised, make_window, until, tmp_path, qtbot
):
    clip = tmp_path / "12"
    window = make_window(advanced=True)
    until(lambda: window.devices)
    window.settings_panel.set_devices([("gpu:0", "42")])
    window.settings_panel.set_networks([])
    windows = [window]
    job_id = window.queue.add(new_job(str(clip), QUICK))
    entry = window.queue.entry(job_id)
    entry.state.session_id, entry.state.frames_done = "0", 5
    window.queue._keep(entry, state="ended", outcome="failed")
    for code in advice._texts():
        entry.state.stopped = Stopped(
            session_id="0", code=code, exit_code=1, message="1", resume_command=None
        )
        window.run_view.show_entry(entry)
        assert undisguised(window.run_view) == []
    window._set_videos([])
    window._show_chosen()
    match = SessionMatch("0123456789ab", progress_of(clip), "exact")
    windows += [
        ResumeDialog([SessionMatch("0" * 12, match.progress, how), match], window)
        for how in ("exact", "moved", "settings_differ", "video_differs")
    ]
    windows.append(SessionsView(window))
    windows.append(LogWindow(window.session_manager.paths("0123456789ab"), window))
    until(lambda: not window.background.is_busy)
    for one in windows:
        known = ("0123456789ab", "000000000000", "mp4", str(tmp_path), "12x", "gpu:0")
        texts_ = [t for t in undisguised(one) if not any(name in t for name in known)]
        assert texts_ == [], one.objectName()
    assert not window.findChildren(QMessageBox)


def test_everything_that_the_keyboard_reaches_has_a_name(make_window):
    window = make_window(advanced=True)
    windows = [window, SessionsView(window)]
    windows.append(LogWindow(window.session_manager.paths("0123456789ab"), window))
    for one in windows:
        for widget in one.findChildren(QWidget):
            reached = widget.focusPolicy() & Qt.FocusPolicy.TabFocus == Qt.FocusPolicy.TabFocus
            inside = isinstance(widget.parent(), QAbstractSpinBox | QComboBox)
            if not reached or inside or isinstance(widget, QAbstractScrollArea | QSplitter):
                continue
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            assert widget.accessibleName() or text, (one.objectName(), widget)


@pytest.mark.parametrize("code", language.LANGUAGES)
def test_the_window_opens_in_every_language(code, make_window):
    window = make_window(language=code)
    looks.speak(Preferences(language=code))
    window.rebuild()
    start = {"en": "Start", "ja": "開始"}[code]
    assert window.start_button.text() == start
