"""HEVC clips with the dynamic HDR metadata of Dolby Vision and HDR10+ in their bitstream."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

_UNSPECIFIED_62, _PREFIX_SEI = 62, 39
"""Types of the NAL units that hold the one and the other."""


class Bits:
    """Bits written one after the other, as ITU-T H.265 names the ways to write numbers."""

    def __init__(self) -> None:
        self._bits = ""

    def u(self, count: int, value: int = 0) -> Bits:
        self._bits += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> Bits:
        for value in values:
            bits = f"{value + 1:b}"
            self._bits += "0" * (len(bits) - 1) + bits
        return self

    def to_bytes(self) -> bytes:
        padded = self._bits + "0" * (-len(self._bits) % 8)
        return int(padded, 2).to_bytes(len(padded) // 8, "big")


def rpu(profile: int) -> bytes:
    """Return a NAL unit with the metadata of Dolby Vision that leaves every colour as it is."""
    bits = Bits().u(6, 2).u(11, 18).u(4, 0 if profile == 5 else 1).u(4).u(1, 1).u(1).u(2)
    bits.ue(23).u(2, 1).u(1, profile == 5)  # full range
    bits.ue(2, 2, 4).u(1).u(3).u(1).u(1, 1).u(1).u(1)  # 10, 10, 12 bits, no residual
    bits.ue(0, 0, 0)
    for _ in range(3):
        bits.ue(0).u(10, 0).u(10, 1023)
    bits.ue(0, 0)
    for _ in range(3):
        bits.ue(0, 0).u(1).ue(0).u(23).ue(1).u(23)
    payload = bits.to_bytes()
    return _nal(_UNSPECIFIED_62, b"\x19" + payload + _crc(payload).to_bytes(4, "big") + b"\x80")


def hdr10_plus() -> bytes:
    """Return a NAL unit with the metadata of HDR10+ (SMPTE ST 2094-40)."""
    bits = Bits().u(8, 0xB5).u(16, 0x3C).u(16, 1).u(8, 4).u(8, 1).u(2, 1).u(27, 400).u(1)
    bits.u(17, 50_000).u(17, 50_000).u(17, 50_000).u(17, 9_000).u(4, 1).u(7, 50).u(17, 8_000)
    bits.u(10, 10).u(1).u(1).u(1)
    payload = bits.to_bytes()
    return _nal(_PREFIX_SEI, bytes([4, len(payload)]) + payload + b"\x80")


def make_clip(path: Path, *kinds: Callable[[], bytes], frames: int = 6) -> Path:
    """Encode a 10-bit PQ clip, 64x48; the kinds of NAL unit go into every frame."""
    options = {"preset": "ultrafast", "x265-params": "log-level=none:bframes=0:info=0"}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx265", rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, 16
        for number in [*range(frames), None]:
            frame = None if number is None else _frame(number)
            for packet in stream.encode(frame):
                container.mux_one(_with(packet, [kind() for kind in kinds], stream))
    return path


def _frame(number: int) -> av.VideoFrame:
    picture = np.full((48, 64, 3), 40, np.uint8)
    picture[8 + number : 24 + number, 8:40] = 200
    frame = av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p10le")
    frame.pts, frame.time_base = number, Fraction(1, 24)
    return frame


def _with(packet: Any, units: list[bytes], stream: Any) -> Any:
    before = [unit for unit in units if unit[4] >> 1 == _PREFIX_SEI]
    after = [unit for unit in units if unit not in before]
    new = av.Packet(_put_before_picture(bytes(packet), before) + b"".join(after))
    new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
    new.duration, new.is_keyframe, new.stream = packet.duration, packet.is_keyframe, stream
    return new


def _put_before_picture(data: bytes, units: list[bytes]) -> bytes:
    at = 0
    while (data[data.index(b"\0\0\1", at) + 3] >> 1) > 31:  # 0 to 31 are parts of pictures
        at = data.index(b"\0\0\1", at) + 3
    at = data.index(b"\0\0\1", at)
    at -= data[at - 1 : at] == b"\0"
    return data[:at] + b"".join(units) + data[at:]


def _nal(kind: int, payload: bytes) -> bytes:
    escaped = bytearray()
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return b"\0\0\0\1" + bytes([kind << 1, 1]) + bytes(escaped)


def _crc(data: bytes) -> int:
    """CRC-32/MPEG-2."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
            crc &= 0xFFFFFFFF
    return crc
