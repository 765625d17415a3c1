"""All sessions: what they are, what they take, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tsuzuki.errors import TsuzukiError
from tsuzuki.gui import remedies, words
from tsuzuki.gui.places import Places
from tsuzuki.gui.source_panel import name_of, pixmap
from tsuzuki.gui.widgets import ask, button, close_button, label, plain
from tsuzuki.language import tr, trn
from tsuzuki.pipeline.glimpse import stills
from tsuzuki.sentences import told
from tsuzuki.sessions import Repaired, Report
from tsuzuki.sessions.layout import ROOT_NAME, SessionPaths
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.progress import ProgressData
from tsuzuki.sessions.usage import disk_used
from tsuzuki.settings import ProcessingSettings
from tsuzuki.text import moment, safe, size

if TYPE_CHECKING:
    from tsuzuki.gui.main_window import MainGUI

THUMBNAIL = 40
_NAMES_SHOWN = 10
_ID = Qt.ItemDataRole.UserRole


class Listed(NamedTuple):
    """One session, with what it takes."""

    progress: ProgressData
    manager: SessionManager
    size: int

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.progress["session_id"]

    @property
    def paths(self) -> SessionPaths:
        """Where it is."""
        return self.manager.paths(self.session_id)


def list_sessions(places: Places) -> list[Listed]:
    """Return all sessions, the latest first."""
    found = [
        Listed(one.progress, one.manager, disk_used(one.manager.paths(one.progress["session_id"])))
        for one in places.sessions()
    ]
    return sorted(found, key=lambda one: one.progress["last_updated"], reverse=True)


class SessionsView(QDialog):
    """The window of sessions."""

    def __init__(self, window: MainGUI) -> None:
        super().__init__(window)
        self._window = window
        self._listed: dict[str, Listed] = {}
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("sessions")
        self.setWindowTitle(tr("Sessions"))
        self.resize(860, 460)
        layout = QVBoxLayout(self)
        self._total = label(wrap=True, name="total")
        layout.addWidget(self._total)
        self._list = self._make_list()
        layout.addWidget(self._list, 1)
        self._said = label(wrap=True, name="said")
        self._said.setVisible(False)
        layout.addWidget(self._said)
        self._buttons: dict[str, QPushButton] = {}
        layout.addLayout(self._button_row())
        layout.addLayout(self._clean_row())
        box = QDialogButtonBox()
        close_button(box)
        box.rejected.connect(self.reject)
        layout.addWidget(box)
        self.refresh()

    @property
    def current(self) -> str | None:
        """The selected session."""
        item = self._list.currentItem()
        return None if item is None else str(item.data(0, _ID))

    def refresh(self) -> None:
        """Read all sessions anew, beside the event loop."""
        places = self._window.places
        self._ask(lambda: list_sessions(places), self._show)

    # Showing

    def _show(self, listed: list[Listed]) -> None:
        current = self.current
        self._listed = {one.session_id: one for one in listed}
        self._list.clear()
        for one in listed:
            self._list.addTopLevelItem(_item(one))
        for row in range(self._list.topLevelItemCount()):
            item = self._list.topLevelItem(row)
            if item is not None and (item.data(0, _ID) == current or row == 0):
                self._list.setCurrentItem(item)
        total = sum(one.size for one in listed)
        text = trn("{number} session", "{number} sessions", len(listed))
        roots = dict.fromkeys(
            [self._window.session_manager.root, *(o.manager.root for o in listed)]
        )
        self._total.setText(
            tr("{sessions}, {size} on disk, in {folder}").format(
                sessions=text, size=size(total), folder=", ".join(map(safe, roots))
            )
        )
        self._enable()
        self._show_thumbnails(listed)

    def _show_thumbnails(self, listed: list[Listed]) -> None:
        """Fetch one frame of each video, one after the other."""
        videos = {one.session_id: one.progress["video_file"] for one in listed}

        def next_one(waiting: list[str]) -> None:
            if not waiting:
                return
            session_id, *rest = waiting

            def show(pictures: list[bytes]) -> None:
                self._set_icon(session_id, pictures[0])
                next_one(rest)

            self._ask(
                lambda: stills(Path(videos[session_id]), 1, 2 * THUMBNAIL),
                show,
                lambda _: next_one(rest),
            )

        next_one(list(videos))

    def _set_icon(self, session_id: str, png: bytes) -> None:
        for row in range(self._list.topLevelItemCount()):
            item = self._list.topLevelItem(row)
            if item is not None and item.data(0, _ID) == session_id:
                item.setIcon(0, QIcon(pixmap(png, self._list.iconSize(), self.devicePixelRatioF())))

    def _say(self, text: str) -> None:
        self._said.setText(text)
        self._said.setVisible(bool(text))

    def _enable(self) -> None:
        one = self._listed.get(self.current or "")
        unfinished = one is not None and one.progress["status"] != "completed"
        for name, made in self._buttons.items():
            made.setEnabled(one is not None and (name != "resume" or unfinished))

    # The parts

    def _make_list(self) -> QTreeWidget:
        made = QTreeWidget(columnCount=6)
        made.setRootIsDecorated(False)
        made.setObjectName("session-list")
        made.setAccessibleName(tr("Sessions"))
        made.setIconSize(QSize(2 * THUMBNAIL, THUMBNAIL))
        made.setHeaderLabels(
            [
                tr("Video"),
                tr("Settings"),
                tr("Progress"),
                tr("On disk"),
                tr("Last update"),
                tr("State"),
            ]
        )
        header = made.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        made.currentItemChanged.connect(lambda *_: self._enable())
        made.itemActivated.connect(lambda *_: self._resume())
        return made

    def _button_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for name, text, call in (
            ("resume", tr("Resume"), self._resume),
            ("check", tr("Check"), self._check),
            ("repair", tr("Repair"), self._repair),
            ("show", tr("Show the folder"), self._show_folder),
            ("log", tr("Log…"), self._show_log),
            ("move", tr("Move to another disk…"), self._ask_where_to),
            ("remove", tr("Remove…"), self._ask_to_remove),
        ):
            made = button(text, call, name=name)
            made.setAutoDefault(False)
            self._buttons[name] = made
            row.addWidget(made)
        row.addStretch(1)
        return row

    def _clean_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._days = QSpinBox(minimum=1, maximum=3650)
        self._days.setObjectName("days")
        present = self._window.preferences.present
        self._days.setValue(present.clean_days)
        caption = label(tr("Days since the last update:"))
        caption.setBuddy(self._days)
        self._days.setAccessibleName(caption.text())
        row.addWidget(caption)
        row.addWidget(self._days)
        clean = button(tr("Remove older sessions…"), self._ask_to_clean, name="clean")
        clean.setAutoDefault(False)
        row.addWidget(clean)
        rule = QCheckBox(tr("Offer that at every start"))
        rule.setObjectName("clean-at-start")
        rule.setChecked(present.clean_at_start)
        change = self._window.preferences.change
        self._days.valueChanged.connect(lambda days: change(clean_days=days))
        rule.toggled.connect(lambda on: change(clean_at_start=on))
        row.addWidget(rule)
        row.addStretch(1)
        return row

    # What the buttons do

    def move_session(self, session_id: str, folder: Path) -> None:
        """Move a session into a sessions folder in ``folder``, or into that if it is one."""
        root = folder if folder.name == ROOT_NAME else folder / ROOT_NAME
        manager, window = self._listed[session_id].manager, self._window

        def show(moved: SessionPaths) -> None:
            usual, known = window.session_manager.root, window.preferences.present.session_folders
            here = str(moved.root)
            if moved.root != usual and here not in known:
                window.preferences.change(session_folders=(*known, here))
            window.queue.session_moved(session_id, None if moved.root == usual else here)
            self._say(tr("Moved to {folder}.").format(folder=moved.folder))
            self.refresh()

        self._say(tr("Copying and comparing…"))
        self._ask(lambda: manager.move_session(session_id, root), show)

    def _ask(
        self,
        work: Callable[[], Any],
        on_done: Callable[[Any], None],
        on_failed: Callable[[TsuzukiError], None] | None = None,
    ) -> None:
        """Call in the background; nobody is told once this window is gone."""
        alive = [True]
        self.destroyed.connect(alive.clear)
        failed = on_failed or (lambda error: self._say(told(error.message)))
        self._window.background.ask(
            work,
            lambda result: on_done(result) if alive else None,
            lambda error: failed(error) if alive else None,
        )

    def _resume(self) -> None:
        if (one := self._listed.get(self.current or "")) is not None:
            progress = one.progress
            self._window.resume_session(
                progress["session_id"], progress["video_file"], progress["settings"]
            )
            self.close()

    def _check(self) -> None:
        one = self._listed[self.current or ""]

        def show(report: Report) -> None:
            if report.problems:
                lines = [
                    trn(
                        "{number} problem was found:",
                        "{number} problems were found:",
                        len(report.problems),
                    )
                ]
                self._say("\n".join([*lines, *(told(str(one)) for one in report.problems[:10])]))
            else:
                self._say(tr("All is well: every bit is as it was written."))

        self._say(tr("Reading all data…"))
        self._ask(lambda: one.manager.check_session(one.session_id, read_data=True), show)

    def _repair(self) -> None:
        one = self._listed[self.current or ""]

        def show(repaired: Repaired) -> None:
            again = words.frames(repaired.frames_again)
            self._say(
                tr("{frames} are safe; {again} will be computed again.").format(
                    frames=words.frames(repaired.frames_done), again=again
                )
            )
            self.refresh()

        self._ask(lambda: one.manager.repair_session(one.session_id), show)

    def _show_folder(self) -> None:
        remedies.show_in_folder(self._listed[self.current or ""].paths.folder)

    def _show_log(self) -> None:
        remedies.show_log(self._window, self.current or "")

    def _ask_where_to(self) -> None:
        one = self._listed[self.current or ""]
        dialog = QFileDialog(self, tr("Choose a folder on another disk"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda folder: self.move_session(one.session_id, Path(folder)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _ask_to_remove(self) -> None:
        one = self._listed[self.current or ""]
        _confirm(
            self,
            tr("Remove this session?"),
            tr("The work on {video} is deleted ({size}). Finished outputs stay.").format(
                video=name_of(one.progress["video_file"]), size=size(one.size)
            ),
            lambda: self._ask(
                lambda: one.manager.cleanup_session(one.session_id), lambda _: self.refresh()
            ),
        )

    def _ask_to_clean(self) -> None:
        days, places = self._days.value(), self._window.places

        def show(removed: list[str]) -> None:
            self._say(_removed_text(len(removed)))
            self.refresh()

        _confirm(
            self,
            tr("Remove older sessions?"),
            _old_text(days),
            lambda: self._ask(lambda: places.clean(days, lambda _: True), show),
        )


def offer_to_clean(window: MainGUI) -> None:
    """Offer old sessions for removal, where the person has wished for that."""
    days, places = window.preferences.present.clean_days, window.places
    if not window.preferences.present.clean_at_start:
        return

    def remove() -> None:
        window.background.ask(
            lambda: places.clean(days, lambda _: True),
            lambda removed: window.statusBar().showMessage(_removed_text(len(removed))),
        )

    def offer(old: list[ProgressData]) -> None:
        if old:
            names = "\n".join(name_of(one["video_file"]) for one in old[:_NAMES_SHOWN])
            _confirm(window, tr("Remove older sessions?"), f"{_old_text(days)}\n\n{names}", remove)

    window.background.ask(lambda: places.old(days), offer)


def _old_text(days: int) -> str:
    return trn(
        "Sessions that were not worked on for {number} day are deleted with their work.",
        "Sessions that were not worked on for {number} days are deleted with their work.",
        days,
    )


def _removed_text(number: int) -> str:
    return trn("{number} session was removed.", "{number} sessions were removed.", number)


def _confirm(parent: QWidget, title: str, text: str, call: Callable[[], None]) -> None:
    role = QMessageBox.ButtonRole
    ask(
        parent,
        QMessageBox.Icon.Warning,
        title,
        text,
        [(tr("Remove"), role.DestructiveRole, call), (tr("Keep"), role.RejectRole, None)],
        name="confirm-remove",
        safest=1,
    )


def _item(one: Listed) -> QTreeWidgetItem:
    progress = one.progress
    settings = ProcessingSettings.from_dict(progress["settings"])
    item = QTreeWidgetItem(
        [
            name_of(progress["video_file"]),
            f"{settings.enlargement} · {words.quality_name(settings.quality)}",
            f"{progress['steps']['upscale']['progress']:.1f} %",
            size(one.size),
            moment(progress["last_updated"])[:16],
            state_of(progress),
        ]
    )
    item.setData(0, _ID, progress["session_id"])
    item.setToolTip(0, plain(progress["video_file"]))
    for column in (2, 3):
        item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


def state_of(progress: ProgressData) -> str:
    """Return the state of a session in a word."""
    if any(step.get("error") for step in progress["steps"].values()):
        return tr("Stopped by an error") if progress["status"] == "failed" else tr("Paused")
    return {
        "created": tr("New"),
        "in_progress": tr("Begun"),
        "completed": tr("Complete"),
        "failed": tr("Stopped by an error"),
    }[progress["status"]]
