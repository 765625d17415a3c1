"""The list of jobs."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tsuzuki.gui import words
from tsuzuki.gui.preferences import WHEN_DONE
from tsuzuki.gui.queue import Entry, Queue
from tsuzuki.gui.run_view import status_of
from tsuzuki.gui.source_panel import name_of
from tsuzuki.gui.widgets import button, choice, label, plain
from tsuzuki.language import tr
from tsuzuki.settings import ProcessingSettings

_ID = Qt.ItemDataRole.UserRole


class QueueView(QWidget):
    """Shows the queue; what is selected is told."""

    selected = Signal(str)
    """A job, by its id; empty where there is none."""
    remove = Signal(str)
    when_done_changed = Signal(str)

    def __init__(self, queue: Queue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._bars: dict[str, QProgressBar] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._head())
        self._list = self._make_list()
        layout.addWidget(self._list)
        queue.reordered.connect(self.refresh)
        queue.changed.connect(self.show_job)
        self.refresh()

    @property
    def current(self) -> str | None:
        """The selected job."""
        item = self._list.currentItem()
        return None if item is None else str(item.data(0, _ID))

    def select(self, job_id: str) -> None:
        """Select a job."""
        if (item := self._item(job_id)) is not None:
            self._list.setCurrentItem(item)

    def set_when_done(self, wish: str) -> None:
        """Show what is to happen when all is done."""
        self._when_done.setCurrentIndex(max(0, self._when_done.findData(wish)))

    def refresh(self) -> None:
        """Show all jobs anew."""
        current = self.current
        self._list.blockSignals(True)
        self._list.clear()
        self._bars.clear()
        for entry in self._queue.entries():
            self._add(entry)
        self._list.blockSignals(False)
        ids = [entry.job.id for entry in self._queue.entries()]
        if ids:
            self.select(current if current in ids else ids[-1])
        self.selected.emit(self.current or "")

    def show_job(self, job_id: str) -> None:
        """Show what a job has come to."""
        entry, item = self._queue.get(job_id), self._item(job_id)
        if entry is None or item is None:
            return
        item.setText(2, status_of(entry))
        bar = self._bars[job_id]
        bar.setValue(round(10 * entry.state.progress))
        bar.setFormat(f"{entry.state.progress:.1f} %")

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(label(tr("Queue"), name="subheading"))
        row.addStretch(1)
        row.addWidget(
            button(tr("Up"), lambda: self._move(-1), name="up", tip=tr("Move up in the queue"))
        )
        row.addWidget(
            button(tr("Down"), lambda: self._move(1), name="down", tip=tr("Move down in the queue"))
        )
        caption = label(tr("When all is done:"))
        row.addWidget(caption)
        self._when_done = choice([(w, _when_done(w)) for w in WHEN_DONE], name="when-done")
        caption.setBuddy(self._when_done)
        self._when_done.setAccessibleName(caption.text())
        self._when_done.currentIndexChanged.connect(
            lambda _: self.when_done_changed.emit(self._when_done.currentData())
        )
        row.addWidget(self._when_done)
        return row

    def _make_list(self) -> QTreeWidget:
        made = QTreeWidget(columnCount=4)
        made.setRootIsDecorated(False)
        made.setObjectName("queue")
        made.setAccessibleName(tr("Queue"))
        made.setHeaderLabels([tr("Video"), tr("Settings"), tr("State"), tr("Progress")])
        header = made.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Fixed)
        made.setColumnWidth(3, 110)
        made.currentItemChanged.connect(lambda *_: self.selected.emit(self.current or ""))
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), made)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove_current)
        return made

    def _add(self, entry: Entry) -> None:
        settings = ProcessingSettings.from_dict(entry.job.settings)
        chosen = f"{settings.enlargement} · {words.quality_name(settings.quality)}"
        item = QTreeWidgetItem([name_of(entry.job.video), chosen, "", ""])
        item.setData(0, _ID, entry.job.id)
        item.setToolTip(0, plain(entry.job.video))
        self._list.addTopLevelItem(item)
        bar = QProgressBar(minimum=0, maximum=1000)
        bar.setAccessibleName(name_of(entry.job.video))
        self._list.setItemWidget(item, 3, bar)
        self._bars[entry.job.id] = bar
        self.show_job(entry.job.id)

    def _item(self, job_id: str) -> QTreeWidgetItem | None:
        for row in range(self._list.topLevelItemCount()):
            item = self._list.topLevelItem(row)
            if item is not None and item.data(0, _ID) == job_id:
                return item
        return None

    def _remove_current(self) -> None:
        if self.current is not None:
            self.remove.emit(self.current)

    def _move(self, by: int) -> None:
        ids = [entry.job.id for entry in self._queue.entries()]
        if self.current in ids:
            at = ids.index(self.current) + by
            if 0 <= at < len(ids):
                self._queue.move(self.current, to=at)


def _when_done(wish: str) -> str:
    return {
        "nothing": tr("do nothing"),
        "notify": tr("tell me"),
        "sleep": tr("let the computer sleep"),
        "shut-down": tr("shut the computer down"),
    }[wish]
