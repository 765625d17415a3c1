from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki.errors import DamagedVideoError, InputError, UnsupportedVideoError
from tsuzuki.video.orientation import Orientation
from tsuzuki.video.probe import probe, video_info


def still(
    path: Path, tags: dict[str, int], pixel_format: str = "yuv420p", codec: str = "ffv1"
) -> Path:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        frame = av.VideoFrame(64, 48, pixel_format)
        for plane in frame.planes:
            np.frombuffer(plane, np.uint8)[:] = 64
        for name, value in tags.items():
            setattr(frame, name, value)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_facts_of_a_plain_clip(clip: Callable[[str], Path]) -> None:
    facts = probe(clip("open.mp4"))
    assert (facts.width, facts.height, facts.codec) == (64, 48, "h264")
    assert (facts.container, facts.frame_rate, facts.frame_count) == ("mp4", (25, 1), 400)
    assert facts.duration == pytest.approx(16)
    assert facts.size == clip("open.mp4").stat().st_size
    assert facts.sample_aspect_ratio == (1, 1)
    assert not facts.interlaced
    assert not facts.warnings
    assert [s.kind for s in facts.streams] == ["video"]
    info = video_info(facts)
    assert (info["frame_rate"], info["codec_name"], info["frame_count"]) == (25.0, "h264", 400)


@pytest.mark.parametrize(
    ("name", "container"),
    [("intra.mov", "mov"), ("idr.mkv", "mkv"), ("hidden.webm", "webm"), ("open.ts", "other")],
)
def test_containers(clip: Callable[[str], Path], name: str, container: str) -> None:
    assert probe(clip(name)).container == container


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of any bytes")
def test_a_name_that_is_no_unicode_is_refused(clip: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.mp4")
    path.write_bytes(clip("open.mp4").read_bytes())
    with pytest.raises(InputError, match="Rename the file"):
        probe(path)


def test_interlacing_is_seen(clip: Callable[[str], Path]) -> None:
    assert probe(clip("woven.ts")).interlaced


def test_tags_are_believed(tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
    colour = probe(still(tmp_path / "hdr.mkv", tags, "yuv420p10le")).colour
    assert (colour.matrix, colour.primaries, colour.transfer) == (9, 9, 16)
    assert (colour.depth, colour.rgb_format, colour.white) == (10, "gbrp12le", 4080)
    assert set(colour.guessed) <= {"chroma_location"}
    assert colour.tags == (9, 9, 16, 1)


def test_guesses_are_named(tmp_path: Path) -> None:
    colour = probe(still(tmp_path / "plain.mkv", {})).colour
    assert (colour.matrix, colour.full_range) == (6, False)
    assert {"matrix", "primaries", "transfer", "full_range"} <= set(colour.guessed)


def test_alpha_is_told(tmp_path: Path) -> None:
    assert probe(still(tmp_path / "alpha.mkv", {}, "yuva420p")).alpha
    assert not probe(still(tmp_path / "plain.mkv", {})).alpha


def test_matrix_that_cannot_be_converted_is_refused_by_name(tmp_path: Path) -> None:
    path = still(tmp_path / "odd.mkv", {"colorspace": 8})
    with pytest.raises(UnsupportedVideoError, match="YCgCo"):
        probe(path)


def test_rotation_stays_a_tag(tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(90)
        out.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux(stream.encode(None))
    facts = probe(path)
    assert (facts.width, facts.height) == (64, 48)
    assert facts.rotation in {90, 270}


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_turns_and_mirrors_are_told_apart(
    tmp_path: Path, turn: int, *, mirrored: bool, suffix: str
) -> None:
    path = tmp_path / f"turned.{suffix}"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(turn, hflip=mirrored)
        out.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux(stream.encode(None))
    facts = probe(path)
    assert (facts.rotation, facts.mirrored) == (turn, mirrored)


def test_an_orientation_turns_first_and_mirrors_then() -> None:
    picture = np.arange(6).reshape(1, 2, 3)
    assert Orientation(90, mirrored=True).of(picture)[0].tolist() == [[5, 2], [4, 1], [3, 0]]
    assert np.array_equal(Orientation().of(picture), picture)


def test_video_without_one_frame(tmp_path: Path, clip: Callable[[str], Path]) -> None:
    data = bytearray(clip("open.mp4").read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    (tmp_path / "blank.mp4").write_bytes(data)
    with pytest.raises(DamagedVideoError, match="Not one frame"):
        probe(tmp_path / "blank.mp4")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bbb_everything.mkv", {"chapters": 2, "codec": "h264", "stream": 0}),
        ("elf_rot90.mp4", {"rotation": 90}),
        ("elf_sar8x9.mp4", {"sample_aspect_ratio": (8, 9)}),
        ("bbb_480i_tff.ts", {"interlaced": True, "sample_aspect_ratio": (8, 9)}),
        ("androidx_sample.flv", {"frame_rate": (60, 1)}),
        ("androidx_sample_av1.mp4", {"codec": "av1"}),
    ],
)
def test_real_clips(media: Path, name: str, expected: dict[str, Any]) -> None:
    facts = probe(media / name)
    assert {key: getattr(facts, key) for key in expected} == expected


def test_cover_art_is_not_the_video(media: Path) -> None:
    facts = probe(media / "bbb_everything.mkv")
    assert [s.cover_art for s in facts.streams].count(True) == 1
    assert [s.language for s in facts.streams if s.kind == "audio"] == ["eng", "deu"]
    assert facts.streams[2].title == "Kommentar"
