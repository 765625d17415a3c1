"""Small parts of windows."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFontMetrics, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

from tsuzuki.gui import words
from tsuzuki.gui.state import RunState
from tsuzuki.language import tr
from tsuzuki.sessions.progress import STEPS, StepName
from tsuzuki.text import safe


def label(text: object = "", *, wrap: bool = False, name: str = "") -> QLabel:
    """Return a label that takes no text for markup: names of files may look like it."""
    made = QLabel(safe(text))
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if name:
        made.setObjectName(name)
    return made


MARKS = "🔄📹📅⚙🎯🔀⚠📊🚀❌"
"""Signs that stand before texts: all of them, or none where the fonts lack some."""


def marked(mark: str, text: str) -> str:
    """Return a text after a sign, where the fonts of the system have the signs."""
    metrics = QFontMetrics(QApplication.font())
    return f"{mark} {text}" if all(metrics.inFontUcs4(ord(one)) for one in MARKS) else text


class Column(QScrollArea):
    """Parts below each other that scroll up and down, never sideways: it is as wide as they are."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inside = inside
        self.setWidget(inside)
        inside.installEventFilter(self)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Become wider with what is inside."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        bar = self.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(self._inside.minimumSizeHint().width() + bar)


class PathLabel(QLabel):
    """A path or a name in one line, shortened in the middle where there is too little room."""

    def __init__(self, path: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(120)
        self._path = ""
        self.set_path(path)

    def set_path(self, path: str) -> None:
        """Show another path."""
        self._path = safe(path)
        self.setToolTip(plain(path))
        self.setAccessibleName(self._path)
        self._shorten()

    def set_file(self, path: str) -> None:
        """Show the name of a file; the tip has its path."""
        self._path = safe(Path(path).name or path)
        self.setToolTip(plain(path))
        self.setAccessibleName(self._path)
        self._shorten()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Shorten as much as is needed now."""
        super().resizeEvent(event)
        self._shorten()

    def _shorten(self) -> None:
        middle = Qt.TextElideMode.ElideMiddle
        self.setText(self.fontMetrics().elidedText(self._path, middle, max(self.width(), 60)))


def plain(text: object) -> str:
    """Return text for a tip, which Qt would take for markup."""
    return f"<qt>{html.escape(safe(text))}</qt>"


def button(
    text: str,
    on_click: Callable[[], object] | None = None,
    *,
    name: str = "",
    tip: str = "",
    default: bool = False,
) -> QPushButton:
    """Return a button."""
    made = QPushButton(text)
    if on_click is not None:
        made.clicked.connect(lambda *_: on_click())
    if name:
        made.setObjectName(name)
    if tip:
        made.setToolTip(plain(tip))
    made.setDefault(default)
    return made


def choice(items: Sequence[tuple[object, str]], *, name: str = "") -> QComboBox:
    """Return a box to choose one of several values, each with its text."""
    made = QComboBox()
    for value, text in items:
        made.addItem(text, value)
    made.setObjectName(name)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return made


def choose(box: QComboBox, value: object) -> None:
    """Select a value, which is added where it is not among the choices."""
    at = box.findData(value)
    if at < 0:
        box.addItem(safe(value), value)
        at = box.count() - 1
    box.setCurrentIndex(at)


class StepBars(QWidget):
    """The four steps: state, name, bar and percentage of each."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(2, 1)
        self._rows: dict[StepName, tuple[QLabel, QProgressBar, QLabel]] = {}
        for row, step in enumerate(STEPS):
            mark, bar, share = label(), QProgressBar(), label()
            mark.setMinimumWidth(self.fontMetrics().horizontalAdvance("✔✔"))
            mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
            bar.setRange(0, 1000)
            bar.setTextVisible(False)
            bar.setAccessibleName(words.step_title(step))
            bar.setMinimumWidth(120)
            share.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            share.setMinimumWidth(self.fontMetrics().horizontalAdvance("100.0 %") + 4)
            for column, part in enumerate((mark, label(words.step_title(step)), bar, share)):
                grid.addWidget(part, row, column)
            self._rows[step] = mark, bar, share
        self.show_state(RunState())

    def show_state(self, state: RunState) -> None:
        """Show how far each step is."""
        for step, (mark, bar, share) in self._rows.items():
            now = state.steps[step]
            mark.setText(words.MARKS[now.status])
            mark.setToolTip(words.step_status(now.status))
            mark.setAccessibleName(words.step_status(now.status))
            bar.setValue(round(10 * now.progress))
            share.setText(f"{now.progress:.1f} %")
            bar.setAccessibleDescription(f"{words.step_status(now.status)}, {share.text()}")


def ask(
    parent: QWidget | None,
    icon: QMessageBox.Icon,
    title: str,
    text: str,
    buttons: Sequence[tuple[str, QMessageBox.ButtonRole, Callable[[], object] | None]],
    *,
    name: str,
    safest: int,
) -> QMessageBox:
    """Ask a question and call what belongs to the button that is pressed.

    It returns at once, with the box. Escape and Return stand for the ``safest`` button.
    """
    box = QMessageBox(icon, title, title, QMessageBox.StandardButton.NoButton, parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(safe(text))
    box.setObjectName(name)
    made = [box.addButton(caption, role) for caption, role, _ in buttons]
    box.setDefaultButton(made[safest])
    box.setEscapeButton(made[safest])

    def pressed(one: object) -> None:
        for known, (_, _, call) in zip(made, buttons, strict=True):
            if known == one and call is not None:
                call()

    box.buttonClicked.connect(pressed)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowModality(Qt.WindowModality.WindowModal)
    box.open()
    return box


def close_button(box: QDialogButtonBox) -> QPushButton:
    """Give a row of buttons one that closes, in the language that is spoken."""
    made = box.addButton(tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
    made.setShortcut(QKeySequence(Qt.Key.Key_Escape))
    return made
