"""What a run tells on the terminal comes from the catalogues, whatever the language."""

import io
import re

import pytest
from rich.console import Console

from tsuzuki import language
from tsuzuki.cli import boundary, dialog, display
from tsuzuki.errors import DiskFullError
from tsuzuki.pipeline import events
from tsuzuki.sessions.progress import new_progress
from tsuzuki.settings import ProcessingSettings

ID = "000000000000"
EVENTS = (
    events.SessionOpened(
        session_id=ID, video_file="1", output="2", folder="", resumed=True, frames_total=9,
        frames_done=1, settings={},
    ),
    events.StepSkipped(session_id=ID, step="validate"),
    events.StepCompleted(session_id=ID, step="extract", seconds=1.0),
    events.Warned(session_id=ID, code="1", message="1"),
    events.WorkerRestarted(session_id=ID, reason="1"),
    events.Finished(
        session_id=ID, output="1", frames=1, frames_computed=1, reused=0.5, failed_frames=(1,),
        seconds=1.0, size=1, kept_frames="1", bit_identical=False,
    ),
)  # fmt: skip
MOVED = events.StepProgressed(
    session_id=ID, step="upscale", progress=1.0, frames_done=1, frames_total=2, reused=0.5,
    frames_per_second=1.0, eta=1.0, disk_used=1,
)  # fmt: skip


def progress():
    info = {
        "width": 64,
        "height": 48,
        "duration": 1.0,
        "frame_rate": 24.0,
        "frame_count": 24,
        "codec_name": "1",
        "size": 1000,
        "format": "1",
    }
    made = new_progress(ID, "/1", info, ProcessingSettings(), fingerprint="1")
    made["steps"]["upscale"].update(status="failed", error="1")
    return made | {"output": "2"}


@pytest.fixture
def disguised():
    language.use("en")
    language.disguise(lambda text: re.sub(r"(\{\w+\}|\[.*?\])|[^\W\d_]", r"\1◇", text))
    yield
    language.disguise(None)


def test_no_sentence_of_a_run_is_outside_the_catalogues(disguised):
    told = [display.sentence(event, frames_again=1) for event in EVENTS]
    told += [display._figures(MOVED), boundary.title(DiskFullError("1"))]
    for text in told:
        assert not re.search(r"[a-z]{2}", text.replace("kB", "")), text


def test_no_word_of_the_question_is_outside_the_catalogues(disguised):
    screen = io.StringIO()
    panel = dialog.session_panel(progress(), "1")
    Console(file=screen, width=100).print(panel)
    known = ("--scale", "Balanced")  # as one would type them
    text = screen.getvalue()
    for word in known:
        text = text.replace(word, "")
    assert not re.search(r"[a-z]{2}", text), text


def test_an_error_is_told_in_the_language_of_the_system(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("TSUZUKI_LANGUAGE", "ja")
    told = cli("upscale", tmp_path / "gone.mp4").err
    language.use("en")
    assert told.startswith("入力: 動画が見つかりません")
    assert str(tmp_path / "gone.mp4") in told
