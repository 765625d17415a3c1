"""What the buttons below a job do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMessageBox

from tsuzuki.errors import TsuzukiError
from tsuzuki.gui.advice import action_name, action_warning, advice_on
from tsuzuki.gui.queue import Entry
from tsuzuki.gui.run_view import possible_with
from tsuzuki.gui.widgets import ask
from tsuzuki.language import tr
from tsuzuki.sentences import told
from tsuzuki.sessions.progress import ProgressData
from tsuzuki.settings import ProcessingSettings

if TYPE_CHECKING:
    from tsuzuki.gui.main_window import MainGUI

SMALLER_TILE = 128


def do(window: MainGUI, entry: Entry, wish: str) -> None:
    """Do what a button below the job, or a key, asks for; nothing where it cannot be done now."""
    job_id, queue = entry.job.id, window.queue
    if wish not in possible_with(entry):
        return
    match wish:
        case "pause":
            queue.pause(job_id)
        case "pause-after-segment":
            queue.pause(job_id, after_segment=True)
        case "resume":
            queue.resume(job_id)
        case "cancel":
            _ask_to_cancel(window, entry)
        case "remove":
            queue.remove(job_id)
        case "show-output":
            show_in_folder(Path(entry.state.output or entry.job.output or entry.job.video))
        case "show-frame":
            _show_frame(window, entry)
        case "show-log":
            show_log(window, entry.state.session_id)


def mend(window: MainGUI, entry: Entry, action: str) -> None:
    """Do what a button of an error offers; what takes a promise back says so first."""
    if warning := action_warning(action):  # type: ignore[arg-type]
        role = QMessageBox.ButtonRole
        ask(
            window,
            QMessageBox.Icon.Warning,
            action_name(action),  # type: ignore[arg-type]
            warning,
            [
                (action_name(action), role.AcceptRole, lambda: _mend(window, entry, action)),  # type: ignore[arg-type]
                (tr("Back"), role.RejectRole, None),
            ],
            name="confirm-action",
            safest=1,
        )
    else:
        _mend(window, entry, action)


def _mend(window: MainGUI, entry: Entry, action: str) -> None:
    details = entry.state.stopped.details if entry.state.stopped else {}
    changes: dict[str, Callable[[], dict[str, Any]]] = {
        "retry": dict,
        "overwrite": lambda: {"overwrite": True},
        "accept-changes": lambda: {"accept_changes": True},
        "take-over": lambda: {"take_over": True},
        "without-copy": lambda: {"sync": None},
        "accept-damage": lambda: {"accept_damage": True},
        "accept-hdr-loss": lambda: {"accept_hdr_loss": True},
        "accept-frame": lambda: {
            "accept_suspicious": (*entry.job.accept_suspicious, int(details.get("frame", 1)))
        },
        "smaller-tiles": lambda: {"tile_size": int(details.get("tile_size", SMALLER_TILE))},
        "on-processor": lambda: {
            "settings": {**entry.job.settings, "device": "cpu"},
            "session_id": None,
            "accept_changes": True,
        },
    }
    if action in changes:
        window.queue.resume(entry.job.id, **changes[action]())
        return
    others: dict[str, Callable[[], None]] = {
        "choose-output": lambda: _choose_output(window, entry),
        "find-video": lambda: _find_video(window, entry),
        "free-space": lambda: show_in_folder(Path(str(details.get("path", Path.home())))),
        "start-over": lambda: _ask_to_start_over(window, entry),
        "repair": lambda: _repair(window, entry),
        "agree": lambda: _agree(window, entry),
        "change-settings": lambda: _change_settings(window, entry),
        "show-log": lambda: show_log(window, entry.state.session_id),
    }
    others[action]()


def _ask_to_cancel(window: MainGUI, entry: Entry) -> None:
    role = QMessageBox.ButtonRole
    ask(
        window,
        QMessageBox.Icon.Question,
        tr("Cancel this video?"),
        tr("The finished work can be kept, to go on with it some other day."),
        [
            (tr("Stop and keep the work"), role.AcceptRole, lambda: _stop(window, entry, "keep")),
            (
                tr("Stop and delete the work"),
                role.DestructiveRole,
                lambda: _stop(window, entry, "delete"),
            ),
            (tr("Go on"), role.RejectRole, None),
        ],
        name="confirm-cancel",
        safest=2,
    )


def _stop(window: MainGUI, entry: Entry, what: str) -> None:
    """Stop a job, then take it off the list, and with ``delete`` its session too."""
    job_id, queue = entry.job.id, window.queue

    def ended(one: str) -> None:
        if one != job_id:
            return
        queue.ended.disconnect(ended)  # what it does later is not what was asked about
        drop()

    def drop() -> None:
        if entry.job.outcome == "finished" or queue.get(job_id) is None:
            return
        queue.remove(job_id)
        if what == "delete" and entry.state.session_id:
            delete_session(window, entry.state.session_id)
        queue.start()

    if not entry.is_running:  # it has ended while the person was asked
        drop()
        return
    queue.ended.connect(ended)
    queue.pause(job_id)


def delete_session(window: MainGUI, session_id: str) -> None:
    """Delete a session with all its work, as the person has agreed to."""
    window.background.ask(
        lambda: window.places.manager_of(session_id).cleanup_session(session_id),
        lambda _: window.statusBar().showMessage(tr("The work was deleted."), 5000),
        lambda error: show_error(window, error),
    )


def _choose_output(window: MainGUI, entry: Entry) -> None:
    present = Path(entry.state.output or entry.job.output or entry.job.video)
    dialog = QFileDialog(window, tr("Choose a place for the output"), str(present.parent))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.selectFile(present.name)
    dialog.fileSelected.connect(lambda name: window.queue.resume(entry.job.id, output=name))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


def _find_video(window: MainGUI, entry: Entry) -> None:
    dialog = QFileDialog(window, tr("Where is the video now?"))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(lambda name: window.queue.resume(entry.job.id, video=name))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


def _ask_to_start_over(window: MainGUI, entry: Entry) -> None:
    role = QMessageBox.ButtonRole

    def start_over() -> None:
        window.queue.resume(entry.job.id, session_id=None, restart=True)

    ask(
        window,
        QMessageBox.Icon.Warning,
        tr("Start over?"),
        tr("Starting over deletes the work that was done so far."),
        [
            (tr("Delete the work and start over"), role.DestructiveRole, start_over),
            (tr("Keep the work"), role.RejectRole, None),
        ],
        name="confirm-restart",
        safest=1,
    )


def _repair(window: MainGUI, entry: Entry) -> None:
    session_id = entry.state.session_id or entry.job.session_id or ""
    window.background.ask(
        lambda: window.places.manager_of(session_id).repair_session(session_id),
        lambda _: window.queue.resume(entry.job.id),
        lambda error: show_error(window, error),
    )


def _agree(window: MainGUI, entry: Entry) -> None:
    """Go on with a session from elsewhere, to the output that it names."""
    session_id = entry.job.session_id or ""

    def go_on(progress: ProgressData) -> None:
        if (output := entry.job.output or progress.get("output")) is None:
            _choose_output(window, entry)
        else:
            window.queue.resume(entry.job.id, output=output)

    window.background.ask(
        lambda: window.places.manager_of(session_id).require_progress(session_id),
        go_on,
        lambda error: show_error(window, error),
    )


def _change_settings(window: MainGUI, entry: Entry) -> None:
    window.settings_panel.set_settings(ProcessingSettings.from_dict(entry.job.settings))
    window.queue.remove(entry.job.id)
    window.choose_videos([entry.job.video])


def _show_frame(window: MainGUI, entry: Entry) -> None:
    from tsuzuki.gui.preview import show_latest  # noqa: PLC0415 - only when asked for

    show_latest(window, entry)


def show_log(window: MainGUI, session_id: str) -> None:
    """Show the log of a session."""
    from tsuzuki.gui.log_window import LogWindow  # noqa: PLC0415 - only when asked for

    if session_id:
        LogWindow(window.places.paths(session_id), window).show()


def show_in_folder(path: Path) -> None:
    """Show a file's folder, or a folder, in the file manager."""
    folder = path if path.is_dir() else path.parent
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def show_error(window: MainGUI | None, error: TsuzukiError) -> QMessageBox:
    """Show an error that belongs to no job."""
    advice = advice_on(error.code, error.details)
    return ask(
        window,
        QMessageBox.Icon.Warning,
        advice.title,
        f"{told(error.message)}\n\n{advice.what_to_do}",
        [(tr("Close"), QMessageBox.ButtonRole.RejectRole, None)],
        name="error-box",
        safest=0,
    )
