"""What the present settings make of a frame, and of a few seconds."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import QDialog, QHBoxLayout, QProgressBar, QSlider, QVBoxLayout

from tsuzuki.errors import Cancelled, TsuzukiError
from tsuzuki.gui.before_after import BeforeAfter
from tsuzuki.gui.queue import Entry
from tsuzuki.gui.source_panel import name_of
from tsuzuki.gui.trial import SECONDS, TrialRun, estimate_text, start_near
from tsuzuki.gui.widgets import button, label
from tsuzuki.language import tr, trn
from tsuzuki.pipeline.estimate import Trial
from tsuzuki.pipeline.glimpse import preview, stills
from tsuzuki.pipeline.look import Look
from tsuzuki.pipeline.messages import Previewed
from tsuzuki.sentences import told
from tsuzuki.settings import ProcessingSettings
from tsuzuki.text import duration, safe

if TYPE_CHECKING:
    from tsuzuki.gui.main_window import MainGUI

TICKS = 1000
WAIT_MS = 400
"""Time without a move of the slider after which its frame is computed."""


class PreviewWindow(QDialog):
    """Shows the frame at ``place``, 0 to 1, before and after, and tries a few seconds."""

    def __init__(
        self, look: Look, settings: ProcessingSettings, window: MainGUI, place: float = 1 / 3
    ) -> None:
        super().__init__(window)
        self._window = window
        self._look = look
        self._settings = settings
        self._cancel = threading.Event()
        self.trial: TrialRun | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("preview")
        self.setWindowTitle(tr("Preview: {name}").format(name=name_of(look.probe.path)))
        self.resize(820, 600)
        layout = QVBoxLayout(self)
        self.frames = BeforeAfter()
        layout.addWidget(self.frames, 1)
        layout.addLayout(self._slider_row(place))
        self._said = label(wrap=True, name="preview-said")
        layout.addWidget(self._said)
        self._bar = QProgressBar(maximum=100)
        self._bar.setAccessibleName(tr("Progress of the trial"))
        self._bar.hide()
        layout.addWidget(self._bar)
        layout.addLayout(self._button_row())
        self._pause = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._pause.timeout.connect(self.compute)
        self.compute()

    @property
    def moment(self) -> float:
        """The moment of the slider, in seconds."""
        last = max(0.0, self._look.probe.duration - 0.05)
        return last * float(self._slider.value()) / TICKS

    def compute(self) -> None:
        """Upscale the frame at the slider, in the background."""
        self._cancel.set()
        cancel = self._cancel = threading.Event()
        path, settings, moment = Path(self._look.probe.path), self._settings, self.moment
        self._said.setText(tr("Computing the frame…"))
        self._window.background.ask(
            lambda: preview(path, settings, moment, cancel),
            lambda result: self._show(result, cancel),
            lambda error: self._fail(error, cancel),
        )

    def _show(self, result: Previewed, cancel: threading.Event) -> None:
        if not cancel.is_set():
            self.frames.show_frames(result.before, result.after)
            self._said.setText("")

    def _fail(self, error: TsuzukiError, cancel: threading.Event) -> None:
        if not cancel.is_set() and not isinstance(error, Cancelled):
            self._said.setText(safe(told(error.message)))

    # The trial

    def start_trial(self) -> None:
        """Upscale a few seconds for real."""
        self._end_trial()
        start = start_near(self.moment, self._look.probe.duration)
        try:
            trial = self.trial = TrialRun(self._look.probe.path, self._settings, start, self)
        except (OSError, TsuzukiError) as error:
            self._said.setText(safe(told(str(error))))
            return
        trial.progressed.connect(lambda share: self._bar.setValue(round(share)))
        trial.done.connect(self._show_trial)
        trial.failed.connect(self._show_failed_trial)
        self._bar.setValue(0)
        self._bar.show()
        self._try.setEnabled(False)
        self._said.setText(
            trn("Upscaling {number} second…", "Upscaling {number} seconds…", SECONDS)
        )

    def _show_trial(self, trial: Trial) -> None:
        self._trial_is_over()
        self._play.setEnabled(True)
        if self._look.plan is None:
            return
        self._said.setText(estimate_text(self._look.plan, trial))

    def _show_failed_trial(self, text: str) -> None:
        self._trial_is_over()
        self._said.setText(safe(text))

    def _trial_is_over(self) -> None:
        self._bar.hide()
        self._try.setEnabled(True)

    def _end_trial(self) -> None:
        self._play.setEnabled(False)
        if self.trial is not None:
            self.trial.close()
            self.trial = None

    def _play_trial(self) -> None:
        if self.trial is not None and self.trial.output is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.trial.output)))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """End what is computed."""
        self.done(0)
        super().closeEvent(event)

    def done(self, result: int) -> None:
        """End what is computed."""
        self._cancel.set()
        self._end_trial()
        super().done(result)

    # The parts

    def _slider_row(self, place: float) -> QHBoxLayout:
        row = QHBoxLayout()
        caption = label(tr("Moment:"))
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, TICKS)
        self._slider.setValue(round(place * TICKS))
        self._slider.setPageStep(TICKS // 20)
        self._slider.setObjectName("moment")
        caption.setBuddy(self._slider)
        self._slider.setAccessibleName(caption.text())
        self._time = label()
        self._time.setMinimumWidth(self._time.fontMetrics().horizontalAdvance("00:00:00"))
        self._slider.valueChanged.connect(self._on_slider)
        for part in (caption, self._slider, self._time):
            row.addWidget(part)
        self._time.setText(duration(self.moment))
        return row

    def _button_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._try = button(
            trn("Try {number} second", "Try {number} seconds", SECONDS),
            self.start_trial,
            name="try",
            tip=tr("Upscales a few seconds for real, and tells what the whole will take."),
        )
        self._play = button(tr("Play the trial"), self._play_trial, name="play")
        self._play.setEnabled(False)
        for part in (self._try, self._play):
            part.setAutoDefault(False)
            row.addWidget(part)
        row.addStretch(1)
        for text, name, call in (
            ("−", tr("Zoom out"), lambda: self.frames.set_zoom(self.frames.zoom / 1.25)),
            ("+", tr("Zoom in"), lambda: self.frames.set_zoom(self.frames.zoom * 1.25)),
        ):
            made = button(text, call, tip=name)
            made.setAccessibleName(name)
            made.setAutoDefault(False)
            row.addWidget(made)
        close = button(tr("Close"), self.close, name="close")
        close.setAutoDefault(False)
        row.addWidget(close)
        return row

    def _on_slider(self) -> None:
        self._time.setText(duration(self.moment))
        self._pause.start()


def show_latest(window: MainGUI, entry: Entry) -> None:
    """Show the frame that a run has finished last."""
    upscaled = Path(entry.state.folder) / "upscaled"
    number = entry.state.last_segment or 0
    found = sorted(upscaled.glob(f"segment_{number:06d}-*.mkv"))
    if not found:
        return
    dialog = QDialog(window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setObjectName("latest-frame")
    dialog.setWindowTitle(tr("Latest frame: {name}").format(name=name_of(entry.job.video)))
    dialog.resize(720, 480)
    layout = QVBoxLayout(dialog)
    frame = BeforeAfter()
    layout.addWidget(frame)
    alive = [True]

    def close() -> None:
        if alive:
            dialog.close()

    dialog.destroyed.connect(alive.clear)
    window.background.ask(
        lambda: stills(found[-1], 1, 2160),
        lambda pictures: frame.show_frames(None, pictures[0]) if alive else None,
        lambda _: close(),
    )
    dialog.show()
