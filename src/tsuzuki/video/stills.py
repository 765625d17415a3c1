"""Files of single frames: spooled ones, which are fast, and PNG, which everybody can look at.

Both are lossless and bound to their session and their name. Reading verifies every bit before
anything is decoded, so that a damaged or misplaced file is never taken for a frame.
"""

from __future__ import annotations

import hashlib
import io
import math
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from tsuzuki.durable import read_bounded
from tsuzuki.errors import SessionDamagedError
from tsuzuki.frame import Rgb
from tsuzuki.sessions.stamp import STAMP_BYTES, check_png, check_spooled, label_png, stamp
from tsuzuki.video.colour import format_depth, planes, rgb_frame
from tsuzuki.video.facts import Colour

SPOOL_FORMAT = "nut"
"""Container of spooled frames; Matroska takes none of the fast codecs for RGB."""
_CODECS = ("utvideo", "ffvhuff")
"""Fastest lossless codecs for 8 and for more bits; FFV1 is smaller and takes ten times as long."""

_SPARE = 1 << 20
"""Bytes that a file may have beyond four for each sample."""


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """The file is not what it should be."""


def write_encoded(file: BinaryIO, data: bytes, session_id: str, name: str) -> None:
    """Write what `encode_spooled` made to a file that is to be called ``name``."""
    _write_all(file, data)
    _write_all(file, stamp(data, session_id, name))


def encode_spooled(rgb: Rgb, colour: Colour) -> bytes:
    """Return a frame as it is spooled, but for what binds it to its file."""
    buffer = io.BytesIO()
    codec = _CODECS[format_depth(colour.rgb_format) > 8]
    with av.open(buffer, "w", format=SPOOL_FORMAT, options={"fflags": "+bitexact"}) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=Fraction(1)))
        stream.height, stream.width = rgb.shape[1:]
        stream.pix_fmt = colour.rgb_format
        _one_thread(stream.codec_context)
        container.mux(stream.encode(rgb_frame(rgb, colour.rgb_format)))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def read_spooled(path: Path, session_id: str, colour: Colour, width: int, height: int) -> Rgb:
    """Return a spooled frame of a session.

    Raises `SessionDamagedError` if the file is missing, damaged or another frame's, and
    `StorageError` if the disk fails.
    """
    shape = (3, height, width)
    data = _read(path, shape)
    try:
        check_spooled(io.BytesIO(data), session_id, path.name)
        return _decode_spooled(data[:-STAMP_BYTES], shape, colour.rgb_format)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def write_png(file: BinaryIO, rgb: Rgb, colour: Colour, session_id: str, name: str) -> None:
    """Write a frame as PNG of 8 or 16 bits to a file that is to be called ``name``.

    Samples of more than 8 bits are shifted up to 16, so that the frame has its natural brightness.
    """
    deep = rgb.dtype == np.uint16
    shift = 16 - format_depth(colour.rgb_format) if deep else 0
    frame = rgb_frame(cast(Rgb, rgb << shift) if shift else rgb, "gbrp16le" if deep else "gbrp")
    data = encode_png(frame.reformat(format="rgb48be" if deep else "rgb24"))
    _write_all(file, label_png(data, session_id, name, _digest(rgb)))


def read_png(path: Path, session_id: str, colour: Colour, width: int, height: int) -> Rgb:
    """Return a frame of a session from a PNG that `write_png` wrote.

    Raises `SessionDamagedError` if the file is missing, damaged or another frame's, and
    `StorageError` if the disk fails.
    """
    shape, bits = (3, height, width), format_depth(colour.rgb_format)
    data = _read(path, shape)
    try:
        facts = check_png(io.BytesIO(data), session_id, path.name)
        if (facts.height, facts.width) != shape[1:]:
            raise _Unreadable("its size is another")
        rgb = _decode_png(data, deep=bits > 8)
        if bits > 8:
            rgb = cast(Rgb, rgb >> 16 - bits)
        if _digest(rgb) != facts.digest:
            raise _Unreadable("its samples do not agree with their digest")
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return rgb


_DAMAGE = (
    _Unreadable,
    av.error.FFmpegError,
    EOFError,
    ValueError,
    IndexError,
)


def _digest(rgb: Rgb) -> str:
    digest = hashlib.blake2b(f"{rgb.shape} {rgb.dtype.str}".encode(), digest_size=32)
    digest.update(np.ascontiguousarray(rgb).data)
    return digest.hexdigest()


def _damaged(path: Path, error: BaseException) -> SessionDamagedError:
    return SessionDamagedError(
        f"The frame in '{path}' is damaged and was not used ({error}). `tsuzuki resume` sets "
        "it aside and computes the frame again.",
        path=str(path),
    )


def _read(path: Path, shape: tuple[int, int, int]) -> bytes:
    """Return the contents of a file that is not much larger than its frame."""
    try:
        return read_bounded(path, 4 * math.prod(shape) + _SPARE)
    except FileNotFoundError as error:
        raise _damaged(path, error) from error


def _write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _one_thread(codec: VideoCodecContext) -> None:
    codec.thread_type = "NONE"
    codec.thread_count = 1


def _decode_spooled(data: bytes, shape: tuple[int, int, int], rgb_format: str) -> Rgb:
    with av.open(io.BytesIO(data), "r", format=SPOOL_FORMAT) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        if codec.name not in _CODECS or (codec.height, codec.width) != shape[1:]:
            raise _Unreadable("it holds something else than a frame of this size")
        _one_thread(codec)
        frame = next(iter(container.decode(stream)), None)
    if frame is None or frame.format.name != rgb_format:
        raise _Unreadable("it holds no whole frame")
    return planes(frame)


def encode_png(frame: av.VideoFrame) -> bytes:
    """Return a frame as PNG, quickly rather than small."""
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, frame.format.name
    codec.time_base = Fraction(1)
    codec.options = {"compression_level": "1", "pred": "up"}
    _one_thread(codec)
    frame.pts = None
    return b"".join(
        bytes(cast(bytes, packet)) for packet in (*codec.encode(frame), *codec.encode())
    )


def _decode_png(data: bytes, *, deep: bool) -> Rgb:
    codec = av.CodecContext.create("png", "r")
    _one_thread(codec)
    frames = [*codec.decode(av.Packet(data)), *codec.decode(None)]
    if len(frames) != 1 or frames[0].format.name != ("rgb48be" if deep else "rgb24"):
        raise _Unreadable("it holds no whole frame")
    return planes(frames[0].reformat(format="gbrp16le" if deep else "gbrp"))
