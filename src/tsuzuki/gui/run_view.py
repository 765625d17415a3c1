"""One job: how far its steps are, its figures, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tsuzuki.gui import words
from tsuzuki.gui.error_view import ErrorView
from tsuzuki.gui.queue import Entry
from tsuzuki.gui.source_panel import name_of
from tsuzuki.gui.state import RunState
from tsuzuki.gui.widgets import StepBars, button, label
from tsuzuki.language import tr, trn
from tsuzuki.sentences import told
from tsuzuki.text import duration, safe, size

NOTES_SHOWN = 3


class RunView(QWidget):
    """Shows the job that is selected in the queue."""

    wanted = Signal(str)
    """What a button asks for: pause, pause-after-segment, resume, cancel, remove, show-output,
    show-frame, show-log."""
    action = Signal(str)
    """A button of an error, see `tsuzuki.gui.advice.Action`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._title = label(name="subheading")
        self._bars = StepBars()
        self._figures = label(wrap=True, name="figures")
        self._notes = label(wrap=True, name="run-notes")
        self._error = ErrorView()
        self._error.chosen.connect(self.action)
        self._buttons: dict[str, QPushButton] = {}
        for part in (self._title, self._bars, self._figures, self._notes, self._error):
            layout.addWidget(part)
        layout.addLayout(self._button_row())
        layout.addStretch(1)

    def show_entry(self, entry: Entry | None) -> None:
        """Show a job, or that there is none."""
        self.setVisible(entry is not None)
        if entry is None:
            return
        state = entry.state
        self._title.setText(name_of(entry.job.video))
        self._bars.show_state(state)
        self._figures.setText(safe(figures_of(entry)))
        notes = [safe(told(text)) for _, text in state.warnings[-NOTES_SHOWN:]]
        if state.restarts:
            notes.append(_restarts_text(state))
        self._notes.setText("\n".join(notes))
        self._notes.setVisible(bool(notes))
        failed = entry.job.outcome == "failed" and state.stopped is not None
        self._bars.setVisible(bool(state.session_id) or not failed)
        if failed and state.stopped is not None:
            self._error.show_end(state.stopped, state)
        else:
            self._error.hide()
        self._show_buttons(entry)

    def _button_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for name, text, tip in (
            ("pause", tr("Pause"), tr("Saves what is finished and stops within seconds.")),
            (
                "pause-after-segment",
                tr("Pause after this segment"),
                tr("Finishes the segment in work, then stops."),
            ),
            ("resume", tr("Resume"), tr("Goes on from the frame where it ended.")),
            ("show-output", tr("Show the output"), ""),
            ("show-frame", tr("Latest frame…"), tr("Shows the frame that was finished last.")),
            ("show-log", tr("Log…"), ""),
            ("cancel", tr("Cancel…"), ""),
            ("remove", tr("Remove from the list"), ""),
        ):
            made = button(text, lambda name=name: self.wanted.emit(name), name=name, tip=tip)  # type: ignore[misc]
            self._buttons[name] = made
            row.addWidget(made)
        row.addStretch(1)
        return row

    def _show_buttons(self, entry: Entry) -> None:
        possible = possible_with(entry)
        for name, made in self._buttons.items():
            made.setVisible(name in possible)


def possible_with(entry: Entry) -> set[str]:
    """Return what can be asked of a job as it is now, by a button or from the menu."""
    running, outcome = entry.is_running, entry.job.outcome
    wishes = {
        "pause": running and entry.stopping != "now",
        "pause-after-segment": running and not entry.stopping,
        "resume": outcome == "paused" or entry.stopping == "segment",
        "show-output": outcome == "finished",
        "show-frame": running and entry.state.last_segment is not None,
        "show-log": bool(entry.state.session_id) and outcome != "finished",
        "cancel": running,
        "remove": not running,
    }
    return {wish for wish, is_possible in wishes.items() if is_possible}


def _restarts_text(state: RunState) -> str:
    again = trn(
        "The worker process ended; another one took over, and nothing is lost.",
        "The worker process ended {number} times; another one took over, and nothing is lost.",
        state.restarts,
    )
    return f"{again} ({safe(told(state.restarted_because))})"


def status_of(entry: Entry) -> str:
    """Return the state of a job in a few words."""
    if entry.is_running:
        if entry.stopping == "now":
            return tr("Saving…")
        if entry.stopping == "segment":
            return tr("Stops after this segment")
        step = entry.state.step
        return tr("Starting…") if step is None else words.step_title(step)
    if entry.job.state == "waiting":
        return tr("Waits")
    return {
        "finished": tr("Done"),
        "paused": tr("Paused"),
        "failed": tr("Stopped by an error"),
    }.get(entry.job.outcome, tr("Paused"))


def figures_of(entry: Entry) -> str:
    """Return the figures of a job, and how it stands."""
    state, finished = entry.state, entry.state.finished
    if finished is not None:
        lines = [
            tr("Done: {output}").format(output=finished.output),
            f"{words.frames(finished.frames)} · {size(finished.size)} · "
            + tr("computed in {time}").format(time=duration(finished.seconds)),
        ]
        if finished.failed_frames:
            number = len(finished.failed_frames)
            lines.append(
                trn(
                    "{number} frame of the source was damaged.",
                    "{number} frames of the source were damaged.",
                    number,
                )
            )
        if finished.kept_frames:
            lines.append(tr("The frames are kept in {folder}").format(folder=finished.kept_frames))
        if not finished.bit_identical:
            lines.append(
                tr(
                    "Changes were accepted on the way: the bytes may differ from those of an "
                    "uninterrupted run."
                )
            )
        return "\n".join(lines)
    line = words.figures(
        done=state.frames_done,
        total=state.frames_total,
        speed=state.frames_per_second,
        eta=state.eta,
        reused=state.reused,
        disk=state.disk_used,
    )
    return f"{status_of(entry)} · {line}" if line else status_of(entry)
