"""By what a file of a single frame shows which frame it is, and that no bit of it has changed.

A spooled frame ends with a stamp: the length of what comes before, and a digest over that, the
session and the file's name. A PNG has a checksum in every chunk, and a text that names the session,
the file and a digest of the samples. Nothing is decoded here.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from tsuzuki.durable import open_regular, storage_errors
from tsuzuki.sessions.layout import SPOOLED
from tsuzuki.sessions.sealed import NotSealedError

_STAMP = struct.Struct(">Q32s")
STAMP_BYTES = _STAMP.size
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">II5s")
"""Width, height and the rest of the first chunk."""
_LABEL_AT = len(SIGNATURE) + 12 + _HEAD.size
_PNG_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
_KEY = b"tsuzuki\0"
_PIECE = 1 << 20


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What a PNG says about itself."""

    session: str
    name: str
    """Of the file; so no extracted frame is taken for an upscaled one."""
    digest: str
    """Of the samples."""


class PngFacts(NamedTuple):
    """What a sound PNG says."""

    width: int
    height: int
    digest: str


def stamp(data: bytes | memoryview, session_id: str, name: str) -> bytes:
    """Return what has to follow the bytes of a spooled frame in the file ``name``."""
    return _STAMP.pack(len(data), _digest(session_id, name, data).digest())


def check_spooled(file: BinaryIO, session_id: str, name: str) -> None:
    """Raise `NotSealedError` unless the file has every bit that was written under this name."""
    left = file.seek(0, os.SEEK_END) - STAMP_BYTES
    _check_length(file, left)
    file.seek(0)
    digest = _digest(session_id, name)
    while left and (piece := file.read(min(left, _PIECE))):
        digest.update(piece)
        left -= len(piece)
    if _STAMP.unpack(_exactly(file, STAMP_BYTES))[1] != digest.digest():
        raise NotSealedError("it has changed since it was written, or is another frame's")


def label_png(data: bytes, session_id: str, name: str, digest: str) -> bytes:
    """Put into a PNG which frame it is; ``digest`` is that of its samples."""
    label = msgspec.json.encode(Label(session=session_id, name=name, digest=digest))
    return b"".join((data[:_LABEL_AT], png_chunk(b"tEXt", _KEY + label), data[_LABEL_AT:]))


def check_png(file: BinaryIO, session_id: str, name: str) -> PngFacts:
    """Return the facts of a PNG that has every bit that was written under this name.

    Raises `NotSealedError` for any other file.
    """
    file.seek(0)
    chunks = _chunks(file)
    kind, head = next(chunks)
    texts = [text for kind_of, text in chunks if kind_of == b"tEXt"]
    labels = [text[len(_KEY) :] for text in texts if text.startswith(_KEY)]
    if kind != b"IHDR" or len(head) != _HEAD.size or len(labels) != 1:
        raise NotSealedError("it does not say which frame it is")
    try:
        label = msgspec.json.decode(labels[0], type=Label)
    except (ValueError, RecursionError) as error:
        raise NotSealedError(f"it does not say which frame it is: {error}") from error
    if (label.session, label.name) != (session_id, name):
        raise NotSealedError(f"it is {label.name[:40]!r} of session {label.session[:12]!r}")
    width, height, _ = _HEAD.unpack(head)
    return PngFacts(width, height, label.digest)


def check_frame(path: Path, session_id: str, *, read_data: bool) -> None:
    """Raise unless the file holds what its name says; without ``read_data`` only its end is read.

    Raises `NotSealedError`, `SessionDamagedError` for what is no ordinary file, `StorageError`
    where the disk refuses, `FileNotFoundError` where there is nothing.
    """
    spooled = path.suffix == f".{SPOOLED}"
    with storage_errors(path), open_regular(path) as file:
        if read_data:
            (check_spooled if spooled else check_png)(file, session_id, path.name)
        elif spooled:
            _check_length(file, file.seek(0, os.SEEK_END) - STAMP_BYTES)
        elif not _is_whole_png(file):
            raise NotSealedError("it is no whole PNG")


def _digest(session_id: str, name: str, data: bytes | memoryview = b"") -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=32, key=f"{session_id}/{name}".encode())


def _check_length(file: BinaryIO, length: int) -> None:
    file.seek(max(0, length))
    if length < 0 or _STAMP.unpack(_exactly(file, STAMP_BYTES))[0] != length:
        raise NotSealedError("it has not the length that it was written with")


def _is_whole_png(file: BinaryIO) -> bool:
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return False
    file.seek(max(0, file.seek(0, os.SEEK_END) - len(_PNG_END)))
    return file.read() == _PNG_END


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk: length, kind, data, CRC-32 of kind and data (ISO/IEC 15948, 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the first MiB of every chunk, having compared its checksum."""
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise NotSealedError("it is no PNG")
    kind = b""
    while kind != b"IEND":
        left, kind = struct.unpack(">I4s", _exactly(file, 8))
        checksum = zlib.crc32(kind)
        first = piece = _exactly(file, min(left, _PIECE))
        while True:
            checksum = zlib.crc32(piece, checksum)
            left -= len(piece)
            if not left:
                break
            piece = _exactly(file, min(left, _PIECE))
        if _exactly(file, 4) != struct.pack(">I", checksum):
            raise NotSealedError("a checksum in it does not agree with its contents")
        yield kind, first
    if file.read(1):
        raise NotSealedError("something follows its end")


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise NotSealedError("it is cut off")
    return data
