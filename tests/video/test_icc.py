"""Colour profiles in pictures of each kind, laid in there by hand."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from tests.video.test_pictures import drawn, write

from tsuzuki.sessions.stamp import png_chunk
from tsuzuki.video.icc import MAX_PROFILE, is_rgb, read_profile, with_profile
from tsuzuki.video.probe import probe

PROFILE = b"\0\0\0\0none" + bytes(4) + b"mntrRGB XYZ " + bytes(range(256)) * 300
"""More than fits into one segment of a JPEG."""


def in_png(data: bytes, profile: bytes) -> bytes:
    return data[:33] + png_chunk(b"iCCP", b"name\0\0" + zlib.compress(profile)) + data[33:]


def in_jpeg(data: bytes, profile: bytes) -> bytes:
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
    parts = [b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif]
    pieces = [profile[at : at + 60000] for at in range(0, len(profile), 60000)]
    for number, piece in enumerate(pieces, 1):
        body = b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece
        parts.append(b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body)
    return data[:2] + b"".join(parts) + data[2:]


def in_webp(data: bytes, profile: bytes) -> bytes:
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x20\0\0\0" + bytes([47, 0, 0, 35, 0, 0])
    body = extended + b"ICCP" + struct.pack("<I", len(profile)) + profile
    body += bytes(len(profile) % 2) + data[12:]
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def in_tiff(data: bytes, profile: bytes) -> bytes:
    (old,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, old)
    tags = data[old + 2 : old + 2 + 12 * entries]
    place = len(data) + len(data) % 2
    directory = struct.pack("<H", entries + 1) + tags
    directory += struct.pack("<HHII", 34675, 7, len(profile), place + len(tags) + 18) + bytes(4)
    head = data[:4] + struct.pack("<I", place)
    return head + data[8:] + bytes(len(data) % 2) + directory + profile


KINDS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "png": in_png,
    "jpg": in_jpeg,
    "webp": in_webp,
    "tiff": in_tiff,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_profile_of_a_picture_is_found(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"1.{kind}"
    write(path, drawn(1), kind)
    assert read_profile(str(path)) == b""
    plain, data = probe(path), KINDS[kind](path.read_bytes(), PROFILE)
    assert not plain.colour_profile
    path.write_bytes(data)
    assert read_profile(str(path)) == read_profile(str(tmp_path / f"%d.{kind}")) == PROFILE
    assert probe(path).colour_profile
    for length in range(0, len(data), 997):
        path.write_bytes(data[:length])
        assert len(read_profile(str(path))) <= len(PROFILE)


def test_memory_stays_sound(tmp_path: Path) -> None:
    """PyAV 18 would free the name of a profile twice, and the process would die of it."""
    path = tmp_path / "1.png"
    write(path, drawn(1), "png")
    path.write_bytes(in_png(path.read_bytes(), PROFILE))
    code = (
        "import gc, sys; from tsuzuki.video.probe import probe\n"
        "for _ in range(20): probe(sys.argv[1]); gc.collect()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == 0


def test_a_profile_of_no_sensible_size_is_none(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    write(path, drawn(1), "png")
    path.write_bytes(in_png(path.read_bytes(), bytes(MAX_PROFILE + 1)))
    assert read_profile(str(path)) == b""


def test_a_png_gets_the_profile_in_place_of_other_chunks(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    write(path, drawn(1), "png")
    data = path.read_bytes()
    tagged = data[:33] + png_chunk(b"sRGB", b"\0") + data[33:]
    path.write_bytes(with_profile(tagged, PROFILE))
    assert b"sRGB" not in path.read_bytes()
    assert is_rgb(read_profile(str(path)))
    assert read_profile(str(path)) == PROFILE
    with av.open(str(path)) as container:  # which checks every checksum
        [frame] = container.decode(video=0)
        assert (frame.to_ndarray(format="rgb24") == drawn(1)).all()
