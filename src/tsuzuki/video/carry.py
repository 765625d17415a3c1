"""Carrying over what is not the main video: sound, subtitles, attachments, cover art.

Packets are copied; text subtitles are converted where the container has another kind of text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Literal

import av
import msgspec
from av.container import InputContainer, OutputContainer
from av.stream import Discard, Stream

from tsuzuki.video.facts import Container, Probe
from tsuzuki.video.source import codec_name, is_cover, open_source

Route = Literal["copy", "convert", "attach", "drop"]

TEXT_CODECS: Mapping[Container, str] = {
    "mp4": "mov_text",
    "mov": "mov_text",
    "mkv": "subrip",
    "webm": "webvtt",
}
"""The kind of text subtitle that each container is at home with."""

PLAIN_TEXT = frozenset({"subrip", "text", "mov_text", "webvtt"})
"""Subtitles that turn into each other without loss of text or time; ASS has more to lose."""

COVER_MIMETYPES = {"mjpeg": "image/jpeg", "png": "image/png", "bmp": "image/bmp"}

_STALE = (
    "encoder",
    "alpha_mode",
    "duration",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "bps",
    "number_of_frames",
    "number_of_bytes",
    "_statistics",
    "filename",
    "mimetype",
)
"""Beginnings of the metadata that describe the source's file or encoding, not its content."""

_MAX_DENOMINATOR = 2**31 - 1
"""FFmpeg's rational numbers hold no larger one."""

Shift = Fraction
"""Seconds added to every time."""


class Span(msgspec.Struct, frozen=True):
    """Moments between which the source is kept, in its own seconds."""

    start: Fraction
    end: Fraction


def kept_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata that is still true of the output."""
    return {key: value for key, value in metadata.items() if not key.lower().startswith(_STALE)}


def route(stream: Stream, container: Container) -> Route:
    """Return how a stream that is not the main video gets into the container."""
    if stream.type == "attachment" or (is_cover(stream) and container == "mkv"):
        return "attach"
    if stream.type not in {"audio", "video", "subtitle"} or stream.codec_context is None:
        return "drop"
    codec, own = codec_name(stream), TEXT_CODECS[container]
    native = container == "mkv" and codec != "mov_text"
    if stream.type == "subtitle" and codec in PLAIN_TEXT and codec != own and not native:
        return "convert"
    return "copy"


class Carried:
    """One stream of the source on its way into the output."""

    def __init__(
        self, source: Stream, output: OutputContainer, *, convert: str | None = None
    ) -> None:
        self.source = source
        self._convert = convert
        self._last: int | None = None
        self._begun = False
        """Whether there was a key frame, without which what follows in a video is nothing."""
        self.stream = self._add_text(output, convert) if convert else self._add_copy(output)
        self.stream.metadata.update(kept_metadata(source.metadata))
        self.stream.disposition = source.disposition

    def _add_copy(self, output: OutputContainer) -> Stream:
        return output.add_stream_from_template(self.source, opaque=True)

    def _add_text(self, output: OutputContainer, codec: str) -> Stream:
        stream: Any = output.add_stream(codec)
        decoder: Any = self.source.codec_context
        decoder.open(strict=False)  # only then is the header known
        stream.codec_context.subtitle_header = decoder.subtitle_header
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        return stream  # type: ignore[no-any-return]

    def packets(
        self, packet: av.Packet[Any], shift: Shift, span: Span | None
    ) -> Iterator[av.Packet[Any]]:
        """Yield what becomes of one packet of the source: nothing where it is out of the span."""
        if not self._timed(packet) or not _cut(packet, span):
            return
        if span is not None and self.source.type == "video":
            self._begun = self._begun or packet.is_keyframe
            if not self._begun:
                return
        ready = self._converted(packet) if self._convert else packet
        if ready is None:
            return
        self._place(ready, shift)
        yield ready

    def _timed(self, packet: av.Packet[Any]) -> bool:
        """Give a packet without times those that follow from its neighbour."""
        if packet.pts is None:
            packet.pts = packet.dts
        if packet.pts is None and is_cover(self.source):
            packet.pts = 0
        if packet.dts is None:
            packet.dts = packet.pts
        return packet.pts is not None

    def _converted(self, packet: av.Packet[Any]) -> av.Packet[Any] | None:
        """Return the subtitle as text of the other kind; None for an empty one, a mere gap."""
        decoder: Any = self.source.codec_context
        encoder: Any = self.stream.codec_context
        subtitle = decoder.decode2(packet)
        if subtitle is None or not len(subtitle):
            return None
        text: av.Packet[Any] = encoder.encode_subtitle(subtitle)
        text.time_base = packet.time_base
        text.pts, text.dts, text.duration = packet.pts, packet.pts, packet.duration
        return text

    def _place(self, packet: av.Packet[Any], shift: Shift) -> None:
        """Shift the packet's times and keep decoding times rising, as containers demand."""
        _refine(packet, shift)
        assert packet.pts is not None
        assert packet.dts is not None
        ticks = round(shift / packet.time_base)
        packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
        if self._last is not None and packet.dts < self._last:
            packet.dts = self._last
            packet.pts = max(packet.pts, packet.dts)
        self._last = packet.dts
        packet.stream = self.stream


def _refine(packet: av.Packet[Any], shift: Shift) -> None:
    """Count the packet's times in ticks that the shift is a whole number of, where there are such.

    Some containers count in ticks as long as a packet of sound.
    """
    tick = packet.time_base
    finer = math.lcm(tick.denominator, shift.denominator)
    if (shift / tick).denominator == 1 or finer > _MAX_DENOMINATOR:
        return
    factor = int(tick * finer)
    packet.pts, packet.dts = (packet.pts or 0) * factor, (packet.dts or 0) * factor
    packet.duration = (packet.duration or 0) * factor
    packet.time_base = Fraction(1, finer)


def _cut(packet: av.Packet[Any], span: Span | None) -> bool:
    """Return whether the packet lies in the span; a subtitle that begins before it is cut."""
    if span is None or packet.pts is None:
        return True
    tick = packet.time_base
    first, after = span.start / tick, span.end / tick
    if packet.stream.type == "subtitle" and packet.duration and packet.pts < first:
        end = packet.pts + packet.duration
        packet.pts = packet.dts = -(-first.numerator // first.denominator)
        packet.duration = end - packet.pts
        return packet.duration > 0
    return first <= packet.pts < after


def add_streams(
    source: InputContainer,
    output: OutputContainer,
    probe: Probe,
    container: Container,
    video: Stream,
    *,
    only: int | None = None,
) -> tuple[Stream, dict[int, Carried]]:
    """Add to the output the video, made after the template ``video``, and what is carried over.

    Streams keep the order of the source. Returns the video's stream and the carried streams by
    their index in the source. ``only`` names the single stream to carry. Streams of the source
    that are not carried are no longer demuxed.
    """
    carried: dict[int, Carried] = {}
    for stream in source.streams:
        if stream.index == probe.stream:
            main = output.add_stream_from_template(video, opaque=True)
            main.metadata.update(kept_metadata(stream.metadata))
            main.disposition = stream.disposition
            stream.discard = Discard.all
            continue
        how = route(stream, container) if only in {None, stream.index} else "drop"
        if how == "attach":
            _attach(stream, output, probe)
        if how in {"copy", "convert"}:
            text = TEXT_CODECS[container] if how == "convert" else None
            carried[stream.index] = Carried(stream, output, convert=text)
        else:
            stream.discard = Discard.all
    return main, carried


def _attach(stream: Any, output: OutputContainer, probe: Probe) -> None:
    if stream.type == "attachment":
        name = stream.metadata.get("filename", f"attachment{stream.index}")
        kind = stream.metadata.get("mimetype", "application/octet-stream")
        added = output.add_attachment(name, kind, stream.data)
    else:
        codec = codec_name(stream)
        kind = stream.metadata.get("mimetype") or COVER_MIMETYPES.get(codec, "image/" + codec)
        name = stream.metadata.get("filename") or f"cover.{'jpg' if codec == 'mjpeg' else codec}"
        added = output.add_attachment(name, kind, _picture(probe.path, stream.index))
    rest = kept_metadata(stream.metadata)
    added.metadata.update(rest)


def _picture(path: str, index: int) -> bytes:
    """Return the bytes of a cover, which come before all other packets."""
    with open_source(path) as container:
        for packet in container.demux(container.streams[index]):
            if packet.size:
                return bytes(packet)
    return b""
