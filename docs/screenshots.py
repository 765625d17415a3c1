"""Pictures of every window: ``python -m docs.screenshots`` writes them to ``build/screenshots``.

They are taken of the real windows, over sessions and runs that are real, without a screen.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

Theme = Literal["light", "dark", "contrast"]
TARGET = Path(__file__).parents[1] / "build" / "screenshots"
LANGUAGES = ("en", "ja")
THEMES: tuple[Theme, ...] = ("light", "dark", "contrast")
SCALES = (1, 2)
FULL = (
    "The disk or quota of /home/mika is full. Free some space and run `tsuzuki resume`; everything "
    "finished before is saved."
)
IMAGES = Path(__file__).with_name("images")
KEPT = {
    "window": "main-paused-en-light-100",
    "window-ja": "main-paused-ja-dark-100",
    "resume": "resume-en-light-100",
    "resume-ja": "resume-ja-light-100",
    "preview": "preview-en-light-100",
    "preview-ja": "preview-ja-dark-100",
}
"""Pictures that the documentation shows, by their names there."""


def main(arguments: list[str]) -> None:
    """Take all pictures, or those of one scale where it is named; ``--keep`` some for the docs."""
    if arguments == ["--keep"]:
        for name, picture in KEPT.items():
            shutil.copy(TARGET / f"{picture}.png", IMAGES / f"{name}.png")
        return
    if arguments:
        _take_all(float(arguments[0]))
        return
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tsuzuki-screenshots-") as folder:
        for scale in SCALES:
            home = Path(folder) / f"{scale}"
            home.mkdir()
            environment = {
                **os.environ,
                "QT_QPA_PLATFORM": f"offscreen:configfile={_screen(home)}",
                "QT_SCALE_FACTOR": f"{scale}",
                "TSUZUKI_SESSIONS_DIR": str(home / "sessions"),
                "TSUZUKI_WINDOW_DIR": str(home / "window"),
                "SCREENSHOTS_HOME": str(home),
            }
            words = [sys.executable, "-m", "docs.screenshots", str(scale)]
            subprocess.run(words, env=environment, check=True)
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET}")


def _screen(folder: Path) -> Path:
    """Describe a screen that is large enough for everything at twice its size."""
    place = {"name": "large", "x": 0, "y": 0, "width": 3840, "height": 2160}
    file = folder / "screen.json"
    file.write_text(json.dumps({"screens": [{**place, "logicalDpi": 96, "dpr": 1}]}))
    return file


def _take_all(scale: float) -> None:
    from PySide6.QtWidgets import QApplication

    from tsuzuki.gui import looks
    from tsuzuki.gui.jobs import JobStore
    from tsuzuki.gui.main_window import MainGUI
    from tsuzuki.gui.queue import Queue

    app = QApplication([])
    app.setFont(looks.base_font(app))
    scene = Scene(Path(os.environ["SCREENSHOTS_HOME"]))
    looks.dress("light")
    window = MainGUI(queue=Queue(JobStore()))
    window.show()
    scene.prepare(window)
    for language in LANGUAGES:
        for theme in THEMES:
            window.preferences.change(language=language, theme=theme)
            looks.speak(window.preferences.present)
            looks.dress(theme)
            window.rebuild()
            name = f"{language}-{theme}-{round(100 * scale)}"
            for title, widget in scene.windows(window):
                widget.grab().save(str(TARGET / f"{title}-{name}.png"))
    scene.end(window)


class Scene:
    """What is on the pictures: some videos, one at work, one done, one that failed."""

    def __init__(self, folder: Path) -> None:
        from tsuzuki.demo.clip import write_clip

        self.folder = folder
        self.clip = folder / "holiday.mp4"
        write_clip(self.clip)
        self.others = []
        for name in ("seaside.mp4", "mountains.mp4"):
            self.others.append(folder / name)
            self.others[-1].write_bytes(self.clip.read_bytes())
        self.bad = folder / "notes.mp4"
        self.bad.write_text("This is no video.", encoding="utf-8")

    def prepare(self, window: Any) -> None:
        """Have jobs in every state, and an unfinished session."""
        from tsuzuki.gui.jobs import new_job
        from tsuzuki.settings import ProcessingSettings

        quick = ProcessingSettings(engine="nearest")
        slow = ProcessingSettings(quality="Fast", reuse="off", segment_frames=12, loss_budget=0)
        queue = window.queue
        self.done = queue.add(new_job(str(self.others[0]), quick))
        self.failed = queue.add(new_job(str(self.bad), quick))
        queue.start()
        _until(lambda: queue.entry(self.failed).job.outcome == "failed")
        self.paused = queue.add(new_job(str(self.clip), slow))
        queue.start()
        _until(lambda: (queue.entry(self.paused).state.frames_done or 0) > 24)
        queue.pause(self.paused)
        _until(lambda: queue.entry(self.paused).job.outcome != "")
        queue.add(new_job(str(self.others[1]), quick))
        queue.hold()
        self.slow = slow
        window.settings_panel.set_settings(slow)
        window.choose_videos([str(self.others[1])])
        _until(lambda: window.look is not None and not window.background.is_busy)

    def windows(self, window: Any) -> Iterator[tuple[str, Any]]:
        """Yield each window, ready to be looked at."""
        from PySide6.QtWidgets import QDialog, QMessageBox

        from tsuzuki.errors import DiskFullError
        from tsuzuki.gui import closing, finishing, menus, preview, remedies
        from tsuzuki.gui.log_window import LogWindow
        from tsuzuki.gui.preview import PreviewWindow
        from tsuzuki.gui.resume_dialog import ResumeDialog
        from tsuzuki.gui.sessions_view import SessionsView
        from tsuzuki.settings import ProcessingSettings

        window._set_videos([str(self.others[1])])
        _settled(window)
        for title, job in (("main-failed", self.failed), ("main-paused", self.paused)):
            window.queue_view.select(job)
            _settled(window)
            yield title, window
        window.queue_view.select(self.done)
        window.settings_panel.show_advanced(True)
        _settled(window)
        yield "main-advanced", window
        window.settings_panel.show_advanced(False)
        window._set_videos([])
        _settled(window)
        yield "main-empty", window
        window._set_videos([str(self.others[1])])
        _settled(window)
        matches = window.places.unfinished(str(self.clip), self.slow)
        other = window.places.unfinished(str(self.clip), ProcessingSettings(quality="Quality"))
        for title, found in (("resume", matches), ("resume-other", [*matches, *other])):
            dialog = ResumeDialog(found, window, paths_of=window.places.paths)
            if title == "resume-other":
                dialog._list.setCurrentRow(1)
            dialog.show()
            _until(lambda dialog=dialog: not dialog._background.is_busy)  # type: ignore[misc]
            _settled(window)
            yield title, dialog
            if title == "resume":
                dialog._on_restart()
                box: Any = dialog.findChild(QMessageBox)
                _settled(window)
                yield "confirm-restart", box
                box.close()
            dialog.close()
        for title, made in (
            ("sessions", SessionsView(window)),
            ("preview", PreviewWindow(window.look, self.slow, window)),
            ("log", LogWindow(window.places.paths(self._session(window)), window)),
        ):
            made.show()
            _until(lambda: not window.background.is_busy)
            _settled(window)
            yield title, made
            made.close()
        dialogs: tuple[tuple[str, Callable[[], object]], ...] = (
            ("latest", lambda: preview.show_latest(window, self._entry(window))),
            ("save-preset", lambda: menus._save_preset(window)),
            ("choose-store", lambda: menus._choose_store(window)),
        )
        for title, call in dialogs:
            before = {*window.findChildren(QDialog)}
            call()
            _until(lambda before=before: {*window.findChildren(QDialog)} > before)  # type: ignore[misc]
            _settled(window)
            made = next(d for d in window.findChildren(QDialog) if d not in before)
            yield title, made
            made.close()
            _settled(window)
        calls: tuple[tuple[str, Callable[[], object]], ...] = (
            ("about", lambda: menus._about(window)),
            ("error", lambda: remedies.show_error(window, DiskFullError(FULL))),
            ("clean", lambda: SessionsView(window)._ask_to_clean()),
            ("confirm-cancel", lambda: remedies._ask_to_cancel(window, self._entry(window))),
            ("confirm-close", lambda: closing.ask_what_becomes(window)),
            ("countdown", lambda: finishing.count_down(window, "sleep")),
            (
                "confirm-action",
                lambda: remedies.mend(window, self._entry(window), "accept-changes"),
            ),
        )
        for title, call in calls:
            call()
            _settled(window)
            box = next(b for b in window.findChildren(QMessageBox) if b.isVisible())
            _settled(window)
            yield title, box
            box.close()
            _settled(window)

    def end(self, window: Any) -> None:
        """End everything that runs."""
        window._saving.stop()
        window.background.finish()
        window.queue.close()

    def _entry(self, window: Any) -> Any:
        return window.queue.entry(self.paused)

    def _session(self, window: Any) -> str:
        return str(self._entry(window).state.session_id)


def _until(condition: Callable[[], bool], seconds: float = 300) -> None:
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > end:
            raise TimeoutError
    QApplication.processEvents()


def _settled(window: Any) -> None:
    _until(lambda: not window.background.is_busy)
    for _ in range(3):
        _until(lambda: True)


if __name__ == "__main__":
    main(sys.argv[1:])
