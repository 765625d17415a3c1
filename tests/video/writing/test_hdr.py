from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import pytest

from tsuzuki.video import hdr
from tsuzuki.video.combine import combine
from tsuzuki.video.containers import check_streams
from tsuzuki.video.probe import probe
from tsuzuki.video.segment import SegmentEncoder
from tsuzuki.video.verify import verify_output

BT2020_1000 = (
    "17/25 8/25 53/200 69/100 3/20 3/50 3127/10000 329/1000 1/10000 1000"  # R G B white, luminance
)


def side_data(path_or_file):
    with av.open(path_or_file) as container:
        frame = next(container.decode(video=0))
        names = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
        return {name: bytes(frame.side_data[name]) for name in names}


def test_source_without_hdr_has_none(plain, plan_for):
    assert plain.hdr == {}
    assert plan_for(plain).extra == {}


@pytest.mark.parametrize("encoder", ["x264", "x265", "svt-av1"])
def test_metadata_reaches_the_bitstream(encoder, plain, plan_for, replace):
    told = {"mastering": BT2020_1000, "light": "1000,400"}
    plan = plan_for(replace(plain, hdr=told), encoder, "mp4")
    assert plan.extra == told
    file = io.BytesIO()
    writer = SegmentEncoder(plan, file)
    writer.write_frame(av.VideoFrame(plan.width, plan.height, plan.pixel_format))
    writer.close()
    file.seek(0)
    found = side_data(file)
    assert hdr._light(found["CONTENT_LIGHT_LEVEL"]) == "1000,400"
    told = [eval(part) for part in hdr._mastering(found["MASTERING_DISPLAY_METADATA"]).split()]
    wanted = [eval(part) for part in BT2020_1000.split()]
    assert told == pytest.approx(wanted, abs=1e-4)


def test_pictures_tell_the_loss(plain, plan_for, replace):
    facts = replace(plain, hdr={"light": "1000,400"})
    assert "hdr-lost" in [n.code for n in check_streams("png", facts, plan_for(facts, "png"))]


@pytest.mark.parametrize(
    ("encoder", "container"),
    [
        ("x265", "mp4"),
        ("x265", "mov"),
        ("x265", "mkv"),
        ("x264", "mp4"),
        ("svt-av1", "mp4"),
        ("svt-av1", "webm"),
        ("vp9", "webm"),
        ("vp9", "mp4"),
        ("prores", "mov"),
        ("ffv1", "mkv"),
    ],
)
def test_the_container_has_it_by_itself(
    encoder, container, make_source, plan_for, replace, index_of, encode_segments, tmp_path
):
    plain = probe(make_source(tmp_path / "silent.mp4"))
    deep = replace(plain, hdr={"mastering": BT2020_1000, "light": "1000,400"})
    plan = plan_for(deep, encoder, container)
    index = index_of(plain)
    path = tmp_path / f"out.{container}"
    segments = encode_segments(plan, len(index), tmp_path)
    with path.open("wb") as file:
        combine(deep, index, segments, plan, file)
    verify_output(path, index, plan, deep)
    data = path.read_bytes()
    head = data if container in {"mp4", "mov"} else data[: data.index(_CLUSTER)]
    assert in_header(container, head) == pytest.approx(
        [*(float(Fraction(part)) for part in BT2020_1000.split()), 1000, 400], abs=1e-4
    )
    assert len(probe(path).hdr) == 2  # and the frames, whatever the codec


_CLUSTER = b"\x1f\x43\xb6\x75"


def in_header(container, head):
    """Read the metadata from the boxes of MP4 (ISO/IEC 14496-12) or the elements of Matroska.

    Red, green, blue, white, least and greatest luminance, greatest and mean light level.
    """
    if container in {"mp4", "mov"}:
        at = head.index(b"mdcv") + 4
        *green_blue_red_white, greatest, least = struct.unpack_from(">8H2I", head, at)
        g, b, r, w = (green_blue_red_white[n : n + 2] for n in (0, 2, 4, 6))
        colours = [value / 50000 for pair in (r, g, b, w) for value in pair]
        levels = struct.unpack_from(">2H", head, head.index(b"clli") + 4)
        return [*colours, least / 10000, greatest / 10000, *levels]
    mastering = head.index(b"\x55\xd0")

    def number(name):
        at = head.index(name, mastering)
        kind = {4: ">f", 8: ">d"}[head[at + 2] & 0x7F]
        return struct.unpack_from(kind, head, at + 3)[0]

    def level(name):
        at = head.index(name)
        return int.from_bytes(head[at + 3 : at + 3 + (head[at + 2] & 0x7F)], "big")

    colours = [number(bytes((0x55, 0xD1 + n))) for n in range(8)]
    luminance = [number(b"\x55\xda"), number(b"\x55\xd9")]
    return [*colours, *luminance, level(b"\x55\xbc"), level(b"\x55\xbd")]


def test_incomplete_metadata_is_none():
    ones = [1] * 20
    assert hdr._mastering(struct.pack("=22i", *ones, 1, 1)) == " ".join("1" * 10)
    assert hdr._mastering(struct.pack("=22i", *ones, 0, 1)) == ""
    assert hdr._mastering(struct.pack("=22i", *[0] * 20, 1, 1)) == ""
    assert hdr._mastering(b"short") == ""
    assert hdr._light(struct.pack("=2I", 0, 0)) == ""
    assert hdr._light(b"") == ""


def test_metadata_survives_a_first_packet_that_cannot_be_decoded(
    plain, plan_for, replace, tmp_path
):
    told = {"mastering": BT2020_1000, "light": "1000,400"}
    plan = plan_for(replace(plain, hdr=told), "x264", "mkv")
    keys = replace(plan, options=plan.options | {"g": "1"})
    path = tmp_path / "damaged.mkv"
    with path.open("wb") as file:
        writer = SegmentEncoder(keys, file)
        for _ in range(6):
            writer.write_frame(av.VideoFrame(plan.width, plan.height, plan.pixel_format))
        writer.close()
    assert list(probe(path).hdr) == ["mastering", "light"]
    with av.open(str(path)) as container:
        first = bytes(next(container.demux(video=0)))
    data = path.read_bytes()
    path.write_bytes(data.replace(first, b"\xff" * len(first)))
    with av.open(str(path)) as container, pytest.raises(av.FFmpegError):
        next(container.demux(video=0)).decode()
    facts = probe(path)
    assert facts.hdr["light"] == "1000,400"
    assert "mastering" in facts.hdr


@pytest.mark.parametrize("encoder", ["x265", "svt-av1"])
def test_real_clip_keeps_its_metadata(encoder, media, plan_for, encode_segments, tmp_path):
    path = media / "androidx_sample_with_colr_mdcv_and_clli.mp4"
    plan = plan_for(probe(path), encoder)
    (segment,) = encode_segments(plan, 1, tmp_path)
    before, after = side_data(str(path)), side_data(str(segment))
    assert after["CONTENT_LIGHT_LEVEL"] == before["CONTENT_LIGHT_LEVEL"]
    wanted, told = (
        [eval(part) for part in hdr._mastering(d["MASTERING_DISPLAY_METADATA"]).split()]
        for d in (before, after)
    )
    assert told == pytest.approx(wanted, abs=1e-4)
