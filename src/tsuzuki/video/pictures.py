"""Which files are still pictures, and how FFmpeg is told to read them and no others."""

from __future__ import annotations

import os
from pathlib import Path

from tsuzuki.errors import NotAVideoError, UnsupportedVideoError
from tsuzuki.sessions.pictures import find_sequence

_MAGIC: dict[str, tuple[bytes, ...]] = {
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".webp": (b"RIFF",),
    ".tif": (b"II*\0", b"MM\0*"),
    ".tiff": (b"II*\0", b"MM\0*"),
    ".bmp": (b"BM",),
    ".dpx": (b"SDPX", b"XPDS"),
    ".ppm": (b"P3", b"P6"),
    ".pgm": (b"P2", b"P5"),
    ".tga": (b"",),
}
"""What files of each kind begin with. FFmpeg goes by the ending alone."""

SUFFIXES = tuple(_MAGIC)
"""What the names of pictures end in."""

_HEAD = 1 << 16
"""Bytes in which it has to stand that a picture is animated; before the pixels, that is."""


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is that of a still picture or a sequence of them.

    An animated PNG is a video, whatever its ending. Raises `UnsupportedVideoError` for an animated
    WebP and `NotAVideoError` for a picture of another kind than its ending tells.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        return False
    sequence = find_sequence(path)
    first = Path(path) if sequence is None else next(sequence.files())
    with first.open("rb") as file:
        head = file.read(_HEAD)
    if suffix == ".png" and b"acTL" in head.partition(b"IDAT")[0]:
        return sequence is not None
    if suffix == ".webp" and head[8:16] == b"WEBPVP8X" and head[20] & 2:
        raise UnsupportedVideoError(
            f"'{first}' is an animated WebP, which cannot be read. Convert it to an animated PNG "
            "or a video with another program first.",
            path=str(first),
        )
    if not head.startswith(_MAGIC[suffix]):
        kind = next((s for s, magic in _MAGIC.items() if all(magic) and head.startswith(magic)), "")
        advice = f"It is one of {kind}: rename it" if kind else "Get it again from where it came"
        raise NotAVideoError(
            f"'{first}' does not hold what its ending {suffix} tells. {advice}.", path=str(first)
        )
    return True


def picture_options(path: str) -> tuple[str, dict[str, str]]:
    """Return name and options with which FFmpeg's ``image2`` reads one picture, or a sequence."""
    sequence = find_sequence(path)
    if sequence is None:
        return path, {"pattern_type": "none"}
    url = sequence.pattern.for_ffmpeg(path)
    return url, {"pattern_type": "sequence", "start_number": str(sequence.first)}
