"""The real command on a real terminal: bars, the dialog, Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from tsuzuki.errors import Cancelled
from tsuzuki.pipeline import events, upscale

pty = pytest.importorskip("pty", reason="needs a POSIX terminal")

SLOW = ("--quality", "Fast", "--segment-frames", "6", "--loss-budget", "0.1", "--device", "cpu")
QUICK = ("--engine", "nearest", "--segment-frames", "6", "--preset", "ultrafast")
CLAIM = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches it
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A child on a terminal of its own, read as a person would."""

    def __init__(self, *arguments):
        self.screen = ""
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLAIM, sys.executable, "-m", "tsuzuki", *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "150"},
        )
        os.close(slave)
        os.set_blocking(self.master, False)

    def read(self):
        try:
            while data := os.read(self.master, 65536):
                self.screen += data.decode(errors="replace")
        except (BlockingIOError, OSError):
            pass
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.screen)

    def wait_for(self, pattern, timeout=120):
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.read())):
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.read()}"
            assert self.process.poll() is None or re.search(pattern, self.read()), self.read()
            time.sleep(0.05)
        return found

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self, timeout=120):
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:  # a full terminal would block the child
            assert time.monotonic() < deadline, self.read()
            self.read()
            time.sleep(0.05)
        return self.process.returncode


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments):
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for one in opened:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()
        os.close(one.master)


@pytest.fixture
def long_clip(tmp_path, make_video):
    return make_video(tmp_path / "long.mp4", frames=20, width=160, height=120)


def saved_files(clip):
    """Return how many files hold frames or segments that are safe."""
    folder = clip.parent / "sessions"
    return len([*folder.glob("*/upscaled/segment_*.json"), *folder.glob("*/upscaled/frame_*")])


def work_is_done(clip, *, timeout=120):
    """Wait until more than ``more_than`` files hold frames or segments that are safe."""
    deadline = time.monotonic() + timeout
    while not saved_files(clip):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def interrupt(terminal, clip):
    """Run until some frames are done, press Ctrl-C, and return the session's id."""
    first = terminal("upscale", clip, *SLOW)
    work_is_done(clip)
    first.type("\x03")
    first.wait_for("Saving what is finished")
    assert first.end(timeout=20) == 130
    shown = first.read()
    assert "Traceback" not in shown
    return re.search(r"tsuzuki resume (\S*[0-9a-f]{12})", shown)[1]


def test_a_run_shows_a_bar_for_each_step(terminal, clip, tmp_path):
    shown = terminal("upscale", clip, "--engine", "nearest")
    assert shown.end() == 0
    screen = shown.read()
    for step in ("validate", "extract", "upscale", "combine"):
        assert re.search(rf"{step}\s+━+ 100.0 %", screen), screen
    assert "Done: " in screen
    assert (tmp_path / "clip_2x.mp4").exists()


def test_ctrl_c_saves_and_the_dialog_resumes(terminal, long_clip, tmp_path, child):
    session = interrupt(terminal, long_clip)
    assert not (tmp_path / "long_2x.mp4").exists()

    second = terminal("upscale", long_clip, *SLOW)
    second.wait_for("An unfinished session was found")
    second.wait_for(session)
    second.wait_for(r"\[c\]ancel\?")
    second.type("\r")
    found = second.wait_for(r"Going on: (\d+) of 20 frames are done and safe")
    assert int(found[1]) > 0
    assert second.end() == 0
    whole = child("upscale", long_clip, *SLOW, "-o", tmp_path / "whole.mp4")
    assert whole.code == 0
    assert (tmp_path / "whole.mp4").read_bytes() == (tmp_path / "long_2x.mp4").read_bytes()


def stopped(clip):
    """Have a run of `QUICK` stopped after its first segment; return the session's id."""
    cancel, ids = threading.Event(), []

    def watch(event):
        ids.append(event.session_id)
        if isinstance(event, events.SegmentSealed):
            cancel.set()

    settings = {"engine": "nearest", "segment_frames": 6, "preset": "ultrafast"}
    with pytest.raises(Cancelled):
        upscale(clip, settings, on_event=watch, cancel=cancel)
    return ids[-1]


def test_the_dialog_cancels_and_restarts(terminal, long_clip, cli):
    session = stopped(long_clip)

    second = terminal("upscale", long_clip, *QUICK)
    second.wait_for(r"\[c\]ancel\?")
    second.type("c\r")
    assert second.end() == 130
    assert f"tsuzuki resume {session}" in second.read()
    assert session in cli("sessions", "list").out

    other = terminal("upscale", long_clip, *QUICK, "--scale", "3")
    other.wait_for(rf"scale factor: 2.0 then, 3.0 now\)\. .* tsuzuki resume {session}")
    assert other.end() == 0

    third = terminal("upscale", long_clip, *QUICK, "--on-existing", "restart")
    assert third.end() == 0
    assert "Going on" not in third.read()


def test_loss_of_dynamic_hdr_is_asked_about(terminal, tmp_path):
    from tests.dynamic_hdr import hdr10_plus, make_clip

    clip, out = make_clip(tmp_path / "clip.mp4", hdr10_plus), tmp_path / "out.mp4"
    options = ("-o", out, "--engine", "nearest", "--sessions-dir", tmp_path / "sessions")
    refused = terminal("upscale", clip, *options)
    refused.wait_for("(?s)HDR10\\+.*Go on without it\\?")
    refused.type("\n")
    assert refused.end() == 130
    assert not out.exists()
    agreed = terminal("upscale", clip, *options)
    agreed.wait_for("Go on without it\\?")
    agreed.type("y\n")
    assert agreed.end() == 0
    assert out.exists()
