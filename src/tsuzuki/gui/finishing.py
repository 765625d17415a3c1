"""What happens when all is done."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QSystemTrayIcon

from tsuzuki.gui.preferences import WhenDone
from tsuzuki.gui.widgets import ask
from tsuzuki.language import tr, trn

if TYPE_CHECKING:
    from tsuzuki.gui.main_window import MainGUI

COUNTDOWN = 60
"""Seconds in which a person may still say no."""


def all_done(window: MainGUI) -> None:
    """Do what was wished for when nothing is left to do."""
    wish = window.preferences.present.when_done
    if wish == "notify":
        _notify(window)
    if wish in {"sleep", "shut-down"}:
        count_down(window, wish)
    elif not window.isVisible():
        window.close()


def attract_attention(window: MainGUI) -> None:
    """Tell that something needs the person, without taking the keyboard from another program."""
    QApplication.alert(window)


def _notify(window: MainGUI) -> None:
    done = sum(entry.job.outcome == "finished" for entry in window.queue.entries())
    text = trn("{number} video is done.", "{number} videos are done.", done)
    attract_attention(window)
    if QSystemTrayIcon.isSystemTrayAvailable():
        tray = QSystemTrayIcon(window.windowIcon(), window)
        tray.show()
        tray.showMessage("Tsuzuki", text, window.windowIcon())
        QTimer.singleShot(15000, tray.deleteLater)
    window.statusBar().showMessage(text)


def count_down(window: MainGUI, wish: WhenDone) -> QMessageBox:
    """Wait a minute, in which the person may say no, and then sleep or shut down."""
    window.show()
    heading = (
        tr("The computer is going to sleep") if wish == "sleep" else tr("The computer shuts down")
    )
    timer = QTimer(window, interval=1000)
    left = [COUNTDOWN]

    def stop() -> None:
        timer.stop()

    role = QMessageBox.ButtonRole
    box = ask(
        window,
        QMessageBox.Icon.Information,
        heading,
        _seconds_left(COUNTDOWN),
        [(tr("Do not"), role.RejectRole, stop)],
        name="countdown",
        safest=0,
    )

    def tick() -> None:
        left[0] -= 1
        box.setInformativeText(_seconds_left(left[0]))
        if left[0] <= 0:
            timer.stop()
            box.close()
            run_command(wish)

    box.finished.connect(timer.stop)
    timer.timeout.connect(tick)
    timer.start()
    return box


def _seconds_left(seconds: int) -> str:
    return trn("All is done. In {number} second.", "All is done. In {number} seconds.", seconds)


def command_for(wish: WhenDone, platform: str = sys.platform) -> list[str]:
    """Return the command of this system that sleeps or shuts down."""
    if platform == "win32":
        sleep = ["rundll32.exe", "powrprof.dll,SetSuspendState", "0,1,0"]
        return sleep if wish == "sleep" else ["shutdown.exe", "/s", "/t", "0"]
    if platform == "darwin":
        shut_down = ["osascript", "-e", 'tell application "System Events" to shut down']
        return ["pmset", "sleepnow"] if wish == "sleep" else shut_down
    return ["systemctl", "suspend" if wish == "sleep" else "poweroff"]


def run_command(wish: WhenDone) -> None:
    """Sleep or shut down."""
    words = command_for(wish)
    if (program := shutil.which(words[0])) is not None:
        subprocess.Popen([program, *words[1:]])  # noqa: S603 - fixed words, no shell
