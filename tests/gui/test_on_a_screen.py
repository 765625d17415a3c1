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
from tests.gui.hands import workers_of

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
    """Starts the program, reads what is on the screen, presses keys and clicks."""

    def __init__(self, screen, folder):
        self._environment = {**os.environ, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
        self._jobs = folder / "window" / "window"
        self._told = folder / "told.json"
        self.process = None

    def start(self):
        self._told.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.gui.observed", str(self._told)], env=self._environment
        )
        self.look_at("Tsuzuki")

    def look_at(self, title):
        """Give a window the keyboard: there is no window manager that does."""
        wait(lambda: self._does("search", "--onlyvisible", "--name", title, "windowfocus"))

    def see(self, name, text=""):
        """Return where something is on the screen; None where it is not."""
        with suppress(OSError, ValueError):
            for one, said, x, y in json.loads(self._told.read_text()):
                if one == name and text in said:
                    return x, y
        return None

    def press(self, *keys):
        assert self._does("key", *keys)

    def type(self, text):
        assert self._does("type", text)

    def click(self, name, text=""):
        wait(lambda: self.see(name, text))
        x, y = self.see(name, text)
        assert self._does("mousemove", str(x), str(y), "click", "1")

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
            lines = file.read_text().splitlines(keepends=True)
            told = [json.loads(line) for line in lines if line.endswith("\n")]
            return max((one.get("frames_done") or 0 for one in told), default=0)
        return 0

    def _does(self, *words):
        words = ["xdotool", *words]
        quiet = subprocess.DEVNULL
        return subprocess.call(words, env=self._environment, stdout=quiet, stderr=quiet) == 0


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


def wait(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


def test_choose_start_pause_kill_resume_and_find_the_run_again(person, tmp_path, long):
    preferences = tmp_path / "window" / "window.json"
    preferences.parent.mkdir()
    preferences.write_text(json.dumps({"settings": SLOW.to_dict(), "language": "en"}))
    person.start()
    person.press("ctrl+o")
    person.look_at("Choose videos")
    person.type(str(long))
    wait(lambda: person.see("fileNameEdit", long.name))
    person.press("Return")
    wait(lambda: person.see("becomes", "long_4x.mp4"))
    person.look_at("Tsuzuki")
    person.press("ctrl+Return")
    wait(lambda: person.frames_done() > 12)
    person.click("menu", "Queue")
    person.click("menu", "Pause")
    wait(lambda: person.see("figures", "Paused"))
    person.press("ctrl+r")
    wait(lambda: person.job()["pid"])
    wait(lambda: person.frames_done() > 12)
    os.kill(workers_of(person.job()["pid"])[0], signal.SIGKILL)
    wait(lambda: person.see("run-notes", "another one took over"))
    os.kill(person.job()["pid"], signal.SIGKILL)
    wait(lambda: person.see("error-safe", "Nothing is lost"))
    person.click("action-retry")
    wait(lambda: person.job()["pid"])
    pid = person.job()["pid"]
    person.kill()
    person.start()
    wait(lambda: person.see("figures", "Done"))
    wait(lambda: person.job()["outcome"] == "finished")
    assert long.with_name("long_4x.mp4").exists()
    assert not is_process_of(pid, person.job()["id"])
    person.press("ctrl+q")
    wait(lambda: person.process.poll() is not None)
    assert person.process.returncode == 0
