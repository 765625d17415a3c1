from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tsuzuki.video.probe import probe

_CAPTION = b"\0\0\1\xb2GA94\x03\x41\xff\xfc\x80\x80\xff"
"""User data of a picture that holds one pair of CEA-608 (ATSC A/53, part 4)."""
_FIRST_SLICE = b"\0\0\1\1"
_PICTURE = np.random.default_rng(1).integers(0, 255, (72, 64), np.uint8)


def write(path: Path, codec: str, options: dict[str, str], user_data: bytes = b"") -> Path:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in [*range(4), None]:
            frame = None
            if number is not None:
                # Made of nothing but new memory, the frames would be whatever that held.
                frame = av.VideoFrame.from_ndarray(_PICTURE, "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 25)
            for packet in stream.encode(frame):
                data = bytes(packet).replace(_FIRST_SLICE, user_data + _FIRST_SLICE, 1)
                copy: Any = av.Packet(data)
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                out.mux(copy)
    return path


def test_captions_in_the_picture_are_told(tmp_path: Path) -> None:
    plain, told = (
        probe(write(tmp_path / f"{len(data)}.ts", "mpeg2video", {}, data)).warnings
        for data in (b"", _CAPTION)
    )
    assert not plain
    assert [warning for warning in told if "closed captions" in warning] == list(told)


def test_a_picture_for_two_eyes_is_told(tmp_path: Path) -> None:
    options = {"threads": "1", "x264-params": "frame-packing=3:log-level=none"}
    (told,) = probe(write(tmp_path / "both.mkv", "libx264", options)).warnings
    assert "both eyes" in told


def test_a_plain_clip_has_nothing_to_tell(clip: Callable[[str], Path]) -> None:
    assert probe(clip("open.ts")).warnings == ()
