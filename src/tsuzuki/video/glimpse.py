"""Single frames for a person to look at, found by time: near enough, and quick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from tsuzuki.errors import DamagedVideoError
from tsuzuki.frame import Rgb
from tsuzuki.video.bounds import bounded_memory
from tsuzuki.video.colour import format_depth, resized, rgb_frame, to_rgb
from tsuzuki.video.facts import Probe
from tsuzuki.video.orientation import Orientation
from tsuzuki.video.packets import decode, open_stream, packets
from tsuzuki.video.stills import encode_png

_PATIENCE = 2000
"""Packets looked through for the frame that is asked for."""


def frames_at(probe: Probe, moments: Sequence[float]) -> Iterator[Rgb]:
    """Yield the frame shown at each moment, in seconds from the start of the video.

    Where nothing can be decoded there, the last frame before it is given. Samples are as
    `tsuzuki.video.colour.to_rgb` makes them. Raises `DamagedVideoError` where no frame is found.
    """
    for moment in moments:
        found = _find(probe, moment, seek=True) or _find(probe, moment, seek=False)
        if found is None:
            raise DamagedVideoError(
                f"No frame of '{probe.path}' can be decoded at {moment:.1f} s.", path=probe.path
            )
        yield to_rgb(found, probe.colour)


def _find(probe: Probe, moment: float, *, seek: bool) -> av.VideoFrame | None:
    """Return the frame shown at a moment, looked for from there on or from the start."""
    with bounded_memory(), open_stream(probe) as (container, stream):
        begin = stream.start_time or 0
        wanted = begin + int(Fraction(moment) / Fraction(*probe.time_base))
        if seek:
            try:
                container.seek(max(wanted, begin), stream=stream)
            except av.error.FFmpegError:  # pictures and streams without an index
                return None
        return _last_before(_frames(container, stream, probe.path), wanted, probe)


def _frames(container: InputContainer, stream: VideoStream, path: str) -> Iterator[av.VideoFrame]:
    """Yield the frames from here on, as far as one has the patience."""
    for packet in islice(packets(container, stream, path), _PATIENCE):
        yield from decode(stream.codec_context, packet)
    yield from decode(stream.codec_context, None)


def _last_before(
    frames: Iterator[av.VideoFrame], wanted: int, probe: Probe
) -> av.VideoFrame | None:
    """Return the last frame that begins by then, or the first one after where there is none."""
    shown = None
    for frame in frames:
        if (frame.width, frame.height) != (probe.width, probe.height):
            continue
        if shown is not None and (frame.pts or 0) > wanted:
            return shown
        shown = frame
        if (frame.pts or 0) >= wanted:
            return shown
    return shown


def picture(rgb: Rgb, probe: Probe, *, height: int | None = None, upright: bool = True) -> bytes:
    """Return a frame as PNG of 8 bits, at most ``height`` pixels high, pixels square.

    With ``upright`` it is turned as a player would.
    """
    rgb_format = probe.colour.rgb_format
    _, rows, columns = rgb.shape
    across, down = probe.sample_aspect_ratio
    scale = min(1.0, height / rows) if height else 1.0
    size = max(1, round(columns * scale * across / down)), max(1, round(rows * scale))
    rgb = resized(rgb, rgb_format, *size)
    if (depth := format_depth(rgb_format)) > 8:
        rgb = cast(Rgb, (rgb >> depth - 8).astype(np.uint8))
    if upright:
        shown = Orientation(probe.rotation, probe.mirrored).of(rgb)
        rgb = cast(Rgb, np.ascontiguousarray(shown))
    return encode_png(rgb_frame(rgb, "gbrp").reformat(format="rgb24"))


def stills(probe: Probe, count: int, height: int) -> Iterator[bytes]:
    """Yield ``count`` frames, evenly over the video, as PNG of at most ``height`` pixels."""
    moments = [probe.duration * (number + 0.5) / count for number in range(count)]
    for rgb in frames_at(probe, moments):
        yield picture(rgb, probe, height=height)
