"""A failure, shown with the buttons that help."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLayout, QSizePolicy, QStyle

from tsuzuki.gui import words
from tsuzuki.gui.advice import Action, action_name, action_warning, advice_on
from tsuzuki.gui.state import RunState
from tsuzuki.gui.widgets import button, label
from tsuzuki.language import tr
from tsuzuki.pipeline import events
from tsuzuki.sentences import told
from tsuzuki.text import safe as safe_text


class ErrorView(QFrame):
    """What happened, that the work is safe, what to do, and buttons that do it."""

    chosen = Signal(str)
    """An `Action`."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("error")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        grid = QGridLayout(self)
        grid.setColumnStretch(1, 1)
        icon = label()
        sign = self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        icon.setPixmap(sign.pixmap(32, 32))
        self._title = label(wrap=True, name="error-title")
        self._safe = label(wrap=True, name="error-safe")
        self._advice = label(wrap=True, name="error-advice")
        self._details = label(wrap=True, name="error-details")
        self._details.setTextInteractionFlags(
            self._details.textInteractionFlags().TextSelectableByMouse
        )
        grid.addWidget(icon, 0, 0, 4, 1)
        for row, part in enumerate((self._title, self._safe, self._advice, self._details)):
            part.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
            grid.addWidget(part, row, 1)
        self._row = QHBoxLayout()
        grid.addLayout(self._row, 4, 1)
        self.hide()

    def show_end(self, stopped: events.Stopped, state: RunState) -> None:
        """Show how a run ended."""
        advice = advice_on(stopped.code, stopped.details)
        self.show_failure(
            advice.title,
            told(stopped.message),
            advice.what_to_do,
            advice.actions,
            _what_is_safe(state),
        )

    def show_failure(
        self, title: str, details: str, what_to_do: str, actions: tuple[Action, ...], safe: str = ""
    ) -> None:
        """Show a failure."""
        for part, text in (
            (self._title, title),
            (self._safe, safe),
            (self._advice, what_to_do),
            (self._details, details),
        ):
            part.setText(safe_text(text))
            part.setVisible(bool(text))
        self.setAccessibleName(title)
        self.setAccessibleDescription(f"{safe} {what_to_do} {details}")
        _clear(self._row)
        for action in actions:
            made = button(
                action_name(action),
                lambda action=action: self.chosen.emit(action),  # type: ignore[misc]
                name=f"action-{action}",
                tip=action_warning(action),
            )
            self._row.addWidget(made)
        self._row.addStretch(1)
        self.show()


def _what_is_safe(state: RunState) -> str:
    if not state.session_id or state.frames_done is None:
        return ""
    if state.frames_total:
        done = words.frames_of(state.frames_done, state.frames_total)
        return tr("Nothing is lost: {frames} are safe.").format(frames=done)
    return tr("Nothing is lost: what is finished is safe.")


def _clear(row: QLayout) -> None:
    while (item := row.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
