"""Dynamic HDR metadata: how a display is to show each scene. No encoder here can write it anew."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import av

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.video.hdr import side_data_of

_DOLBY = "Dolby Vision"
_DOLBY_TAGS = frozenset({"dva1", "dvav", "dvh1", "dvhe", "dav1"})
"""As the MP4 registration authority lists them, for H.264, H.265 and AV1."""
_NAMES = {
    "DOVI_RPU_BUFFER": _DOLBY,
    "DOVI_METADATA": _DOLBY,
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
}
"""By FFmpeg's names of the side data of frames."""

_PROFILE, _FULL_RANGE = 4, 10
"""Bytes of FFmpeg's AVDOVIRpuDataHeader that hold vdr_rpu_profile and bl_video_full_range_flag."""

_BELOW = {16: "HDR10", 18: "HLG"}
"""The plain picture by its transfer (ITU-T H.273)."""


def read_dynamic_hdr(frames: Iterable[av.VideoFrame], tag: str) -> tuple[str, ...]:
    """Return the names of the kinds of dynamic HDR metadata that these frames have.

    ``tag`` is the codec tag of the stream, by which MP4 may tell of Dolby Vision that frames do not
    show, as that of H.264. Other records in containers (dvcC, dvvC) PyAV does not tell: where there
    is nothing but these, nothing is found.

    Raises `UnsupportedVideoError` for Dolby Vision without a picture that can be shown without it.
    """
    found = {name for frame in frames for name in _kinds(frame)}
    if tag in _DOLBY_TAGS:
        found.add(_DOLBY)
    return tuple(sorted(found))


def loss(kinds: tuple[str, ...], transfer: int) -> str:
    """Return the sentence that tells what becomes of these kinds."""
    plain = _BELOW.get(transfer, "plain")
    return (
        f"The video has {' and '.join(kinds)}: how a display is to show each scene. This cannot be "
        f"carried over; what remains is the {plain} picture below it, with its static metadata."
    )


def _kinds(frame: av.VideoFrame) -> Iterator[str]:
    side_data = side_data_of(frame)
    if _has_no_base(bytes(side_data.get("DOVI_METADATA", b""))):
        raise UnsupportedVideoError(
            "The video has Dolby Vision of profile 5, or 10.0: its colours are in a space of their "
            "own (IPT) and would come out wrong, green and violet. Get a version of it in HDR10, "
            "HLG or SDR, or convert it with another program first."
        )
    yield from (name for kind, name in _NAMES.items() if kind in side_data)


def _has_no_base(data: bytes) -> bool:
    """Tell whether FFmpeg's AVDOVIMetadata is of a profile whose picture is nothing by itself.

    Those have the RPU profile 0 with full range, as has no other.
    """
    if len(data) < struct.calcsize("@N"):
        return False
    header = data[struct.unpack_from("@N", data)[0] :]
    return len(header) > _FULL_RANGE and header[_PROFILE] == 0 and header[_FULL_RANGE] == 1
