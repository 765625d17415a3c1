"""Tiny clips, and the command line called in this process or as a child."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from tsuzuki.cli import main

FRAMES = 24


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch, forked_workers):
    """Sessions and logs of a test stay in its folder, and nothing breaks lines or colours.

    Workers of runs in this process are copies of it; those of children are what they always are.
    """
    monkeypatch.setenv("TSUZUKI_SESSIONS_DIR", str(tmp_path / "sessions"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TSUZUKI_LANGUAGE", "en")
    monkeypatch.delenv("TSUZUKI_DEBUG", raising=False)


@pytest.fixture
def cli(capsys):
    """Call the command line in this process."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture
def child():
    """Call the command line in a process of its own."""

    def call(*arguments, timeout=240, **options):
        done = subprocess.run(
            [sys.executable, "-m", "tsuzuki", *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call


def write_video(path, *, frames=FRAMES, width=64, height=48, sound=False, turn=0):
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", 24, {"g": "6", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        if turn:
            video.set_display_rotation(turn)
        audio = container.add_stream("aac", 44100) if sound else None
        if audio is not None:
            audio.layout = "mono"
        for number in range(frames):
            picture = np.full((height, width, 3), 40, np.uint8)
            picture[4:20, 2 * number % width : 2 * number % width + 8] = (200, 60, 9 * number % 256)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(video.encode(frame))
            if audio is not None:
                container.mux(audio.encode(silence(number)))
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    return path


def silence(number):
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1837), np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 44100, 1837 * number, Fraction(1, 44100)
    return frame


def write_sound(path):
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", 44100)
        audio.layout = "mono"
        for number in range(12):
            container.mux(audio.encode(silence(number)))
        container.mux(audio.encode(None))
    return path


@pytest.fixture
def clip(tmp_path) -> Path:
    return write_video(tmp_path / "clip.mp4", sound=True)


@pytest.fixture
def make_video():
    return write_video


@pytest.fixture
def make_sound():
    return write_sound


from tests.cloud.conftest import bucket, drive, drive_server, s3_server  # noqa: E402, F401 - fixtures
