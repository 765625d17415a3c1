from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys

import av
import msgspec
import numpy as np
import pytest

from tsuzuki.errors import EncoderError, StorageError
from tsuzuki.settings import SOFTWARE_ENCODERS
from tsuzuki.video.segment import SegmentEncoder, read_back

CHILD = """
import hashlib, io, sys
import msgspec, numpy as np
from tsuzuki.video.facts import EncodePlan
from tsuzuki.video.segment import SegmentEncoder
plan = msgspec.json.decode(sys.stdin.buffer.read(), type=EncodePlan)
file = io.BytesIO()
encoder = SegmentEncoder(plan, file)
for number in range(14):
    noise = np.random.default_rng(number // 3).integers(0, 255, (3, plan.height, plan.width))
    encoder.write(noise.astype(np.uint8))
encoder.close()
print(hashlib.sha256(file.getvalue()).hexdigest())
"""


def encode(plan, frames):
    file = io.BytesIO()
    encoder = SegmentEncoder(plan, file)
    for number in range(frames):
        noise = np.random.default_rng(number // 3).integers(0, 255, (3, plan.height, plan.width))
        encoder.write(noise.astype(np.uint8))
    encoder.close()
    return file.getvalue()


def header(data):
    with av.open(io.BytesIO(data)) as container:
        return container.streams.video[0].codec_context.extradata


@pytest.mark.parametrize("name", SOFTWARE_ENCODERS)
def test_two_processes_give_equal_bytes(name, plain, plan_for):
    plan = plan_for(plain, name, "mkv")
    here = encode(plan, 14)
    there = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=msgspec.json.encode(plan),
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert there.stdout.decode().split()[-1] == hashlib.sha256(here).hexdigest()


@pytest.mark.parametrize("name", SOFTWARE_ENCODERS)
@pytest.mark.parametrize("frames", [1, 2, 13])
def test_segment_has_every_frame_once_and_starts_with_a_key_frame(name, frames, plain, plan_for):
    plan = plan_for(plain, name, "mkv")
    data = encode(plan, frames)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        times = sorted(p.pts * p.time_base for p in packets)  # NUT shifts them, its dts being >= 0
        assert [round(1000 * (t - times[0])) for t in times] == [n * 40 for n in range(frames)]
        assert packets[0].is_keyframe
        context = stream.codec_context
        assert (context.width, context.height) == (plan.width, plan.height)
    with av.open(io.BytesIO(data)) as container:
        assert sum(1 for _ in container.decode(video=0)) == frames


def test_header_does_not_depend_on_the_frames(plain, plan_for):
    for name in SOFTWARE_ENCODERS:
        plan = plan_for(plain, name, "mkv")
        assert header(encode(plan, 1)) == header(encode(plan, 13))


def test_bitstream_carries_colour_and_pixel_shape(plain, plan_for, replace):
    plan = replace(plan_for(plain), matrix=9, primaries=9, transfer=16, sample_aspect_ratio=(8, 9))
    data = encode(plan, 2)
    with av.open(io.BytesIO(data)) as container:
        context = container.streams.video[0].codec_context
        tags = (context.colorspace, context.color_primaries, context.color_trc)
        assert tags == (9, 9, 16)
        assert context.color_range == 1
        frame = next(container.decode(video=0))
        assert int(frame.colorspace) == 9
        assert context.sample_aspect_ratio == pytest.approx(8 / 9)


def test_ffv1_gives_back_the_very_pixels(plain, plan_for, replace):
    plan = replace(plan_for(plain, "ffv1", "mkv"), pixel_format="bgr0", matrix=0, full_range=True)
    rgb = np.random.default_rng(3).integers(0, 255, (3, plan.height, plan.width)).astype(np.uint8)
    file = io.BytesIO()
    encoder = SegmentEncoder(plan, file)
    encoder.write(rgb)
    encoder.close()
    with av.open(io.BytesIO(file.getvalue())) as container:
        back = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.array_equal(back.transpose(2, 0, 1), rgb)


def test_unknown_option_is_refused(plain, plan_for, replace):
    plan = plan_for(plain)
    odd = replace(plan, options=plan.options | {"no-such-option": "1"})
    with pytest.raises(EncoderError, match="no-such-option"):
        SegmentEncoder(odd, io.BytesIO())


class Failing(io.BytesIO):
    """Keeps the error of a write and pretends that all went well."""

    error: Exception | None = None

    def write(self, data):
        self.error = OSError(28, "No space left on device")
        return len(data)


def test_error_kept_by_the_file_ends_the_segment(plain, plan_for):
    encoder = SegmentEncoder(plan_for(plain), Failing())
    encoder.write(np.zeros((3, 96, 128), np.uint8))
    with pytest.raises(OSError, match="No space left"):
        encoder.close()


def test_read_back_finds_every_cut(plain, plan_for, tmp_path):
    data = encode(plan_for(plain), 13)
    path = tmp_path / "segment.mkv"
    path.write_bytes(data)
    read_back(path, 13)
    with pytest.raises(StorageError, match="13 packets instead of 12"):
        read_back(path, 12)
    for length in (0, 40, len(data) // 2, len(data) * 3 // 4):
        path.write_bytes(data[:length])
        with pytest.raises(StorageError, match="damaged right after"):
            read_back(path, 13)
