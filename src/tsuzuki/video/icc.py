"""Colour profiles (ICC) in the files of pictures. PyAV tells none where there is EXIF beside it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from tsuzuki.sessions.pictures import find_sequence
from tsuzuki.sessions.stamp import SIGNATURE, png_chunk

MAX_PROFILE = 4 << 20
"""Bytes; those of printing presses have half of that."""
_RGB = b"RGB "
"""Name of the colour space at byte 16 of a profile (ICC.1:2022, 7.2.6)."""
_JPEG, _ICC, _SCAN = b"\xff\xd8", b"ICC_PROFILE\0", 0xDA
_JPEG_PARTS = 255
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_TIFF_PROFILE = 34675
_OTHERS = frozenset({b"cICP", b"cHRM", b"gAMA", b"iCCP", b"sRGB"})
"""Chunks of a PNG that tell its colours in other ways."""


def read_profile(path: str) -> bytes:
    """Return the profile in a picture, or the first of a sequence; empty where there is none.

    PNG, JPEG, WebP and TIFF are looked into.
    """
    sequence = find_sequence(path)
    with (Path(path) if sequence is None else next(sequence.files())).open("rb") as file:
        try:
            profile = _read(file)
        except (struct.error, zlib.error, ValueError):  # cut off or damaged
            return b""
    return profile if len(profile) <= MAX_PROFILE else b""


def is_rgb(profile: bytes) -> bool:
    """Tell whether a profile is for the red, green and blue that pictures are written in."""
    return profile[16:20] == _RGB


def with_profile(png: bytes, profile: bytes) -> bytes:
    """Return a PNG with the profile in place of what else tells its colours."""
    file = BytesIO(png)
    parts = [file.read(len(SIGNATURE))]
    while head := file.read(8):
        length, kind = struct.unpack(">I4s", head)
        rest = file.read(length + 4)
        if kind not in _OTHERS:
            parts += head, rest
        if kind == b"IHDR":
            parts.append(png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    return b"".join(parts)


def _read(file: BinaryIO) -> bytes:
    head = file.read(12)
    if head.startswith(SIGNATURE):
        file.seek(len(SIGNATURE))
        return _in_png(file)
    if head.startswith(_JPEG):
        file.seek(len(_JPEG))
        return b"".join(islice(_in_jpeg(file), _JPEG_PARTS))
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return _in_webp(file)
    if (order := _ORDERS.get(head[:4])) is not None:
        return _in_tiff(file, order, *struct.unpack_from(f"{order}I", head, 4))
    return b""


def _in_png(file: BinaryIO) -> bytes:
    """Profiles come before the samples (ISO/IEC 15948, 5.6)."""
    kind = b""
    while kind not in {b"IDAT", b"IEND"}:
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"iCCP":
            _, _, data = file.read(min(length, MAX_PROFILE)).partition(b"\0")
            return zlib.decompressobj().decompress(data[1:], MAX_PROFILE + 1)
        file.seek(length + 4, 1)
    return b""


def _in_jpeg(file: BinaryIO) -> Iterator[bytes]:
    """Yield the parts, which lie in segments of 64 kB, in their order."""
    while True:
        start, marker, length = struct.unpack(">BBH", file.read(4))
        data = file.read(max(0, length - 2))
        if start != 0xFF or marker == _SCAN:
            return
        if marker == 0xE2 and data.startswith(_ICC):
            yield data[len(_ICC) + 2 :]


def _in_webp(file: BinaryIO) -> bytes:
    for _ in range(2):  # it comes right after the header
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"ICCP":
            return file.read(min(length, MAX_PROFILE + 1))
        file.seek(length + length % 2, 1)
    return b""


def _in_tiff(file: BinaryIO, order: str, directory: int) -> bytes:
    file.seek(directory)
    (entries,) = struct.unpack(f"{order}H", file.read(2))
    for _ in range(entries):
        tag, _, length, place = struct.unpack(f"{order}HHII", file.read(12))
        if tag == _TIFF_PROFILE:
            file.seek(place)
            return file.read(min(length, MAX_PROFILE + 1))
    return b""
