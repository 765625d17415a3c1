import io

import pytest
from rich.console import Console

from tsuzuki.cli import dialog
from tsuzuki.gui.words import step_title
from tsuzuki.sessions.progress import STEPS, new_progress
from tsuzuki.settings import ProcessingSettings

INFO = {
    "width": 64,
    "height": 48,
    "duration": 1.0,
    "frame_rate": 24.0,
    "frame_count": 24,
    "codec_name": "h264",
    "size": 1000,
    "format": "mov",
}


@pytest.fixture
def progress():
    settings = ProcessingSettings(scale_factor=1.5, encoder="ffv1")
    made = new_progress("0123456789ab", "/v/a\x1b[31m[red].mp4", INFO, settings, fingerprint="f")
    made["steps"]["validate"].update(status="completed", progress=100.0)
    made["steps"]["upscale"].update(
        status="in_progress", progress=2.6, error="The disk is full. Free some space."
    )
    return made


def shown(renderable):
    screen = io.StringIO()
    Console(file=screen, width=120).print(renderable)
    return screen.getvalue()


def test_the_panel_shows_video_settings_and_the_four_steps(progress):
    text = shown(dialog.session_panel(progress, "An unfinished session was found"))
    assert "An unfinished session was found" in text
    assert "0123456789ab" in text
    assert "1.5x" in text
    assert "encoder ffv1" in text
    assert "The disk is full. Free some space." in text
    for title in map(step_title, STEPS):
        assert title in text
    assert "100.0 %" in text
    assert "2.6 %" in text


def test_a_hostile_name_is_neither_obeyed_nor_taken_for_markup(progress):
    text = shown(dialog.session_panel(progress, "x"))
    assert "\x1b" not in text
    assert "[red].mp4" in text


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("\n", "resume"),
        ("r\n", "resume"),
        ("RESTART\n", "restart"),
        ("s\n", "restart"),
        ("c\n", "cancel"),
        ("what?\n\n", "resume"),
        ("", "cancel"),
    ],
)
def test_answers(progress, monkeypatch, capsys, typed, answer):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert dialog.ask(progress) == answer
    out, err = capsys.readouterr()
    assert "An unfinished session was found" in err
    assert ("Answer r, s or c." in err) == typed.startswith("what")
    assert "0123456789ab" not in out


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, "--scale 2"),
        ({"scale_factor": 3, "range_end": "4.5"}, "--scale 3 --range 0-4.5"),
        ({"range_start": "90"}, "--scale 2 --range 90-"),
        (
            {"quality": "Fast", "noise_reduction": 0, "crf": 20, "keep_frames": True},
            "--scale 2 --quality Fast --noise-reduction 0 --crf 20.0 --keep-frames",
        ),
        (
            {"encoder_options": {"a": "1", "b": "2"}},
            "--scale 2 --encoder-option a=1 --encoder-option b=2",
        ),
        ({"engine": "nearest", "device": "cpu"}, "--scale 2 --engine nearest --device cpu"),
    ],
)
def test_settings_are_shown_as_the_options_that_give_them(settings, options):
    assert dialog.options_of(settings) == options


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [("y\n", True), ("Yes\n", True), ("\n", False), ("x\n", False), ("", False)],
)
def test_a_dangerous_question_is_answered_no_unless_the_person_says_yes(monkeypatch, typed, agreed):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert dialog.confirm("Remove it?") is agreed


def test_settings_that_are_not_told_are_at_their_defaults(progress):
    del progress["settings"]["noise_reduction"], progress["settings"]["quality"]
    text = shown(dialog.session_panel(progress, "A session"))
    assert "Balanced" in text
    assert " 3 " in text
