from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tsuzuki.errors import ContainerError
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video import containers
from tsuzuki.video.containers import (
    check_streams,
    choose_container,
    container_of,
    template,
)
from tsuzuki.video.facts import SUFFIXES
from tsuzuki.video.probe import probe

HOLDS = {
    "x264": {"mp4", "mov", "mkv"},
    "x265": {"mp4", "mov", "mkv"},
    "svt-av1": {"mp4", "mkv", "webm"},
    "vp9": {"mp4", "mkv", "webm"},
    "prores": {"mov", "mkv"},
    "ffv1": {"mp4", "mkv"},
}


@pytest.mark.parametrize(("suffix", "container"), SUFFIXES.items())
def test_suffix_names_the_container(suffix, container):
    assert container_of(Path("a.b") / f"film{suffix.upper()}") == container


@pytest.mark.parametrize("name", ["film", "film.avi", "film.mp4.part"])
def test_unknown_suffix_lists_the_known_ones(name):
    with pytest.raises(ContainerError, match=r"\.mp4, .*\.webm"):
        container_of(Path(name))


@pytest.mark.parametrize("encoder", HOLDS)
@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm"])
def test_each_container_takes_the_encoders_it_can_hold(
    encoder, container, tmp_path, make_source, plan_for
):
    facts = probe(make_source(tmp_path / "silent.mp4"))
    plan = plan_for(facts, encoder, "mkv")
    if container in HOLDS[encoder]:
        assert check_streams(container, facts, plan) == []
        return
    with pytest.raises(ContainerError, match=f"{container} cannot hold the video") as caught:
        check_streams(container, facts, plan)
    assert set(caught.value.details["containers"]) == HOLDS[encoder]


def test_auto_keeps_the_source_container(plain, rich, plan_for):
    assert plan_for(plain).container == "mp4"
    assert plan_for(rich).container == "mkv"


def test_auto_falls_back_to_matroska(tmp_path, make_source, plan_for):
    webm = probe(make_source(tmp_path / "clip.mkv"))
    plan = plan_for(webm)
    auto = ProcessingSettings()
    assert choose_container(auto, _as(webm, "webm"), plan) == "mkv"  # it cannot hold x264
    assert choose_container(auto, _as(webm, "other"), plan) == "mkv"


def _as(facts, container):
    import msgspec

    return msgspec.structs.replace(facts, container=container)


@pytest.mark.parametrize("container", ["mp4", "mov", "webm"])
def test_a_stream_that_does_not_fit_is_named_with_the_container_that_can(container, rich, plan_for):
    plan = plan_for(rich, "svt-av1" if container == "webm" else "x264", "mkv")
    with pytest.raises(ContainerError, match="mkv") as caught:
        check_streams(container, rich, plan)
    assert "mkv" in caught.value.details["containers"]
    assert caught.value.details["stream"] is not None


@pytest.mark.parametrize(
    ("codec", "container", "why", "others"),
    [
        ("libopus", "mov", "opus only supported in MP4", ["mp4", "mkv"]),
        # Which the header does not tell: there the place of each sound is unknown.
        ("pcm_s16le", "mp4", "unsupported channel layout", ["mov", "mkv"]),
    ],
)
def test_what_a_container_cannot_hold_of_a_codec_is_told_before_the_work(
    tmp_path, make_source, plan_for, codec, container, why, others
):
    facts = probe(make_source(tmp_path / "clip.mkv", audio=(codec,)))
    with pytest.raises(ContainerError, match=why) as caught:
        check_streams(container, facts, plan_for(facts))
    assert caught.value.details["containers"] == others
    assert check_streams(others[0], facts, plan_for(facts))[0].code == "title-lost"


def test_many_streams_are_read_once_for_all_questions(tmp_path, make_source, plan_for, monkeypatch):
    """A packet of a subtitle may come late, and all before it has to be read."""
    source = make_source(tmp_path / "clip.mkv", audio=("aac", "pcm_s16le"), subtitles=("srt",) * 4)
    facts = probe(source)
    plan = plan_for(facts)
    read = []
    demux = containers.islice
    monkeypatch.setattr(containers, "islice", lambda *args: read.append(args) or demux(*args))
    containers._first_packets.cache_clear()
    for container in ("mkv", "mov"):
        check_streams(container, facts, plan)
    with pytest.raises(ContainerError, match="unsupported channel layout"):
        check_streams("mp4", facts, plan)
    assert len(read) == 1


def test_styled_subtitles_are_not_stripped_for_mp4(tmp_path, make_source, plan_for):
    facts = probe(make_source(tmp_path / "clip.mkv", subtitles=("ass",)))
    with pytest.raises(ContainerError, match=r"subtitle stream 1 \(ass\).*Choose mkv"):
        plan_for(facts, container="mp4")


def test_conversion_and_lost_titles_are_told(tmp_path, make_source, plan_for):
    source = make_source(
        tmp_path / "clip.mkv", audio=("aac",), subtitles=("srt",), video_title="Director's cut"
    )
    facts = probe(source)
    notes = check_streams("mp4", facts, plan_for(facts))
    assert [(note.code, note.stream) for note in notes] == [
        ("title-lost", 0),
        ("title-lost", 1),
        ("subtitle-converted", 2),
    ]
    assert check_streams("mkv", facts, plan_for(facts)) == []


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
def test_the_frame_that_headers_are_tried_with_is_black(plain, plan_for, replace, pixel_format):
    crowd = [np.full(1 << 18, 0xFFFF, np.uint16) for _ in range(20)]  # dirty the memory
    crowd.clear()
    with template(replace(plan_for(plain), pixel_format=pixel_format)) as stream:
        frame = next(stream.container.decode(stream))
    values = frame.to_ndarray(format="gray16le") >> 8
    assert values.max() <= 17


@pytest.mark.parametrize(
    ("encoder", "pixel_format", "told"),
    [
        ("x264", "yuv420p", ""),
        ("x264", "yuv420p10le", "10 bits of the source"),
        ("x264", "yuv422p", "4:2:2 colour of the source"),
        ("x264", "yuv444p10le", "4:4:4 colour and 10 bits of the source"),
        ("x265", "yuv420p10le", ""),
        ("x265", "yuv422p10le", "4:2:2 colour of the source"),
        ("svt-av1", "yuv420p10le", ""),
    ],
)
def test_what_hardware_hardly_plays_is_told(plain, plan_for, replace, encoder, pixel_format, told):
    plan = replace(plan_for(plain, encoder), pixel_format=pixel_format)
    notes = {n.code: n.message for n in check_streams("mkv", plain, plan)}
    assert told in notes.get("rarely-played", "")
    assert ("rarely-played" in notes) == bool(told)
    assert ("--encoder x265" in notes.get("rarely-played", "")) == told.startswith("10 bits")


def test_lost_pixel_shape_is_told(plain, plan_for, replace):
    plan = replace(plan_for(plain, "svt-av1"), sample_aspect_ratio=(8, 9))
    assert [n.code for n in check_streams("mkv", plain, plan)][:1] == ["aspect-lost"]
    assert check_streams("mp4", plain, plan) == []


@pytest.mark.parametrize("kind", ["pgs_subtitles", "vobsub"])
def test_bitmap_subtitles_keep_matroska(kind, media, plan_for):
    facts = probe(media / f"androidx_sample_with_{kind}.mkv")
    assert plan_for(facts).container == "mkv"
    with pytest.raises(ContainerError, match="mkv"):
        plan_for(facts, "svt-av1", "webm")
    with pytest.raises(ContainerError, match=r"subtitle stream 2 .*text subtitles only.*mkv"):
        plan_for(facts, container="mp4")
