"""The main window: choose videos and settings, watch the queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from tsuzuki.errors import SettingsError, TsuzukiError
from tsuzuki.gui import closing, finishing, menus, remedies
from tsuzuki.gui.advice import advice_on
from tsuzuki.gui.background import Background
from tsuzuki.gui.error_view import ErrorView
from tsuzuki.gui.jobs import JobStore, new_job
from tsuzuki.gui.output_row import OutputRow
from tsuzuki.gui.places import Places
from tsuzuki.gui.preferences import PreferencesStore
from tsuzuki.gui.queue import Queue
from tsuzuki.gui.queue_view import QueueView
from tsuzuki.gui.resume_dialog import ResumeDialog
from tsuzuki.gui.run_view import RunView
from tsuzuki.gui.settings_panel import SettingsPanel
from tsuzuki.gui.source_panel import THUMBNAIL_HEIGHT, THUMBNAILS, SourcePanel
from tsuzuki.gui.trial import SECONDS, TrialRun, estimate_text, start_near
from tsuzuki.gui.widgets import Column, button
from tsuzuki.language import tr, trn
from tsuzuki.pipeline import events
from tsuzuki.pipeline.glimpse import stills
from tsuzuki.pipeline.inputs import SUFFIXES, gather
from tsuzuki.pipeline.look import Look, look, survey
from tsuzuki.pipeline.messages import Surveyed
from tsuzuki.pipeline.steps.validate import default_output
from tsuzuki.sentences import told
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.search import SessionMatch
from tsuzuki.settings import ProcessingSettings

SAVE_MS = 2000
"""How often changed preferences are kept."""


class MainGUI(QMainWindow):
    """Chooses, starts and watches; the work itself is done by processes of the queue."""

    left = Signal()
    """The window was closed for good."""

    def __init__(
        self,
        *,
        queue: Queue | None = None,
        preferences: PreferencesStore | None = None,
        session_manager: SessionManager | None = None,
    ) -> None:
        super().__init__()
        self.session_manager = session_manager or SessionManager()
        self.current_session_id: str | None = None
        self.preferences = preferences or PreferencesStore()
        self.places = Places(self.session_manager, lambda: self.preferences.present.session_folders)
        self.queue = queue or Queue(JobStore(), self)
        self.background = Background(self)
        self.videos: list[str] = []
        """Chosen, and not in the queue yet."""
        self.look: Look | None = None
        """What the first of them is."""
        self.is_leaving = False
        """Whether the window closes as soon as what runs has stopped."""
        self._restart = False
        """Whether its unfinished session is to be given up."""
        self.trial: TrialRun | None = None
        """What the present estimate is made by."""
        self.devices: list[tuple[str, str]] = []
        self.networks: list[str] = []
        self._build()
        self.queue.happened.connect(self._on_event)
        self.queue.changed.connect(self._on_changed)
        self.queue.ended.connect(self._on_ended)
        self.queue.drained.connect(lambda: finishing.all_done(self))
        self._find_devices()
        self._saving = QTimer(self, interval=SAVE_MS)
        self._saving.timeout.connect(self._save_preferences)
        self._saving.start()

    # Building

    def _build(self) -> None:
        """Make everything in the window, in the language that is spoken."""
        self.setObjectName("main-window")
        self.setWindowTitle(tr("Tsuzuki – video upscaling that can be continued"))
        self.resize(1080, 760)
        self.setCentralWidget(self._central())
        menus.build(self)
        self._show_chosen()
        self.settings_panel.set_settings(self.preferences.settings)
        self.settings_panel.show_advanced(self.preferences.present.advanced)
        self.settings_panel.set_devices(self.devices)
        self.settings_panel.set_networks(self.networks)
        self.output_row.set_folder(self.preferences.present.output_folder)
        self.queue_view.set_when_done(self.preferences.present.when_done)
        self.settings_panel.changed.connect(self._on_settings)
        self.output_row.changed.connect(self._on_settings)
        self.queue_view.when_done_changed.connect(
            lambda wish: self.preferences.change(when_done=wish)
        )
        if geometry := self.preferences.present.geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
        self._select(self.queue_view.current or "")

    def rebuild(self) -> None:
        """Make everything anew, as after a change of the language."""
        with_settings = self.settings_or_none()
        if with_settings is not None:
            self.preferences.change(settings=with_settings.to_dict())
        self.menuBar().clear()
        self.statusBar().clearMessage()
        self._build()
        if self.look is not None:
            self._show_look(self.look)

    def _central(self) -> QWidget:
        self.source = SourcePanel()
        self.source.dropped.connect(self.choose_videos)
        self.source.browse.connect(self._browse_input)
        self.source.browse_folder.connect(self._browse_folder)
        self.source.frame_chosen.connect(self._preview)
        self.source.clear.connect(lambda: self._set_videos([]))
        self.queue_view = QueueView(self.queue)
        self.queue_view.selected.connect(self._select)
        self.queue_view.remove.connect(self.queue.remove)
        self.run_view = RunView()
        self.run_view.wanted.connect(self.act)
        self.run_view.action.connect(self._on_action)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 6, 0)
        for part, stretch in ((self.source, 2), (self.queue_view, 2), (self.run_view, 0)):
            column.addWidget(part, stretch)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        self._left = Column(left)
        split.addWidget(self._left)
        split.addWidget(self._right())
        split.setStretchFactor(0, 1)
        outer = QWidget()
        layout = QVBoxLayout(outer)
        layout.addWidget(split)
        return outer

    def _right(self) -> QWidget:
        self.settings_panel = SettingsPanel()
        self.output_row = OutputRow()
        self.problem = ErrorView()
        self.problem.chosen.connect(lambda _: self.settings_panel.show_advanced(True))
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 6, 0)
        column.addWidget(self.settings_panel)
        column.addWidget(self.output_row)
        column.addStretch(1)
        right = QWidget()
        layout = QVBoxLayout(right)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Column(inside), 1)
        layout.addWidget(self.problem)
        self.preview_button = button(tr("Preview…"), self._preview, name="preview")
        self.estimate_button = button(
            tr("Estimate"),
            self._start_estimate,
            name="estimate-button",
            tip=tr("Upscales a few seconds for real, and tells what the whole will take."),
        )
        self.add_button = button(tr("Add to the queue"), self._add_to_queue, name="add")
        self.start_button = button(tr("Start"), self._start_processing, name="start", default=True)
        for pair in (
            (self.preview_button, self.estimate_button),
            (self.add_button, self.start_button),
        ):
            row = QHBoxLayout()
            for one in pair:
                row.addWidget(one)
            layout.addLayout(row)
        return right

    # Choosing videos

    def _browse_input(self) -> None:
        """Let the person choose videos."""
        pattern = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        dialog = QFileDialog(self, tr("Choose videos"), self.preferences.present.last_folder)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([tr("Videos") + f" ({pattern})", tr("All files") + " (*)"])
        dialog.filesSelected.connect(self.choose_videos)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _browse_folder(self) -> None:
        dialog = QFileDialog(self, tr("Choose a folder"), self.preferences.present.last_folder)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda folder: self.choose_videos([folder]))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def choose_videos(self, paths: Iterable[str]) -> None:
        """Take files, and the videos of folders; a single one may have unfinished work."""
        try:
            found = [str(one.path.absolute()) for one in gather(map(Path, paths))]
        except TsuzukiError as error:
            advice = advice_on(error.code)
            self.problem.show_failure(advice.title, told(error.message), advice.what_to_do, ())
            return
        self.problem.hide()
        if found and (folder := str(Path(found[0]).parent)).isprintable():  # others cannot be kept
            self.preferences.change(last_folder=folder)
        self._set_videos(found)
        if len(found) == 1:
            self._check_resumable_sessions(found[0])

    def _set_videos(self, videos: list[str]) -> None:
        self._end_estimate()
        self.videos, self.look, self._restart = videos, None, False
        self.current_session_id = None
        self._show_chosen()
        self._look_again()
        if videos:
            first = Path(videos[0])
            self.background.ask(
                lambda: stills(first, THUMBNAILS, 2 * THUMBNAIL_HEIGHT),
                self.source.show_pictures,
                key="stills",
            )

    def _show_chosen(self) -> None:
        if self.videos:
            self.source.show_videos(self.videos)
        else:
            self.source.show_nothing()
        self._enable(bool(self.videos))

    def _enable(self, possible: bool) -> None:  # noqa: FBT001 - as Qt's setEnabled
        """Let the person start what is chosen, or not."""
        for one in (
            self.add_button,
            self.start_button,
            self.preview_button,
            self.estimate_button,
        ):
            one.setEnabled(possible)

    def _look_again(self) -> None:
        """Look at the first video with the present settings."""
        settings = self.settings_or_none()
        if not self.videos or settings is None:
            self.background.forget("look")
            return
        first = Path(self.videos[0])
        self.background.ask(
            lambda: look(first, settings), self._show_look, self._show_no_look, key="look"
        )

    def _show_look(self, found: Look) -> None:
        self.look = found
        output = ""
        if found.plan is not None:
            folder = self.output_row.folder
            output = str(default_output(found.plan, Path(folder) if folder else None))
        self.source.show_look(found, output)

    def _show_no_look(self, error: TsuzukiError) -> None:
        self.look = None
        self.source.show_problem(f"{advice_on(error.code).title}: {told(error.message)}")
        if len(self.videos) == 1:
            self._enable(False)

    # Unfinished work

    def _check_resumable_sessions(self, file_path: str) -> None:
        """Look for unfinished work on a video, and ask what to do with it."""
        settings = self.settings_or_none()
        self.background.ask(
            lambda: self.places.unfinished(file_path, settings),
            lambda found: self._offer(file_path, found),
            key="sessions",
        )

    def _offer(self, file_path: str, found: Sequence[SessionMatch]) -> None:
        running = {e.state.session_id for e in self.queue.entries() if e.is_running}
        found = [match for match in found if match.session_id not in running]
        if not found or self.videos != [file_path]:
            return
        dialog = ResumeDialog(found, self, paths_of=self.places.paths)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(lambda _: self._on_answer(dialog, file_path))
        dialog.open()

    def _on_answer(self, dialog: ResumeDialog, file_path: str) -> None:
        match, answer = dialog.match, dialog.answer
        if answer == "resume":
            self.resume_session(match.session_id, file_path, match.progress["settings"])
            self._set_videos([])
        elif answer == "restart":
            if match.match in {"exact", "moved"}:
                self._restart = True
                self.settings_panel.set_settings(
                    ProcessingSettings.from_dict(match.progress["settings"])
                )
            self.statusBar().showMessage(tr("Press Start to start over."), 10000)
            self.start_button.setFocus()
        else:
            self._set_videos([])

    def resume_session(self, session_id: str, video: str, settings: dict[str, Any]) -> None:
        """Go on with a session, ahead of what waits."""
        folder = self.places.folder_of(session_id)
        for entry in self.queue.entries():
            if session_id in {entry.job.session_id, entry.state.session_id}:
                self.queue_view.select(entry.job.id)
                self.queue.resume(
                    entry.job.id, video=video, session_id=session_id, sessions_dir=folder
                )
                return
        job = new_job(
            video,
            ProcessingSettings.from_dict(settings),
            session_id=session_id,
            sessions_dir=folder,
            **self._wishes,
        )
        self.current_session_id = session_id
        self.queue_view.select(self.queue.add(job))
        self.queue.resume(job.id)

    # Starting

    @property
    def _wishes(self) -> dict[str, Any]:
        """What holds for every job, whatever its settings."""
        present = self.preferences.present
        return {"sync": present.sync, "allow_sleep": present.allow_sleep}

    def settings_or_none(self) -> ProcessingSettings | None:
        """Return what is chosen; None, and it is shown why, where that is impossible."""
        try:
            settings = self.settings_panel.settings()
        except SettingsError as error:
            advice = advice_on(error.code)
            self.problem.show_failure(advice.title, told(error.message), advice.what_to_do, ())
            return None
        self.problem.hide()
        return settings

    def _on_settings(self) -> None:
        settings = self.settings_or_none()
        if settings is not None:
            self.preferences.change(
                settings=settings.to_dict(), output_folder=self.output_row.folder
            )
        self._enable(bool(self.videos) and settings is not None)
        self._end_estimate()
        self._look_again()

    def _add_to_queue(self) -> None:
        """Put what is chosen at the end of the queue."""
        settings = self.settings_or_none()
        if settings is None or not self.videos:
            return
        for video in self.videos:
            folder = self.output_row.folder
            self.queue.add(
                new_job(video, settings, output=folder, restart=self._restart, **self._wishes)
            )
        number = len(self.videos)
        self.statusBar().showMessage(
            trn("{number} video was added.", "{number} videos were added.", number), 5000
        )
        self._set_videos([])

    def _start_processing(self) -> None:
        """Add what is chosen, and work on the queue.

        The session is created, or an existing one continued, by the run's process, which tells its
        id: then it is `current_session_id`.
        """
        self._add_to_queue()
        self.queue.start()
        if (running := self.queue.running) is not None:
            self.queue_view.select(running.job.id)

    def _preview(self, place: float = 1 / 3) -> None:
        """Upscale the frame at a place in the video, 0 to 1."""
        from tsuzuki.gui.preview import PreviewWindow  # noqa: PLC0415 - only when asked for

        settings = self.settings_or_none()
        if self.look is not None and settings is not None:
            PreviewWindow(self.look, settings, self, place).show()

    def _start_estimate(self) -> None:
        """Try a few seconds from the middle of the video, and tell what the whole will take."""
        settings, look = self.settings_or_none(), self.look
        if look is None or look.plan is None or settings is None:
            return
        self._end_estimate()
        length, plan = look.probe.duration, look.plan
        try:
            self.trial = TrialRun(look.probe.path, settings, start_near(length / 2, length), self)
        except (OSError, TsuzukiError) as error:
            self.source.show_estimate(told(str(error)))
            return
        self.source.show_estimate(
            trn("Upscaling {number} second…", "Upscaling {number} seconds…", SECONDS)
        )
        self.estimate_button.setEnabled(False)

        def tell(text: str) -> None:
            self._end_estimate()
            self.estimate_button.setEnabled(True)
            self.source.show_estimate(text)

        self.trial.done.connect(lambda trial: tell(estimate_text(plan, trial)))
        self.trial.failed.connect(tell)

    def _end_estimate(self) -> None:
        self.source.show_estimate("")
        if self.trial is not None:
            self.trial.close()
            self.trial.deleteLater()
            self.trial = None

    # What happens

    def _select(self, job_id: str) -> None:
        self.run_view.show_entry(self.queue.get(job_id))

    def _on_changed(self, job_id: str) -> None:
        if job_id == self.queue_view.current:
            self.run_view.show_entry(self.queue.get(job_id))

    def _on_event(self, job_id: str, event: events.Event) -> None:
        if isinstance(event, events.SessionOpened):
            self.current_session_id = event.session_id
            self.queue_view.select(job_id)

    def _on_ended(self, job_id: str) -> None:
        entry = self.queue.get(job_id)
        if entry is not None and entry.job.outcome == "failed":
            self.queue_view.select(job_id)
            # Its buttons have to be seen; the room for them is made when events are handled next.
            QTimer.singleShot(0, self.run_view, self._show_all_of_run)
            finishing.attract_attention(self)

    def _show_all_of_run(self) -> None:
        """Scroll the selected job into view."""
        self._left.ensureWidgetVisible(self.run_view)

    def act(self, wish: str) -> None:
        """Do with the selected job what a button or a menu asks for."""
        entry = self.queue.get(self.queue_view.current)
        if entry is not None:
            remedies.do(self, entry, wish)

    def _on_action(self, action: str) -> None:
        entry = self.queue.get(self.queue_view.current)
        if entry is not None:
            remedies.mend(self, entry, action)

    def _find_devices(self) -> None:
        def show(found: Surveyed) -> None:
            self.devices = [(device.name, device.title) for device in found.devices]
            self.networks = found.networks
            self.settings_panel.set_devices(self.devices)
            self.settings_panel.set_networks(self.networks)

        self.background.ask(survey, show, key="devices")

    def _save_preferences(self) -> None:
        if self.preferences.is_changed:
            self.background.ask(self.preferences.save, lambda _: None)

    # Closing

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask what becomes of a run; without one, just close."""
        closing.on_close(self, event)

    def remember(self) -> None:
        """Keep what is chosen and where the window is."""
        geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        self.preferences.change(geometry=geometry, advanced=self.settings_panel.is_advanced)
        self.preferences.save()
