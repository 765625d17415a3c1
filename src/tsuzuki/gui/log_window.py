"""The log of a session, to read and to send with a report."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication, QTextCursor
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
)

from tsuzuki.errors import TsuzukiError
from tsuzuki.gui.widgets import button, choice, label
from tsuzuki.language import tr, trp
from tsuzuki.sentences import told
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.log import read_log
from tsuzuki.text import safe

if TYPE_CHECKING:
    from tsuzuki.gui.main_window import MainGUI

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_LINE = re.compile(r"\S+Z (?P<level>[A-Z]+) \d+ ")
_PATH = re.compile(
    r"(?:[A-Za-z]:)?(?:[\\/][^\\/\s'\"`:;,()<>|*?]+(?: [^\\/\s'\"`:;,()<>|*?]+)*?)+[\\/]"
)


class Entry(NamedTuple):
    """One entry of the log, which may have several lines."""

    level: str
    text: str


def entries(log: str) -> list[Entry]:
    """Split a log into its entries."""
    found: list[Entry] = []
    for line in log.splitlines():
        match = _LINE.match(line)
        if match is not None:
            found.append(Entry(match["level"], line))
        elif found:
            found[-1] = Entry(found[-1].level, f"{found[-1].text}\n{line}")
    return found


def filtered(found: Iterable[Entry], least: str, wanted: str) -> str:
    """Return the entries of this level and above in which a text occurs."""
    levels = LEVELS[LEVELS.index(least) :]
    return "\n".join(
        entry.text
        for entry in found
        if (entry.level in levels or entry.level == "CRITICAL")
        and wanted.casefold() in entry.text.casefold()
    )


def without_private(text: str, home: Path, names: Iterable[str] = ()) -> str:
    """Return the text without what says who and where the person is.

    Folders of paths are left out, so that names of files remain; those in ``names``, such as the
    video's, become ``VIDEO``.
    """
    text = text.replace(str(home), "~")
    text = _PATH.sub("…/", text).replace("~…/", "…/")
    for name in sorted((name for name in names if len(name) > 2), key=len, reverse=True):
        text = text.replace(name, "VIDEO")
    return text.replace(home.name, "USER") if len(home.name) > 2 else text


class LogWindow(QDialog):
    """Shows the log of one session."""

    def __init__(self, paths: SessionPaths, window: MainGUI) -> None:
        super().__init__(window)
        self._window = window
        self._paths = paths
        self._entries: list[Entry] = []
        self._video = ""
        self._alive = [True]
        self.destroyed.connect(self._alive.clear)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("log")
        self.setWindowTitle(tr("Log of session {id}").format(id=paths.session_id))
        self.resize(820, 480)
        layout = QVBoxLayout(self)
        layout.addLayout(self._filter_row())
        self._text = QPlainTextEdit(readOnly=True)
        self._text.setObjectName("log-text")
        self._text.setAccessibleName(tr("Log"))
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        layout.addWidget(self._text, 1)
        self._said = label(name="log-said")
        layout.addWidget(self._said)
        layout.addLayout(self._button_row())
        self.read()

    def read(self) -> None:
        """Read the log, beside the event loop."""
        paths, places, alive = self._paths, self._window.places, self._alive

        def read() -> tuple[list[Entry], str]:
            video = ""
            with suppress(TsuzukiError):
                progress = places.manager_of(paths.session_id).load_progress(paths.session_id)
                video = progress["video_file"] if progress else ""
            return entries(read_log(paths)), video

        self._window.background.ask(
            read,
            lambda found: self._take(*found) if alive else None,
            lambda error: self._said.setText(safe(told(error.message))) if alive else None,
        )

    def report(self) -> str:
        """Return what is shown, without private data, for a report."""
        system = f"{platform.system()} {platform.release()} {platform.machine()}"
        head = f"tsuzuki {version('tsuzuki')}, Python {platform.python_version()}, {system}"
        videos = [self._video, *(entry.job.video for entry in self._window.queue.entries())]
        names = [name for video in map(Path, videos) for name in (video.name, video.stem)]
        return f"{head}\n\n{without_private(self._text.toPlainText(), Path.home(), names)}\n"

    def _take(self, found: list[Entry], video: str) -> None:
        self._entries, self._video = found, video
        self._show()

    def _show(self) -> None:
        text = filtered(self._entries, self._level.currentData(), self._search.text())
        self._text.setPlainText(safe(text))
        self._text.moveCursor(QTextCursor.MoveOperation.End)
        self._text.horizontalScrollBar().setValue(0)
        self._said.setText("" if text else tr("There is nothing to show."))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report())
        self._said.setText(tr("Copied, with paths shortened and names left out."))

    def _filter_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        names = {
            "DEBUG": tr("Everything"),
            "INFO": tr("Reports and above"),
            "WARNING": tr("Warnings and errors"),
            "ERROR": tr("Errors only"),
        }
        self._level = choice([(level, names[level]) for level in LEVELS], name="level")
        self._level.setCurrentIndex(1)
        self._level.setAccessibleName(tr("What is shown"))
        self._search = QLineEdit(placeholderText=trp("log", "Search"))
        self._search.setObjectName("search")
        self._search.setAccessibleName(trp("log", "Search"))
        self._search.setClearButtonEnabled(True)
        self._level.currentIndexChanged.connect(self._show)
        self._search.textChanged.connect(self._show)
        row.addWidget(self._level)
        row.addWidget(self._search, 1)
        return row

    def _button_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for text, call, name in (
            (tr("Copy for a report"), self._copy, "copy"),
            (tr("Read again"), self.read, "read"),
        ):
            made = button(text, call, name=name)
            made.setAutoDefault(False)
            row.addWidget(made)
        row.addStretch(1)
        close = button(tr("Close"), self.close, name="close")
        close.setAutoDefault(False)
        row.addWidget(close)
        return row
