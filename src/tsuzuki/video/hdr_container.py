"""Static HDR metadata in the container, where players look before they decode.

PyAV cannot give it to a stream. A stream that is made after one of Matroska with this metadata has
it, in any container: so the head of a segment is read with a little more in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction

from tsuzuki.video.hdr import Hdr

_SEGMENT, _SEEK_HEAD = b"\x18\x53\x80\x67", b"\x11\x4d\x9b\x74"
_TO_COLOUR = (_SEGMENT, b"\x16\x54\xae\x6b", b"\xae", b"\xe0", b"\x55\xb0")
"""Segment, Tracks, TrackEntry, Video, Colour (RFC 9559)."""
_MAX_CLL, _MAX_FALL, _MASTERING = b"\x55\xbc", b"\x55\xbd", b"\x55\xd0"
_CHROMATICITIES = tuple(bytes((0x55, 0xD1 + number)) for number in range(8))
"""Red, green, blue and white, x and y each."""
_GREATEST, _LEAST = b"\x55\xd9", b"\x55\xda"


def with_hdr(head: bytes, hdr: Hdr) -> bytes:
    """Return the beginning of a Matroska file whose video has this metadata."""
    return _with(head, _TO_COLOUR, b"".join(_colour(hdr)))


def _colour(hdr: Hdr) -> Iterator[bytes]:
    if "light" in hdr:
        for name, level in zip((_MAX_CLL, _MAX_FALL), hdr["light"].split(","), strict=True):
            yield _element(name, int(level).to_bytes(4, "big"))
    if "mastering" in hdr:
        *colours, least, greatest = (float(Fraction(part)) for part in hdr["mastering"].split())
        names = (*_CHROMATICITIES, _LEAST, _GREATEST)
        values = zip(names, (*colours, least, greatest), strict=True)
        numbers = (_element(name, struct.pack(">d", value)) for name, value in values)
        yield _element(_MASTERING, b"".join(numbers))


def _with(data: bytes, path: Sequence[bytes], child: bytes) -> bytes:
    """Return the elements with a child more in the first one at a path, which is made if need be.

    What tells where others lie in the file is left out, since it is no longer true.
    """
    first, rest = path[0], path[1:]
    parts: list[bytes] = []
    found = False
    for name, whole, content in _elements(data):
        if name == first and not found:
            found = True
            parts.append(_element(name, _with(content, rest, child) if rest else content + child))
        elif name != _SEEK_HEAD:
            parts.append(whole)
    if not found:
        parts.append(_element(first, _with(b"", rest, child) if rest else child))
    return b"".join(parts)


def _elements(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield name, all bytes and content of each element; the last one may be cut off."""
    at = 0
    while at < len(data):
        name = data[at : at + _length(data[at])]
        begin = at + len(name)
        if begin >= len(data):
            return
        width = _length(data[begin])
        size = int.from_bytes(data[begin : begin + width], "big") - (1 << 7 * width)
        content = begin + width
        unknown = size == (1 << 7 * width) - 1
        end = len(data) if unknown else min(content + size, len(data))
        yield name, data[at:end], data[content:end]
        at = end


def _length(first: int) -> int:
    """Return how many bytes a name or a size has, by its first one (RFC 8794)."""
    return 9 - first.bit_length()


def _element(name: bytes, content: bytes) -> bytes:
    return name + ((1 << 56) + len(content)).to_bytes(8, "big") + content
