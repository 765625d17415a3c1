"""Files of single frames: spooled ones, which are fast, and PNG, which everybody can look at.

Both are lossless and hold the session, the number of the frame and a digest over these and the
samples. Reading verifies all of it, so that a damaged or misplaced file is never taken for a frame.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import zlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import msgspec
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from tsuzuki.durable import read_bounded
from tsuzuki.errors import SessionDamagedError
from tsuzuki.frame import Rgb
from tsuzuki.video.colour import format_depth, planes, rgb_frame
from tsuzuki.video.facts import Colour

SPOOL_FORMAT = "nut"
"""Container of spooled frames; Matroska takes none of the fast codecs for RGB."""
_CODECS = ("utvideo", "ffvhuff")
"""Fastest lossless codecs for 8 and for more bits; FFV1 is smaller and takes ten times as long."""

_KEY = "tsuzuki"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SPARE = 1 << 20
"""Bytes that a file may have beyond four for each sample."""


class _Label(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says about itself."""

    session: str
    frame: int
    digest: str


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """The file is not what it should be."""


def write_spooled(file: BinaryIO, rgb: Rgb, colour: Colour, session_id: str, number: int) -> None:
    """Write a frame to a file opened for writing bytes, quickly and without loss."""
    label = _Label(session=session_id, frame=number, digest=_digest(rgb, session_id, number))
    buffer = io.BytesIO()
    codec = _CODECS[format_depth(colour.rgb_format) > 8]
    with av.open(buffer, "w", format=SPOOL_FORMAT, options={"fflags": "+bitexact"}) as container:
        container.metadata[_KEY] = msgspec.json.encode(label).decode()
        stream = cast(VideoStream, container.add_stream(codec, rate=Fraction(1)))
        stream.height, stream.width = rgb.shape[1:]
        stream.pix_fmt = colour.rgb_format
        _one_thread(stream.codec_context)
        container.mux(stream.encode(rgb_frame(rgb, colour.rgb_format)))
        container.mux(stream.encode(None))
    _write_all(file, buffer.getbuffer())


def read_spooled(
    path: Path, session_id: str, number: int, colour: Colour, width: int, height: int
) -> Rgb:
    """Return the spooled frame ``number`` of a session.

    Raises `SessionDamagedError` if the file is missing, damaged or another frame's, and
    `StorageError` if the disk fails.
    """
    shape = (3, height, width)
    data = _read(path, shape)
    try:
        label, rgb = _decode_spooled(data, shape, colour.rgb_format)
        _verify(label, rgb, session_id, number, shape)
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return rgb


def write_png(file: BinaryIO, rgb: Rgb, colour: Colour, session_id: str, number: int) -> None:
    """Write a frame as PNG of 8 or 16 bits to a file opened for writing bytes.

    Samples of more than 8 bits are shifted up to 16, so that the frame has its natural brightness.
    """
    deep = rgb.dtype == np.uint16
    shift = 16 - format_depth(colour.rgb_format) if deep else 0
    label = _Label(session=session_id, frame=number, digest=_digest(rgb, session_id, number))
    frame = rgb_frame(cast(Rgb, rgb << shift) if shift else rgb, "gbrp16le" if deep else "gbrp")
    data = _encode_png(frame.reformat(format="rgb48be" if deep else "rgb24"))
    head = len(_SIGNATURE) + 25  # signature and IHDR
    text = _KEY.encode() + b"\0" + msgspec.json.encode(label)
    _write_all(file, b"".join((data[:head], _chunk(b"tEXt", text), data[head:])))


def read_png(
    path: Path, session_id: str, number: int, colour: Colour, width: int, height: int
) -> Rgb:
    """Return frame ``number`` of a session from a PNG that `write_png` wrote.

    Raises `SessionDamagedError` if the file is missing, damaged or another frame's, and
    `StorageError` if the disk fails.
    """
    shape, bits = (3, height, width), format_depth(colour.rgb_format)
    data = _read(path, shape)
    try:
        label = _png_label(data, shape)
        rgb = _decode_png(data, deep=bits > 8)
        if bits > 8:
            rgb = cast(Rgb, rgb >> 16 - bits)
        _verify(label, rgb, session_id, number, shape)
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return rgb


_DAMAGE = (
    _Unreadable,
    av.error.FFmpegError,
    EOFError,
    ValueError,
    IndexError,
    KeyError,
    struct.error,
    msgspec.DecodeError,
)


def _digest(rgb: Rgb, session_id: str, number: int) -> str:
    digest = hashlib.blake2b(digest_size=32)
    digest.update(f"{session_id} {number} {rgb.shape} {rgb.dtype.str}".encode())
    digest.update(np.ascontiguousarray(rgb).data)
    return digest.hexdigest()


def _verify(
    label: _Label, rgb: Rgb, session_id: str, number: int, shape: tuple[int, int, int]
) -> None:
    if (label.session, label.frame) != (session_id, number):
        raise _Unreadable(f"it is frame {label.frame} of session {label.session[:12]!r}")
    if rgb.shape != shape:
        raise _Unreadable(f"its frame is {rgb.shape}, not {shape}")
    if _digest(rgb, session_id, number) != label.digest:
        raise _Unreadable("its samples do not match their digest")


def _damaged(path: Path, error: BaseException) -> SessionDamagedError:
    return SessionDamagedError(
        f"The frame in '{path}' is damaged and was not used ({error}). Move the file aside and "
        "resume; the frame is then computed again.",
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


def _decode_spooled(
    data: bytes, shape: tuple[int, int, int], rgb_format: str
) -> tuple[_Label, Rgb]:
    with av.open(io.BytesIO(data), "r", format=SPOOL_FORMAT) as container:
        label = msgspec.json.decode(container.metadata[_KEY], type=_Label)
        stream = container.streams.video[0]
        codec = stream.codec_context
        if codec.name not in _CODECS or (codec.height, codec.width) != shape[1:]:
            raise _Unreadable("it holds something else than a frame of this size")
        _one_thread(codec)
        frame = next(iter(container.decode(stream)), None)
    if frame is None or frame.format.name != rgb_format:
        raise _Unreadable("it holds no whole frame")
    return label, planes(frame)


def _encode_png(frame: av.VideoFrame) -> bytes:
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


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk: length, kind, data, CRC-32 of kind and data (ISO/IEC 15948, 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += size + 12


def _png_label(data: bytes, shape: tuple[int, int, int]) -> _Label:
    """Return the label of a PNG, having checked its size before anything is unpacked."""
    if not data.startswith(_SIGNATURE):
        raise _Unreadable("it is no PNG")
    chunks = iter(_chunks(data))
    kind, head = next(chunks, (b"", b""))
    if kind != b"IHDR" or struct.unpack_from(">II", head) != (shape[2], shape[1]):
        raise _Unreadable("its size is another")
    for kind, text in chunks:
        if kind == b"tEXt" and text.startswith(_KEY.encode() + b"\0"):
            return msgspec.json.decode(text[len(_KEY) + 1 :], type=_Label)
    raise _Unreadable("it does not say which frame it is")
