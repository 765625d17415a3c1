"""Seeing to it, before any work, that all pictures of a sequence are of one kind."""

from __future__ import annotations

from typing import Any

import av

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.sessions.pictures import pattern_of
from tsuzuki.video.colour import format_depth
from tsuzuki.video.facts import Probe
from tsuzuki.video.packets import decode

_HEADERS_SUFFICE = frozenset({"mjpeg", "png", "ppm", "tiff"})
"""Codecs whose decoders tell the size when they are told to skip the picture."""


class Alike:
    """Compares picture after picture with the first, by their headers where that is possible."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._wanted = (probe.width, probe.height, probe.colour.depth)
        self._decoder: Any = av.CodecContext.create(probe.codec, "r")
        if probe.codec in _HEADERS_SUFFICE:
            self._decoder.skip_frame = "ALL"

    def check(self, number: int, packet: av.Packet[Any]) -> None:
        """Raise `UnsupportedVideoError` for a picture of another size or depth than the first.

        One that is damaged is passed over: decoding conceals it, and says so.
        """
        decoder = self._decoder
        decode(decoder, packet)
        if not decoder.width or decoder.pix_fmt is None:
            return
        found = (decoder.width, decoder.height, format_depth(decoder.pix_fmt))
        if found == self._wanted:
            return
        pattern = pattern_of(self._probe.path)
        assert pattern is not None
        name = pattern.path(self._probe.first_number + number)
        raise UnsupportedVideoError(
            f"'{name}' has {_shown(*found)}, the first picture has {_shown(*self._wanted)}. All "
            "pictures of a sequence have to be alike: convert it, or upscale the parts one by one.",
            path=str(name),
        )


def _shown(width: int, height: int, depth: int) -> str:
    return f"{width}x{height} pixels of {depth} bits"
