"""The program: one window for each user, brought up when it is started again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

import platformdirs
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication

from tsuzuki.errors import TsuzukiError
from tsuzuki.gui import looks, remedies
from tsuzuki.gui.jobs import JobStore
from tsuzuki.gui.main_window import MainGUI
from tsuzuki.gui.preferences import PreferencesStore
from tsuzuki.gui.queue import Queue
from tsuzuki.gui.sessions_view import offer_to_clean
from tsuzuki.language import tr

_log = logging.getLogger(__name__)

ANSWER_MS = 1000
"""Time that a window which is there already takes to answer at most."""
MOST_NAMES = 1 << 20
"""Bytes of file names that another start may hand over."""


def run(files: Sequence[str] = ()) -> int:
    """Show the window and return its exit code when it is closed."""
    _write_log()
    preferences = PreferencesStore()
    if preferences.present.scaling != 100:
        os.environ.setdefault("QT_SCALE_FACTOR", f"{preferences.present.scaling / 100:g}")
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Tsuzuki")
    app.setDesktopFileName("tsuzuki")
    app.setQuitOnLastWindowClosed(False)
    names = [str(Path(name).absolute()) for name in files]
    app.setFont(looks.base_font(app))
    looks.speak(preferences.present)
    looks.dress(preferences.present.theme)
    app.setWindowIcon(looks.icon())
    try:
        store = JobStore()
        door = Door(store)
        if door.knock(names):
            return 0
        window = MainGUI(queue=Queue(store), preferences=preferences)
    except TsuzukiError as error:  # without a terminal nobody would see it
        remedies.show_error(None, error).finished.connect(app.quit)
        app.exec()
        raise
    window.left.connect(app.quit)
    sys.excepthook = partial(catch, window)
    door.open(window)
    window.show()
    offer_to_clean(window)
    if names:
        window.choose_videos(names)
    return app.exec()


def catch(
    window: MainGUI, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Keep the traceback of a fault of the program, and say that the work is safe."""
    _log.error("unexpected", exc_info=(kind, error, trace))
    text = tr("This is a fault of the program; please report it. What runs goes on.")
    remedies.show_error(window, TsuzukiError(f"{kind.__name__}: {error}\n\n{text}"))


def _write_log() -> None:
    """Keep what the window has to report, where nobody sees its standard error."""
    file = platformdirs.user_log_path("tsuzuki", appauthor=False) / "window.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(file, maxBytes=1 << 20, backupCount=1, encoding="utf-8")
    except OSError as error:
        _log.warning("%s", error)
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("tsuzuki").addHandler(handler)


class Door:
    """Where a second start of the program finds the window of the first one."""

    def __init__(self, store: JobStore) -> None:
        digest = hashlib.sha256(str(store.folder).encode()).hexdigest()[:16]
        self._name = f"tsuzuki-{digest}"
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)

    def knock(self, names: Sequence[str]) -> bool:
        """Have the window that is there show itself with these files; False where there is none."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(ANSWER_MS):
            return False
        socket.write(json.dumps(names).encode() + b"\n")  # one line, whatever the names are
        answered = socket.waitForBytesWritten(ANSWER_MS) and socket.waitForReadyRead(ANSWER_MS)
        socket.disconnectFromServer()
        return bool(answered)

    def open(self, window: MainGUI) -> None:
        """Show this window when another start knocks."""
        if not self._server.listen(self._name):
            QLocalServer.removeServer(self._name)  # of a window that was killed
            if not self._server.listen(self._name):
                _log.warning("%s", self._server.errorString())
        self._server.newConnection.connect(lambda: self._answer(window))

    def close(self) -> None:
        """Be found no more."""
        self._server.close()

    def _answer(self, window: MainGUI) -> None:
        socket = self._server.nextPendingConnection()

        def read() -> None:
            if not socket.canReadLine():
                if socket.bytesAvailable() > MOST_NAMES:
                    socket.abort()
                return
            line = bytes(socket.readLine(MOST_NAMES).data()).rstrip(b"\n")
            socket.write(b"ok\n")
            socket.flush()
            bring_up(window)
            with suppress(ValueError, RecursionError):
                names = json.loads(line)
                if names and isinstance(names, list) and all(isinstance(n, str) for n in names):
                    window.choose_videos(names)

        socket.readyRead.connect(read)
        socket.disconnected.connect(socket.deleteLater)
        if socket.bytesAvailable():
            read()


def bring_up(window: MainGUI) -> None:
    """Show a window, in front of the others."""
    window.show()
    window.setWindowState(window.windowState() & ~window.windowState().WindowMinimized)
    window.raise_()
    window.activateWindow()
