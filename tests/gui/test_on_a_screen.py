"""The program as it is started, on a screen, with mouse and keyboard, and killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from tests.gui.conftest import SLOW

from tsuzuki.gui.process import is_process_of

MISSING = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not installed")


@pytest.fixture
def screen():
    """A screen of its own, as DISPLAY names it."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answers:
        number = answers.readline().strip()
    assert number, "Xvfb does not start"
    yield f":{number}"
    server.terminate()
    server.wait()


class Person:
    """Starts the program, presses keys and clicks."""

    def __init__(self, screen, folder):
        self._screen = screen
        self._jobs = folder / "window" / "window"
        self.process = None

    def start(self, *files):
        environment = {**os.environ, "DISPLAY": self._screen, "QT_QPA_PLATFORM": "xcb"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tsuzuki.gui", *map(str, files)], env=environment
        )
        wait(self._has_keyboard)  # it takes a moment from being shown to taking keys

    def _has_keyboard(self):
        with suppress(subprocess.CalledProcessError):
            self._tool("search", "--onlyvisible", "--name", "Tsuzuki", "windowfocus")
            return True
        return False

    def press(self, keys):
        self._tool("key", keys)

    def click(self, x, y):
        self._tool("mousemove", str(x), str(y), "click", "1")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def job(self):
        """Return the only job, as it is kept; None while there is none."""
        for file in self._jobs.glob("*.json"):
            with suppress(ValueError, OSError):
                return json.loads(file.read_text())
        return None

    def frames_done(self):
        """Return how many frames the run has told of."""
        for file in self._jobs.glob("*.events"):
            told = [json.loads(line) for line in file.read_text().splitlines() if line]
            return max((one.get("frames_done") or 0 for one in told), default=0)
        return 0

    def _tool(self, *words):
        environment = {**os.environ, "DISPLAY": self._screen}
        subprocess.run(
            ["xdotool", *words], env=environment, check=True, timeout=60, capture_output=True
        )


@pytest.fixture
def person(screen, tmp_path):
    made = Person(screen, tmp_path)
    yield made
    if made.process is not None:
        made.kill()
    job = made.job()
    if job is not None and job["pid"]:
        with suppress(ProcessLookupError):
            os.kill(job["pid"], signal.SIGKILL)


def wait(condition, seconds=60, between=lambda: None):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        between()
        time.sleep(0.2)


def test_start_pause_resume_kill_the_window_and_find_the_run_again(person, tmp_path, long):
    preferences = tmp_path / "window" / "window.json"
    preferences.parent.mkdir()
    preferences.write_text(json.dumps({"settings": SLOW.to_dict(), "language": "en"}))
    person.start(long)
    wait(lambda: person.job() is not None, between=lambda: person.press("ctrl+Return"))
    wait(lambda: person.frames_done() > 12)
    person.click(65, 10)  # the menu of the queue
    time.sleep(0.3)
    person.click(80, 32)  # Pause
    wait(lambda: person.job()["outcome"] == "paused")
    person.press("ctrl+r")
    wait(lambda: person.job()["pid"])
    pid = person.job()["pid"]
    person.kill()
    person.start()
    wait(lambda: person.job()["outcome"] == "finished")
    assert person.job()["pid"] is None
    assert long.with_name("long_2x.mp4").exists()
    assert not is_process_of(pid, person.job()["id"])
    person.press("ctrl+q")
    wait(lambda: person.process.poll() is not None)
    assert person.process.returncode == 0
