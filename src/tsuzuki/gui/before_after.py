"""A frame before and after, side by side behind a line that can be moved."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from tsuzuki.language import tr

GRIP = 12
"""Pixels beside the line from which it can be taken hold of."""
MOST_ZOOM = 16.0


class BeforeAfter(QWidget):
    """Shows the frame before on the left of the line, and after on its right.

    The wheel, + and - zoom; dragging moves the frame, or the line where it begins there; the arrow
    keys move the line, with Shift the frame; 0 fits the frame into the window.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before = QPixmap()
        self._after = QPixmap()
        self.line = 0.5
        """Place of the line in the window, 0 to 1."""
        self.zoom = 1.0
        """1 fits the frame into the window."""
        self._middle = QPointF(0.5, 0.5)
        """Place of the frame that is in the window's middle, 0 to 1."""
        self._held: str = ""
        self._last = QPointF()
        self.setMinimumSize(320, 180)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(tr("The frame before and after"))
        self.setAccessibleDescription(
            tr("Arrow keys move the line between before and after; plus and minus zoom.")
        )

    def show_frames(self, before: bytes | None, after: bytes | None) -> None:
        """Show two PNG of the same frame; without one of them the other fills the window."""
        self._before = _pixmap(before)
        self._after = _pixmap(after)
        self.update()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return self._before.isNull() and self._after.isNull()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw both frames and the line."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(20, 20, 20))
        if self.is_empty:
            return
        target = self._target()
        at = self.line * self.width()
        if self._before.isNull() or self._after.isNull():
            self._draw(painter, self._after if self._before.isNull() else self._before, target)
            return
        painter.setClipRect(QRectF(0, 0, at, self.height()))
        self._draw(painter, self._before, target)
        painter.setClipRect(QRectF(at, 0, self.width() - at, self.height()))
        self._draw(painter, self._after, target)
        painter.setClipping(False)
        self._draw_line(painter, at)

    def _draw(self, painter: QPainter, frame: QPixmap, target: QRectF) -> None:
        enlarged = target.width() * self.devicePixelRatioF() > 2 * frame.width()
        smooth = QPainter.RenderHint.SmoothPixmapTransform
        painter.setRenderHint(smooth, not (enlarged and frame is self._before))
        painter.drawPixmap(target, frame, QRectF(frame.rect()))

    def _draw_line(self, painter: QPainter, at: float) -> None:
        painter.setPen(QPen(QColor(0, 0, 0), 4))
        painter.drawLine(QPointF(at, 0), QPointF(at, self.height()))
        painter.setPen(QPen(QColor(255, 255, 255), 2))
        painter.drawLine(QPointF(at, 0), QPointF(at, self.height()))
        for text, left in ((tr("Before"), True), (tr("After"), False)):
            width = painter.fontMetrics().horizontalAdvance(text) + 12
            x = at - width - 6 if left else at + 6
            box = QRectF(x, 6, width, painter.fontMetrics().height() + 6)
            painter.fillRect(box, QColor(0, 0, 0, 160))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _target(self) -> QRectF:
        """Return where the whole frame lies, in pixels of the window."""
        frame = self._before if self._after.isNull() else self._after
        fit = min(self.width() / frame.width(), self.height() / frame.height())
        width, height = frame.width() * fit * self.zoom, frame.height() * fit * self.zoom
        left = self.width() / 2 - self._middle.x() * width
        top = self.height() / 2 - self._middle.y() * height
        return QRectF(left, top, width, height)

    # Moving

    def set_zoom(self, zoom: float, around: QPointF | None = None) -> None:
        """Zoom, and keep what lies at a place of the window where it is."""
        if self.is_empty:
            return
        place = around or QPointF(self.width() / 2, self.height() / 2)
        old = self._target()
        x = (place.x() - old.left()) / old.width()
        y = (place.y() - old.top()) / old.height()
        self.zoom = min(MOST_ZOOM, max(1.0, zoom))
        new = self._target()
        left, top = new.left() + x * new.width(), new.top() + y * new.height()
        self._move(place.x() - left, place.y() - top)

    def set_line(self, line: float) -> None:
        """Move the line, 0 to 1."""
        self.line = min(1.0, max(0.0, line))
        self.update()

    def _move(self, x: float, y: float) -> None:
        target = self._target()
        middle = self._middle - QPointF(x / target.width(), y / target.height())
        self._middle = QPointF(_within(middle.x(), self.zoom), _within(middle.y(), self.zoom))
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom at the mouse."""
        self.set_zoom(self.zoom * 1.0015 ** event.angleDelta().y(), event.position())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take hold of the line or of the frame."""
        self._last = event.position()
        self._held = "line" if self._is_near(event.position()) else "frame"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Move what is held."""
        moved, self._last = event.position() - self._last, event.position()
        if self._held == "line":
            self.set_line(event.position().x() / max(1, self.width()))
        elif self._held == "frame":
            self._move(moved.x(), moved.y())
        near = self._held == "line" or self._is_near(event.position())
        shape = Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.OpenHandCursor
        self.setCursor(shape)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        del event
        self._held = ""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Move and zoom."""
        key, shift = event.key(), event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ways = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        way = ways.get(Qt.Key(key))
        if way is not None and shift and not self.is_empty:
            self._move(-40 * way[0], -40 * way[1])
        elif way is not None and way[0]:
            self.set_line(self.line + 0.02 * way[0])
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal}:
            self.set_zoom(self.zoom * 1.25)
        elif key == Qt.Key.Key_Minus:
            self.set_zoom(self.zoom / 1.25)
        elif key == Qt.Key.Key_0:
            self.set_zoom(1.0)
        else:
            super().keyPressEvent(event)

    def _is_near(self, place: QPointF) -> bool:
        return abs(place.x() - self.line * self.width()) < GRIP


def _within(middle: float, zoom: float) -> float:
    """Keep the frame from leaving the window."""
    edge = 0.5 / zoom
    return min(1 - edge, max(edge, middle))


def _pixmap(png: bytes | None) -> QPixmap:
    made = QPixmap()
    if png:
        made.loadFromData(png, "PNG")
    return made
