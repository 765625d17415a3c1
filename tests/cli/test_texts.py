"""What a run tells on the terminal comes from the catalogues, whatever the language."""

import io
import re

import pytest
import typer.main
from rich.console import Console

import tsuzuki
from tsuzuki import language
from tsuzuki.cli import app, boundary, dialog, display
from tsuzuki.errors import DiskFullError, InputNotFoundError
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
    assert told.startswith("入力: ファイル ")
    assert "がありません" in told
    assert str(tmp_path / "gone.mp4") in told


def leftover(text):
    """Return the sentences in a text that did not come from a catalogue."""
    known = r"`[^`]*`|'[^']*'|tsuzuki( \w+)*|/\S+|\[default: |\[env var: |<\S+( range)?>"
    text = re.sub(known, "", text)
    return re.findall(r"[A-Za-z]*[a-z]{2,} [a-z]{2,}.*", text)


def help_pages(name="", command=None):
    command = command or typer.main.get_command(app)
    yield name
    for child in getattr(command, "commands", {}):
        yield from help_pages(f"{name} {child}".strip(), command.commands[child])


@pytest.mark.parametrize("name", list(help_pages()))
def test_no_help_has_a_text_outside_the_catalogues(cli, disguised, name):
    shown = cli(*name.split(), "--help").out
    assert "◇" in shown
    assert leftover(shown) == []


@pytest.mark.parametrize("name", list(help_pages()))
@pytest.mark.parametrize("code", language.LANGUAGES)
def test_nothing_of_a_help_is_cut_off(cli, monkeypatch, code, name):
    monkeypatch.setenv("TSUZUKI_LANGUAGE", code)
    monkeypatch.setenv("COLUMNS", "80")
    shown = cli(*name.split(), "--help").out
    language.use("en")
    assert "…" not in shown


WRONG = (
    "upscal",
    "upscale",
    "upscale --scal",
    "upscale gone.mp4 --scale",
    "upscale gone.mp4 --scale big",
    "upscale gone.mp4 --workers 0",
    "upscale gone.mp4 --scale 99",
    "upscale gone.mp4 --quality best",
    "upscale gone.mp4 --for nobody",
    "upscale gone.mp4 --fps often",
    "upscale gone.mp4 --encoder-option x",
    "upscale gone.mp4 --range 1",
    "upscale gone.mp4 --range 2-1",
    "upscale gone.mp4 --cluster far",
    "upscale gone.mp4 --sync ftp://here",
    "upscale gone.mp4 --take-over",
    "upscale gone.mp4 --notify nobody",
    "upscale gone/",
    "upscale gone/%03d.png",
    "probe gone.mp4 gone.mp4",
    "compare gone.mp4 gone.mp4",
    "resume",
    "resume --all now",
    "resume 000000000000",
    "resume gone.mp4",
    "watch gone",
    "sessions check",
    "sessions check 000000000000",
    "sessions list",
    "sessions show 1",
    "sessions clean",
    "cloud list --from gone",
    "metrics",
    "metrics --json --dashboard",
    "metrics --serve nowhere",
    "models",
)


@pytest.mark.parametrize("line", WRONG)
def test_nothing_said_of_a_command_line_is_outside_the_catalogues(cli, disguised, line):
    result = cli(*line.split())
    assert "◇" in result.out + result.err
    assert leftover(result.err) == []
    assert leftover(re.sub(r".*--content \w+ --quality.*|.*\dx .*", "", result.out)) == []


def test_the_check_up_is_told_from_the_catalogues(cli, disguised):
    shown = cli("doctor").out
    assert not any(name in shown for name in ("Everything", "Networks", "Sessions folder"))
    rows = shown.splitlines()
    assert len(rows) == 9
    # Versions, FFmpeg's answers, and devices as their makers call them are told as they are.
    assert leftover("\n".join([rows[2], rows[4], *rows[6:]])) == []


def test_usage_and_help_are_in_the_language_of_the_system(cli, monkeypatch):
    monkeypatch.setenv("TSUZUKI_LANGUAGE", "ja")
    shown, wrong = cli("upscale", "--help").out, cli("upscal").err
    language.use("en")
    assert "使い方: tsuzuki upscale [OPTIONS]" in shown
    assert "─ エンコード ─" in shown
    assert "[既定: Balanced]" in shown
    assert "このヘルプを表示して終了します。" in shown
    assert "コマンド 'upscal' はありません。もしかして 'upscale' ですか?" in wrong
    monkeypatch.setenv("TSUZUKI_LANGUAGE", "en")
    assert "Usage: tsuzuki upscale" in cli("upscale", "--help").out


def test_errors_and_events_themselves_stay_english(tmp_path):
    language.use("ja")
    try:
        with pytest.raises(InputNotFoundError, match="There is no file"):
            tsuzuki.upscale(tmp_path / "gone.mp4", sessions_dir=tmp_path)
    finally:
        language.use("en")
