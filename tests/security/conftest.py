"""A paused session to do harm to, and the command line, watched."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.watching import in_time, watching

from tsuzuki import pipeline
from tsuzuki.cli import main
from tsuzuki.errors import Cancelled
from tsuzuki.pipeline import events
from tsuzuki.sessions import SessionManager, SessionPaths

SECONDS = 60
"""No command may take so long, whatever it finds and however busy the machine is."""
CANARY = b"the canary, whose song nobody may hear"
SETTINGS = {"engine": "nearest", "preset": "ultrafast", "segment_frames": 5, "loss_budget": 0.0}


@dataclasses.dataclass(frozen=True)
class Paused:
    """A session with sealed segments and spooled frames, and everything around it."""

    place: Path
    session_id: str

    @property
    def video(self) -> Path:
        return self.place / "videos" / "clip.mp4"

    @property
    def output(self) -> Path:
        return self.place / "out" / "out.mkv"

    @property
    def root(self) -> Path:
        return self.place / "home" / "sessions"

    @property
    def paths(self) -> SessionPaths:
        return SessionPaths(self.root, self.session_id)

    @property
    def outside(self) -> Path:
        """A folder that nobody may look into."""
        return self.place / "outside"

    @property
    def canary(self) -> Path:
        return self.outside / "canary"

    def restore(self) -> None:
        """Have everything as it was."""
        names = ("home", "out", "outside")
        folders = [self.place / name for name in names]
        subprocess.run(["rm", "-rf", *folders], check=True)  # however deep they are
        for name in names:
            shutil.copytree(self.place / "pristine" / name, self.place / name)
        SessionManager(self.root).adopt(self.session_id)  # the folder is another one


class Result(NamedTuple):
    code: int
    text: str
    """What it printed."""
    trespasses: list[str]
    """What it did outside of the places that it may go to."""


Command = Callable[..., Result]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, draw_clip: Callable[..., Path]) -> Paused:
    place = tmp_path_factory.mktemp("paused")
    for name in ("home", "out", "outside", "videos"):
        (place / name).mkdir()
    cancel, sealed = threading.Event(), []

    def watch(event: events.Event) -> None:
        sealed.extend([event] if isinstance(event, events.SegmentSealed) else [])
        if len(sealed) == 2 and isinstance(event, events.FramesSpooled):
            cancel.set()

    found = Paused(place, "0" * 12)
    draw_clip(found.video, 20)
    found.canary.write_bytes(CANARY)
    with pytest.raises(Cancelled):
        pipeline.upscale(
            found.video,
            SETTINGS,
            output=found.output,
            on_event=watch,
            cancel=cancel,
            sessions_dir=found.root,
            allow_sleep=True,
        )
    (session_id,) = SessionManager(found.root).session_ids()
    for name in ("home", "out", "outside"):
        shutil.copytree(place / name, place / "pristine" / name)
    return Paused(place, session_id)


@pytest.fixture
def paused(template: Paused, monkeypatch: pytest.MonkeyPatch, forked_workers: None) -> Paused:
    template.restore()
    monkeypatch.chdir(template.place / "home")
    return template


@pytest.fixture
def tsuzuki(
    paused: Paused,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Command:
    """Call the command line in this process, watched.

    It may go to the sessions, to the output's folder and, reading, to the video's; nowhere else.
    """
    monkeypatch.setenv("TSUZUKI_SESSIONS_DIR", str(paused.root))
    monkeypatch.setenv("XDG_STATE_HOME", str(paused.place / "home" / "state"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        log = tmp_path / "trespasses"
        log.unlink(missing_ok=True)
        changes = [paused.place / "home", paused.output.parent]
        with in_time(SECONDS), watching(log, reads=[paused.video.parent], changes=changes) as seen:
            code = main([str(argument) for argument in arguments])
            found = seen.found()
        out, err = capfd.readouterr()
        return Result(code, out + err, found)

    return call


@pytest.fixture
def canary(paused: Paused) -> Callable[[], bool]:
    """Tell whether the folder outside is as it was."""

    def lives() -> bool:
        return (
            list(paused.outside.iterdir()) == [paused.canary]
            and paused.canary.read_bytes() == CANARY
        )

    return lives
