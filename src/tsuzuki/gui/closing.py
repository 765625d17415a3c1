"""What becomes of a run when the window is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QMessageBox

from tsuzuki.gui.widgets import ask
from tsuzuki.language import tr

if TYPE_CHECKING:
    from tsuzuki.gui.main_window import MainGUI


def on_close(window: MainGUI, event: QCloseEvent) -> None:
    """Close where nothing runs; else ask what becomes of the run first."""
    if window.queue.running is None:
        _leave(window)
        event.accept()
        return
    event.ignore()
    ask_what_becomes(window)


def ask_what_becomes(window: MainGUI) -> None:
    """Ask whether the run goes on or stops."""
    role = QMessageBox.ButtonRole
    ask(
        window,
        QMessageBox.Icon.Question,
        tr("A video is being upscaled"),
        tr(
            "It can go on in the background: start Tsuzuki again to see it. Or it is stopped "
            "safely, and goes on later from the frame where it ended."
        ),
        [
            (
                tr("Go on in the background"),
                role.AcceptRole,
                lambda: go_on_in_background(window),
            ),
            (tr("Stop safely"), role.DestructiveRole, lambda: stop_and_leave(window)),
            (tr("Keep the window open"), role.RejectRole, None),
        ],
        name="confirm-close",
        safest=2,
    )


def go_on_in_background(window: MainGUI) -> None:
    """Hide; the program ends by itself when the queue is done."""
    window.remember()
    window.hide()


def stop_and_leave(window: MainGUI) -> None:
    """Have the run save what is finished; then close."""
    running = window.queue.running
    if running is None:
        window.close()
        return
    window.is_leaving = True
    window.statusBar().showMessage(tr("Saving what is finished…"))
    window.queue.ended.connect(lambda _: window.close() if window.is_leaving else None)
    window.queue.pause(running.job.id)


def _leave(window: MainGUI) -> None:
    window.remember()
    for dialog in window.findChildren(QDialog):
        dialog.close()  # what they compute ends with them
    if window.trial is not None:
        window.trial.close()
    window.background.finish()
    window.queue.close()
    window.left.emit()
