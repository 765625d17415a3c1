"""The program, which also tells where its widgets are and what they say, as to a screen reader.

``python -m tests.gui.observed FILE [VIDEO...]`` writes that to a file, again and again: a list of
name, text and the middle on the screen.
"""

import json
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QMenu, QMenuBar

from tsuzuki.gui import app


class Observed(app.MainGUI):
    def __init__(self, **parts):
        super().__init__(**parts)
        timer = QTimer(self, interval=100)
        timer.timeout.connect(lambda: tell(Path(sys.argv[1])))
        timer.start()


def tell(file):
    part = file.with_suffix(".part")
    part.write_text(
        json.dumps([one for top in QApplication.topLevelWidgets() for one in seen(top)])
    )
    part.replace(file)


def seen(top):
    if not top.isVisible():
        return
    yield "window", top.windowTitle(), 0, 0
    for kind in (QAbstractButton, QLabel, QLineEdit):
        for one in filter(is_seen, top.findChildren(kind)):
            middle = one.mapToGlobal(one.rect().center())
            yield one.objectName(), one.text(), middle.x(), middle.y()
    for menu in [top] if isinstance(top, QMenu) else top.findChildren(QMenuBar):
        for action in menu.actions():
            middle = menu.mapToGlobal(menu.actionGeometry(action).center())
            yield "menu", action.text().replace("&", ""), middle.x(), middle.y()


def is_seen(widget):
    """Tell whether the middle is shown, and not only where one would have to scroll to."""
    return widget.isVisible() and widget.visibleRegion().contains(widget.rect().center())


if __name__ == "__main__":
    app.MainGUI = Observed
    sys.exit(app.run(sys.argv[2:]))
