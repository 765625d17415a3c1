"""The videos that were chosen: what they are, and what they will become."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QMouseEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from tsuzuki.gui import words
from tsuzuki.gui.widgets import PathLabel, button, label, plain
from tsuzuki.language import tr, trn
from tsuzuki.pipeline.look import Look
from tsuzuki.sentences import told
from tsuzuki.text import duration, safe, size
from tsuzuki.video.facts import Probe

THUMBNAILS, THUMBNAIL_HEIGHT = 5, 90
"""Frames in the strip, and their height in pixels at most."""


class SourcePanel(QFrame):
    """A place to drop videos on; it shows what was chosen."""

    dropped = Signal(list)
    """Paths of files and folders, as text."""
    browse = Signal()
    browse_folder = Signal()
    clear = Signal()
    frame_chosen = Signal(float)
    """A frame of the strip was clicked: its place in the video, 0 to 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("source")
        self.setAcceptDrops(True)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._empty_page())
        self._pages.addWidget(self._facts_page())
        self.setMinimumHeight(200)

    # Showing

    def show_nothing(self) -> None:
        """Invite to choose a video."""
        self._pages.setCurrentIndex(0)

    def show_videos(self, videos: list[str]) -> None:
        """Show that these were chosen; what the first one is comes later."""
        first = videos[0]
        self._path.set_file(first)
        self._facts.setText(tr("Looking at the video…"))
        self._becomes.setText("")
        self._notes.setText("")
        self._notes.setVisible(False)
        self.show_estimate("")
        more = len(videos) - 1
        self._more.setText(trn("and {number} more video", "and {number} more videos", more))
        self._more.setVisible(more > 0)
        self._strip.show_pictures([])
        self._pages.setCurrentIndex(1)

    def show_look(self, look: Look, output: str) -> None:
        """Show what the first video is, and what becomes of it."""
        self._facts.setText(facts_text(look.probe))
        plan = look.plan
        if plan is not None:
            beside = Path(output).parent == Path(look.probe.path).parent
            becomes = tr("Becomes {width}x{height}, {container}: {output}").format(
                width=plan.encoding.width,
                height=plan.encoding.height,
                container=plan.encoding.container,
                output=Path(output).name if beside else output,
            )
            self._becomes.setText(safe(becomes))
        else:
            self._becomes.setText(safe(told(look.problem.message) if look.problem else ""))
        self._show_notes(plan.notes if plan else look.probe.warnings)

    def show_problem(self, text: str) -> None:
        """Show why the video cannot be used."""
        self._facts.setText("")
        self._becomes.setText(safe(text))
        self._show_notes(())

    def show_estimate(self, text: str) -> None:
        """Show what the first video will take."""
        self._estimate.setText(safe(text))
        self._estimate.setVisible(bool(text))

    def show_pictures(self, pictures: list[bytes]) -> None:
        """Show frames of the video."""
        self._strip.show_pictures(pictures)

    def _show_notes(self, notes: tuple[str, ...]) -> None:
        self._notes.setText("\n".join(safe(told(note)) for note in notes))
        self._notes.setVisible(bool(notes))

    # Dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self._mark(over=True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802 - Qt's name
        """Look as before."""
        del event
        self._mark(over=False)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Tell what was dropped."""
        self._mark(over=False)
        event.acceptProposedAction()
        urls = event.mimeData().urls()
        self.dropped.emit([url.toLocalFile() for url in urls if url.isLocalFile()])

    def _mark(self, *, over: bool) -> None:
        self.setFrameShadow(QFrame.Shadow.Sunken if over else QFrame.Shadow.Plain)
        self.setLineWidth(2 if over else 1)

    # The parts

    def _empty_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addStretch(1)
        invitation = label(tr("Drop videos or a folder here"), name="heading")
        invitation.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(invitation)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(tr("Choose videos…"), self.browse.emit, name="browse"))
        row.addWidget(button(tr("Choose a folder…"), self.browse_folder.emit, name="browse-folder"))
        row.addStretch(1)
        layout.addLayout(row)
        layout.addStretch(1)
        return page

    def _facts_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        head = QHBoxLayout()
        self._path = PathLabel()
        self._path.setObjectName("subheading")
        head.addWidget(self._path, 1)
        head.addWidget(button(tr("Others…"), self.browse.emit, name="browse-others"))
        head.addWidget(button(tr("Clear"), self.clear.emit, name="clear"))
        layout.addLayout(head)
        self._more = label(name="more")
        layout.addWidget(self._more)
        self._strip = Strip()
        self._strip.chosen.connect(self.frame_chosen)
        layout.addWidget(self._strip)
        self._facts = label(wrap=True, name="facts")
        self._becomes = label(wrap=True, name="becomes")
        self._notes = label(wrap=True, name="notes")
        self._estimate = label(wrap=True, name="estimate")
        for part in (self._facts, self._becomes, self._estimate, self._notes):
            layout.addWidget(part)
        layout.addStretch(1)
        return page


class Strip(QWidget):
    """Frames of a video side by side."""

    chosen = Signal(float)
    """A frame was clicked: its place in the video, 0 to 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self._labels: list[QLabel] = []
        self._pictures: list[bytes] = []
        for _ in range(THUMBNAILS):
            one = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
            one.setMinimumSize(QSize(40, THUMBNAIL_HEIGHT))
            self._labels.append(one)
            self._row.addWidget(one, 1)
        self.setAccessibleName(tr("Frames of the video"))
        self.setToolTip(plain(tr("Click a frame to see it upscaled.")))
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_pictures(self, pictures: list[bytes]) -> None:
        """Show these PNG."""
        self._pictures = pictures
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Show the frames as large as there is room now."""
        super().resizeEvent(event)
        self._fit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell which frame was clicked."""
        number = int(event.position().x() * THUMBNAILS / max(1, self.width()))
        if 0 <= number < len(self._pictures) and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit((number + 0.5) / THUMBNAILS)

    def _fit(self) -> None:
        width = self.width() // THUMBNAILS - self._row.spacing()
        room = QSize(max(1, width), THUMBNAIL_HEIGHT)
        for one in self._labels:
            one.clear()
        for one, png in zip(self._labels, self._pictures, strict=False):
            one.setPixmap(pixmap(png, room, self.devicePixelRatioF()))


def pixmap(png: bytes, room: QSize, ratio: float) -> QPixmap:
    """Return a picture as large as fits on a screen with so many dots a pixel."""
    made = QPixmap()
    made.loadFromData(png, "PNG")
    if made.isNull():
        return made
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    made = made.scaled(room * ratio, keep, smooth)
    made.setDevicePixelRatio(ratio)
    return made


def facts_text(facts: Probe) -> str:
    """Return what a video is, in two lines."""
    rate = facts.frame_rate[0] / facts.frame_rate[1] if facts.frame_rate[1] else 0.0
    first = [
        f"{facts.width}x{facts.height}",
        facts.codec,
        tr("{rate} frames/s").format(rate=f"{rate:.3g}"),
        duration(facts.duration),
        words.frames(facts.frame_count),
        size(facts.size),
        tr("{depth} bits").format(depth=facts.colour.depth),
    ]
    if facts.hdr:
        first.append("HDR")
    if facts.interlaced or facts.woven:
        first.append(tr("interlaced"))
    lines = [" · ".join(safe(part) for part in first)]
    carried = _carried(facts)
    if carried:
        lines.append(tr("Carried over: {streams}").format(streams=carried))
    return "\n".join(lines)


def _carried(facts: Probe) -> str:
    counts = {
        kind: sum(s.kind == kind and not s.cover_art for s in facts.streams)
        for kind in ("audio", "subtitle", "attachment")
    }
    parts = []
    if number := counts["audio"]:
        parts.append(trn("{number} sound track", "{number} sound tracks", number))
    if number := counts["subtitle"]:
        parts.append(trn("{number} subtitle track", "{number} subtitle tracks", number))
    if number := counts["attachment"]:
        parts.append(trn("{number} attachment", "{number} attachments", number))
    if number := facts.chapters:
        parts.append(trn("{number} chapter", "{number} chapters", number))
    return ", ".join(parts)


def name_of(path: str) -> str:
    """Return the name of a file to show."""
    return safe(Path(path).name or path)
