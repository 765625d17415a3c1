"""Static HDR metadata: the mastering display and the content light level of the source.

It goes into the bitstream by the encoder's own parameters, where it has some; decoders hand it on
from there. `tsuzuki.video.hdr_container` brings it into the container.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

Hdr = Mapping[str, str]
"""``mastering``: ten numbers (red, green, blue, white x and y as parts of 1; least and greatest
luminance in cd/m²) as fractions; ``light``: greatest and mean light level in cd/m²."""

HDR_TRANSFERS = frozenset({16, 18})
"""PQ and HLG (ITU-T H.273)."""
_RATIONALS = 10
_CHROMATICITY, _LUMINANCE = 50000, 10000
"""Parts of 1 and of 1 cd/m² in which H.264 and H.265 count (SMPTE ST 2086)."""


def side_data_of(frame: av.VideoFrame) -> Any:
    """Return the frame's side data, to be looked up by name: what iterating gives is PyAV's matter.

    PyAV 18 gives none at all where there is a kind that it does not know, as the EXIF of pictures.
    """
    try:
        return frame.side_data
    except ValueError:
        return {}


def read_hdr(frames: Iterable[av.VideoFrame]) -> dict[str, str]:
    """Return the HDR metadata of the first of these frames that has each kind; empty without."""
    found: dict[str, str] = {}
    for frame in frames:
        side_data = side_data_of(frame)
        mastering = _mastering(bytes(side_data.get("MASTERING_DISPLAY_METADATA", b"")))
        light = _light(bytes(side_data.get("CONTENT_LIGHT_LEVEL", b"")))
        own = {"mastering": mastering, "light": light}
        found = {name: value for name, value in own.items() if value} | found
    return found


def _mastering(data: bytes) -> str:
    """Read FFmpeg's AVMasteringDisplayMetadata; empty unless it tells colours and luminance."""
    layout = f"={2 * _RATIONALS + 2}i"
    if len(data) < struct.calcsize(layout):
        return ""
    *parts, colours, luminance = struct.unpack_from(layout, data)
    if not (colours and luminance and all(parts[1::2])):
        return ""
    return " ".join(str(Fraction(n, d)) for n, d in zip(parts[::2], parts[1::2], strict=True))


def _light(data: bytes) -> str:
    """Read FFmpeg's AVContentLightMetadata; zeros mean unknown."""
    if len(data) < 8:
        return ""
    greatest, mean = struct.unpack_from("=2I", data)
    return f"{greatest},{mean}" if greatest or mean else ""


def encoder_parameters(encoder: str, hdr: Hdr) -> dict[str, str]:
    """Return what to add to the encoder's own parameters; empty where it has none (FFV1)."""
    names = {
        "x264": ("mastering-display", "cll"),
        "x265": ("master-display", "max-cll"),
        "svt-av1": ("mastering-display", "content-light"),
    }.get(encoder)
    if names is None:
        return {}
    parameters = {}
    if "mastering" in hdr:
        parameters[names[0]] = _display(hdr["mastering"], real=encoder == "svt-av1")
    if "light" in hdr:
        parameters[names[1]] = hdr["light"]
    return parameters


def _display(mastering: str, *, real: bool) -> str:
    """Write ``G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)``, in real numbers or the standard's units."""

    def number(value: Fraction, unit: int) -> str:
        units = round(value * unit)
        return f"{units / unit:.5f}" if real else str(units)

    *colours, least, greatest = (Fraction(part) for part in mastering.split())
    coordinates = [number(value, _CHROMATICITY) for value in colours]
    red, green, blue, white = (f"({coordinates[i]},{coordinates[i + 1]})" for i in (0, 2, 4, 6))
    light = f"({number(greatest, _LUMINANCE)},{number(least, _LUMINANCE)})"
    return f"G{green}B{blue}R{red}WP{white}L{light}"
