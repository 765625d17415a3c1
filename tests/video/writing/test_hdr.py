from __future__ import annotations

import io
import struct

import av
import pytest

from tsuzuki.video import hdr
from tsuzuki.video.containers import check_streams
from tsuzuki.video.probe import probe
from tsuzuki.video.segment import SegmentEncoder

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


def test_ffv1_tells_the_loss(plain, plan_for, replace):
    plan = replace(plan_for(plain, "ffv1", "mkv"), extra={"light": "1000,400"})
    assert "hdr-lost" in [note.code for note in check_streams("mkv", plain, plan)]


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
