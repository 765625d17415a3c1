import io
import json

import pytest
from rich.console import Console

from tsuzuki.cli import display
from tsuzuki.pipeline import events as e

ID = "0123456789ab"
OPENED = e.SessionOpened(
    session_id=ID,
    video_file="/v/a\x1b[2J.mp4",
    output="/v/a_2x.mp4",
    folder="/s",
    resumed=True,
    frames_total=100,
    frames_done=40,
    settings={},
)
STARTED = e.StepStarted(session_id=ID, step="upscale")
PROGRESSED = e.StepProgressed(
    session_id=ID,
    step="upscale",
    progress=50.0,
    frames_done=50,
    frames_total=100,
    frames_per_second=2.5,
    eta=20.0,
    disk_used=3_000_000,
)
COMPLETED = e.StepCompleted(session_id=ID, step="upscale", seconds=61.0)
SKIPPED = e.StepSkipped(session_id=ID, step="extract")
AGAIN = e.ResumeReport(session_id=ID, frames_again=3)
WARNED = e.Warned(session_id=ID, code="x", message="The sound is short.")
RESTARTED = e.WorkerRestarted(session_id=ID, reason="It died.")
FINISHED = e.Finished(
    session_id=ID,
    output="/v/a_2x.mp4",
    frames=100,
    frames_computed=60,
    failed_frames=tuple(range(1, 13)),
    seconds=70.0,
    size=5_000_000,
    kept_frames="/s/frames",
    bit_identical=False,
)
SEALED = e.SegmentSealed(session_id=ID, segment=1, first=1, last=9, size=9, frames_computed=9)
ALL = [OPENED, SKIPPED, STARTED, PROGRESSED, SEALED, AGAIN, WARNED, RESTARTED, COMPLETED, FINISHED]


def test_json_is_one_event_a_line_and_nothing_else_on_stdout(capsys):
    with display.JsonLines() as shown:
        for event in ALL:
            shown.show(event)
        shown.say("Saving what is finished …")
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == [event.__struct_config__.tag for event in ALL]
    assert err == "Saving what is finished …\n"


def test_plain_lines_tell_each_change_of_step_and_the_end(capsys):
    with display.Lines() as shown:
        for event in ALL:
            shown.show(event)
    out, err = capsys.readouterr()
    assert out == "/v/a_2x.mp4\n"
    assert "40 of 100 frames are done and safe" in err
    assert "upscale: done in 1:01" in err
    assert "extract: done before" in err
    assert "50.0 %" not in err, "it is not ten seconds yet"
    assert "\x1b" not in err


def test_plain_lines_tell_progress_every_ten_seconds(capsys, monkeypatch):
    now = 100.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now)
    shown = display.Lines()
    for now in (109.0, 110.0, 111.0, 120.5):  # noqa: B007 - read by the clock above
        shown.show(PROGRESSED)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["upscale: 50.0 %, 50/100 frames, 0:20 left, 2.50 frames/s, 3.0 MB on disk"] * 2


def test_the_end_tells_everything_that_is_not_as_one_would_expect():
    text = display.sentence(FINISHED, frames_again=3)
    assert "100 frames, 5.0 MB, 60 computed in 1:10" in text
    assert "cost 3 frames computed again" in text
    assert "12 frames of the source could not be decoded" in text
    assert "Counted in the source: 1-12\n" in text
    assert "kept in /s/frames" in text
    assert "may differ from that of an uninterrupted run" in text


def test_bars_show_the_figures_and_end_full():
    shown = display.Bars()
    screen = io.StringIO()
    shown._console = shown._progress.live.console = Console(
        file=screen, force_terminal=True, width=120
    )
    with shown:
        for event in ALL:
            shown.show(event)
        tasks = {task.description: task for task in shown._progress.tasks}
    assert list(tasks) == ["validate", "extract", "upscale", "combine"]
    assert tasks["extract"].fields["figures"] == "done before"
    assert tasks["upscale"].percentage == 100.0
    text = screen.getvalue()
    assert "Note: The sound is short." in text
    assert "A worker was started anew" in text
    assert "a\x1b[2J.mp4" not in text


@pytest.mark.parametrize("event", ALL)
def test_every_event_can_be_shown_by_every_display(event, capsys):
    for kind in (display.JsonLines, display.Lines, display.Bars):
        with kind() as shown:
            shown.show(event)


def test_without_a_terminal_there_are_lines_and_with_json_json(monkeypatch):
    assert isinstance(display.display_for(json=False), display.Lines)
    assert isinstance(display.display_for(json=True), display.JsonLines)
    monkeypatch.setattr(display, "is_terminal", lambda: True)
    assert isinstance(display.display_for(json=False), display.Bars)
