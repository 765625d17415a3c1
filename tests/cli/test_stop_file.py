import json
import threading
import time

from tsuzuki.cli.display import JsonLines
from tsuzuki.cli.stop_file import cancel_on_file
from tsuzuki.pipeline import events

ID = "0123456789ab"


def sealed():
    return events.SegmentSealed(
        session_id=ID, segment=1, first=1, last=2, size=3, frames_computed=2
    )


def progressed(step, progress=1.0):
    return events.StepProgressed(session_id=ID, step=step, progress=progress)


def test_the_file_stops_the_run_at_once(tmp_path):
    cancel, file = threading.Event(), tmp_path / "stop"
    with cancel_on_file(file, cancel):
        assert not cancel.wait(0.3)
        file.write_text("now\n")
        assert cancel.wait(5)


def test_something_that_is_no_file_stops_it_too(tmp_path):
    cancel = threading.Event()
    (tmp_path / "stop").mkdir()
    with cancel_on_file(tmp_path / "stop", cancel):
        assert cancel.wait(5)


def test_the_word_segment_waits_for_the_end_of_one(tmp_path):
    for last in (sealed(), progressed("extract")):
        cancel, file = threading.Event(), tmp_path / "stop"
        file.write_text("segment")
        with cancel_on_file(file, cancel) as heard:
            time.sleep(0.4)
            heard(progressed("upscale"))
            heard(progressed("combine"))
            assert not cancel.is_set()
            heard(last)
            assert cancel.is_set()


def test_the_wish_can_be_taken_back(tmp_path):
    cancel, file = threading.Event(), tmp_path / "stop"
    file.write_text("segment")
    with cancel_on_file(file, cancel) as heard:
        time.sleep(0.4)
        file.unlink()
        time.sleep(0.4)
        heard(sealed())
        assert not cancel.is_set()


def test_without_a_file_nothing_is_watched():
    before = threading.active_count()
    with cancel_on_file(None, threading.Event()) as heard:
        heard(sealed())
        assert threading.active_count() == before


def test_a_run_ends_with_the_code_of_a_stop(child, clip, tmp_path):
    file = tmp_path / "stop"
    file.write_text("now")
    result = child(
        "upscale",
        clip,
        "--engine",
        "nearest",
        "--json",
        "--stop-file",
        file,
        "--segment-frames",
        "1",
    )
    assert result.code == 130
    assert json.loads(result.out.splitlines()[-1])["code"] == "cancelled"
    assert not clip.with_name("clip_2x.mp4").exists()


def test_progress_comes_no_more_often_than_asked_for(capsys):
    display = JsonLines(interval=60.0)
    for event in (progressed("upscale"), progressed("upscale", 2.0), sealed()):
        display.show(event)
    display.show(progressed("upscale", 100.0))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("progress") for line in lines] == [1.0, None, 100.0]
