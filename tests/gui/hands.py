"""What a person does with the window, and what others do to its runs."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton

from tsuzuki.errors import Cancelled
from tsuzuki.pipeline import events


def click(qtbot, parent, name):
    """Click a button, which may be about to be shown."""

    def found():
        return [b for b in parent.findChildren(QPushButton, name) if b.isVisible()]

    qtbot.waitUntil(lambda: bool(found()))
    qtbot.mouseClick(found()[0], Qt.MouseButton.LeftButton)


def shown(parent, name):
    return parent.findChild(QLabel, name).text()


def box(window, name):
    """Return the question of this name that is asked now."""
    return next(b for b in window.findChildren(QMessageBox, name) if b.isVisible())


def press(qtbot, asked, text):
    found = next(b for b in asked.buttons() if text in b.text())
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def the_entry(window):
    (entry,) = window.queue.entries()
    return entry


def choose(window, until, *clips):
    window.choose_videos([str(clip) for clip in clips])
    until(lambda: window.look is not None and not window.background.is_busy)


def is_computing(entry):
    return entry.state.step == "upscale" and (entry.state.frames_done or 0) > 12


def workers_of(pid):
    """Return the process ids of a run's children."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in children for word in path.read_text().split()]


def cancel_after_a_segment(run):
    """Have the library do something, and stop it when it has finished a segment; return its id."""
    cancel, seen = threading.Event(), []

    def on_event(event):
        seen.append(event.session_id)
        if isinstance(event, events.SegmentSealed):
            cancel.set()

    try:
        run(on_event=on_event, cancel=cancel)
    except Cancelled:
        return seen[0]
    raise AssertionError("it was not stopped")
