"""What is shown when a chosen video has unfinished work: what there is, and the ways on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from tsuzuki.gui import words
from tsuzuki.gui.background import Background
from tsuzuki.gui.state import state_of_session
from tsuzuki.gui.widgets import PathLabel, StepBars, ask, button, label, marked
from tsuzuki.language import tr, trn
from tsuzuki.pipeline.supervisor import CANCELLED
from tsuzuki.sentences import told
from tsuzuki.sessions.identity import Difference
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.pace import time_left
from tsuzuki.sessions.progress import ProgressData
from tsuzuki.sessions.search import SessionMatch
from tsuzuki.sessions.usage import Worth, worth
from tsuzuki.settings import ProcessingSettings
from tsuzuki.text import duration, moment

Answer = Literal["resume", "restart", "cancel"]


class ResumeDialog(QDialog):
    """Shows the unfinished sessions of a video; `answer` and `match` say what was decided.

    ``matches`` come the best fit first. ``paths_of`` gives the paths of a session, from which
    is judged what its work is worth; without it the dialog shows the time left alone.
    """

    def __init__(
        self,
        matches: Sequence[SessionMatch],
        parent: QWidget | None = None,
        *,
        paths_of: Callable[[str], SessionPaths] | None = None,
    ) -> None:
        super().__init__(parent)
        self.answer: Answer = "cancel"
        self._matches = list(matches)
        self._paths_of = paths_of
        self._worths: dict[str, Worth] = {}
        self._background = Background(self)
        self.setObjectName("resume-dialog")
        self.setWindowTitle(tr("Unfinished work was found"))
        self.setMinimumWidth(560)
        self._build()
        self._show_match()

    @property
    def match(self) -> SessionMatch:
        """The session that is shown."""
        return self._matches[max(0, self._list.currentRow())]

    # What is shown

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        heading = label(marked("🔄", tr("Unfinished work on this video was found")), name="heading")
        layout.addWidget(heading)
        self._list = QListWidget()
        self._list.setAccessibleName(tr("Sessions of this video"))
        self._list.setObjectName("matches")
        for match in self._matches:
            self._list.addItem(QListWidgetItem(_title(match)))
        self._list.setCurrentRow(0)
        self._list.ensurePolished()
        rows = min(4, len(self._matches))
        self._list.setFixedHeight(self._list.sizeHintForRow(0) * rows + 4)
        if len(self._matches) == rows:
            self._list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setVisible(len(self._matches) > 1)
        self._list.currentRowChanged.connect(lambda _: self._show_match())
        layout.addWidget(self._list)
        layout.addWidget(self._facts())
        line = QFrame(frameShape=QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Sunken)
        layout.addWidget(line)
        layout.addWidget(label(marked("📊", tr("Progress")), name="subheading"))
        self._bars = StepBars()
        layout.addWidget(self._bars)
        self._times = label(wrap=True, name="times")
        layout.addWidget(self._times)
        layout.addWidget(self._buttons())

    def _facts(self) -> QWidget:
        frame = QWidget()
        form = QFormLayout(frame)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._video = PathLabel()
        self._updated, self._scale, self._quality = label(), label(), label()
        self._differs = label(wrap=True, name="differences")
        self._reason = label(wrap=True, name="reason")
        for caption, value in (
            (marked("📹", tr("Video")), self._video),
            (marked("📅", tr("Last update")), self._updated),
            (marked("⚙️", tr("Scale")), self._scale),
            (marked("🎯", tr("Quality")), self._quality),
            (marked("🔀", tr("What differs")), self._differs),
            (marked("⚠️", tr("Why it stopped")), self._reason),
        ):
            form.addRow(label(caption), value)
        self._form = form
        return frame

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox()
        role = QDialogButtonBox.ButtonRole
        self._resume = button("", self._on_resume, name="resume", default=True)
        self._restart = button("", self._on_restart, name="restart")
        cancel = button(marked("❌", tr("Cancel")), self.reject, name="cancel")
        box.addButton(self._resume, role.AcceptRole)
        box.addButton(self._restart, role.DestructiveRole)
        box.addButton(cancel, role.RejectRole)
        return box

    def _show_match(self) -> None:
        match = self.match
        progress = match.progress
        settings = ProcessingSettings.from_dict(progress["settings"])
        self._video.set_file(progress["video_file"])
        self._updated.setText(moment(progress["last_updated"]))
        self._scale.setText(settings.enlargement)
        self._quality.setText(words.quality_name(settings.quality))
        self._show_row(self._differs, "\n".join(map(_difference, match.differences)))
        self._show_row(self._reason, _reason(progress))
        self._bars.show_state(state_of_session(progress))
        self._resume.setText(marked("🚀", tr("Resume")))
        same = match.match in {"exact", "moved"}
        restart = tr("Start over") if same else tr("Start anew with the settings chosen now")
        self._restart.setText(marked("🔄", restart))
        self._resume.setEnabled(match.match != "video_differs")
        self._show_times()

    def _show_row(self, field: Any, text: str) -> None:
        field.setText(text)
        self._form.setRowVisible(field, bool(text))

    def _show_times(self) -> None:
        session_id = self.match.session_id
        known = self._worths.get(session_id)
        self._times.setText(_times(self.match.progress, known))
        if known is None and self._paths_of is not None:
            paths = self._paths_of(session_id)

            def keep(found: Worth) -> None:
                self._worths[session_id] = found
                if self.match.session_id == session_id:
                    self._times.setText(_times(self.match.progress, found))

            self._background.ask(lambda: worth(paths), keep)

    # What is decided

    def _on_resume(self) -> None:
        self.answer = "resume"
        self.accept()

    def _on_restart(self) -> None:
        if self.match.match not in {"exact", "moved"}:
            self._begin_anew()  # nothing is deleted: the other session stays
            return
        role = QMessageBox.ButtonRole
        ask(
            self,
            QMessageBox.Icon.Warning,
            tr("Start over?"),
            self._what_is_lost(),
            [
                (
                    tr("Delete the work and start over"),
                    role.DestructiveRole,
                    self._begin_anew,
                ),
                (tr("Keep the work"), role.RejectRole, None),
            ],
            name="confirm-restart",
            safest=1,
        )

    def _begin_anew(self) -> None:
        self.answer = "restart"
        self.accept()

    def _what_is_lost(self) -> str:
        known = self._worths.get(self.match.session_id)
        lines = [tr("Starting over deletes the work that was done so far.")]
        if known is not None:
            lines.append(
                trn(
                    "{number} finished frame is deleted.",
                    "{number} finished frames are deleted.",
                    known.frames_done,
                )
            )
            if known.seconds_saved:
                time = duration(known.seconds_saved)
                lines.append(tr("Computing them took about {time}.").format(time=time))
        return "\n".join(lines)

    def done(self, result: int) -> None:
        """Close, and wait for nothing more."""
        self._background.finish(0)
        super().done(result)


def _title(match: SessionMatch) -> str:
    settings = ProcessingSettings.from_dict(match.progress["settings"])
    how = {
        "exact": tr("these settings"),
        "moved": tr("these settings, another place"),
        "settings_differ": tr("other settings"),
        "video_differs": tr("an earlier version of the video"),
    }[match.match]
    share = match.progress["steps"]["upscale"]["progress"]
    quality = words.quality_name(settings.quality)
    updated = moment(match.progress["last_updated"])[:16]
    return f"{settings.enlargement} · {quality} · {share:.1f} % · {updated} – {how}"


def _difference(difference: Difference) -> str:
    name = words.setting_name(difference.field.removeprefix("settings."))
    if difference.field == "content of the video":
        return tr("The video's content has changed since.")
    return tr("{name}: {stored} then, {present} now").format(
        name=name,
        stored=words.value_name(difference.field, difference.stored),
        present=words.value_name(difference.field, difference.present),
    )


def _reason(progress: ProgressData) -> str:
    reasons = [step["error"] for step in progress["steps"].values() if step.get("error")]
    return told(reasons[-1]) if reasons and reasons[-1] != CANCELLED else ""


def _times(progress: ProgressData, known: Worth | None) -> str:
    lines = []
    if (left := time_left(progress)) is not None:
        time = words.time_of(left)
        lines.append(tr("If resumed, about {time} are left.").format(time=time))
    if known is not None and known.seconds_saved:
        time = duration(known.seconds_saved)
        lines.append(
            tr("Resuming saves about {time}: {frames} are done.").format(
                time=time, frames=words.frames(known.frames_done)
            )
        )
    return "\n".join(lines)
