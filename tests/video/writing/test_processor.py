from __future__ import annotations

from pathlib import Path

import pytest

from tsuzuki.errors import ContainerError
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.processor import VideoProcessor, decide_encoding

AUTO = ProcessingSettings(preset="veryfast")


@pytest.mark.parametrize("output", [None, "film.mp4", "film.m4v"])
def test_settings_stay_where_the_output_asks_for_nothing_else(plain, output):
    settings, plan = decide_encoding(plain, AUTO, output and Path(output))
    assert settings == AUTO
    assert (plan.container, plan.width, plan.height) == ("mp4", 128, 96)


def test_the_suffix_of_the_output_chooses_the_container(plain):
    settings, plan = decide_encoding(plain, AUTO, Path("film.mkv"))
    assert (settings.container, plan.container) == ("mkv", "mkv")
    assert decide_encoding(plain, settings, None) == (settings, plan)


def test_a_suffix_and_a_container_that_disagree_are_refused(plain):
    with pytest.raises(ContainerError, match=r"film\.mkv does not end in mp4"):
        decide_encoding(plain, ProcessingSettings(container="mp4"), Path("film.mkv"))


def test_a_container_that_cannot_hold_the_video_is_refused(plain):
    with pytest.raises(ContainerError, match="webm cannot hold"):
        decide_encoding(plain, AUTO, Path("film.webm"))


def test_a_change_of_the_container_is_told_unless_it_was_asked_for(plain, replace):
    other = replace(plain, container="other")
    for output, codes in ((None, ["container-changed"]), ("film.mp4", [])):
        settings, plan = decide_encoding(other, AUTO, output and Path(output))
        notes = VideoProcessor(other, settings).losses(plan)
        assert [note.code for note in notes] == codes


@pytest.mark.parametrize(
    ("chosen", "advice"),
    [
        ({"pixel_format": "yuv420p"}, "--pixel-format yuv420p10le"),
        ({"encoder": "png", "container": "png", "pixel_format": "rgb24"}, "leave --pixel-format"),
    ],
)
def test_a_loss_of_depth_names_the_pixel_format_and_what_keeps_it(plain, replace, chosen, advice):
    deep = replace(plain, colour=replace(plain.colour, depth=10, transfer=16))
    settings, plan = decide_encoding(deep, ProcessingSettings(**chosen), None)
    notes = {note.code: note.message for note in VideoProcessor(deep, settings).losses(plan)}
    assert advice in notes["depth-lost"]
    assert f"({plan.pixel_format})" in notes["depth-lost"]
    assert "HDR shows bands" in notes["depth-lost"]


@pytest.mark.parametrize(
    ("chosen", "timecode", "lost"),
    [
        ({}, "01:00:00:00", False),
        ({"fps": "12"}, "01:00:00:00", True),
        ({"deinterlace": "ivtc"}, "01:00:00:00", True),
        ({"encoder": "png", "container": "png"}, "01:00:00:00", True),
        ({}, "noon", True),
    ],
)
def test_the_loss_of_a_timecode_is_told(plain, replace, chosen, timecode, lost):
    timed = replace(plain, timecode=timecode)
    settings, plan = decide_encoding(timed, ProcessingSettings(**chosen), None)
    codes = [note.code for note in VideoProcessor(timed, settings).losses(plan)]
    assert ("timecode-lost" in codes) == lost
