"""What a video file holds, read by nothing but PyAV.

Shares no code with the program, so that a mistake there cannot hide itself here.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

GRID = 8
"""Cells of a picture across and down."""
_COVER = 0x400
"""Disposition of a still picture that travels with the file."""
_MARGIN = 3
"""Seconds that streams may lie apart in a file, and more."""
_STALE = ("encoder", "duration", "major_brand", "minor_version", "compatible_brands")
"""Beginnings of metadata that describe the file, not what it shows."""


class Picture(NamedTuple):
    """One decoded frame."""

    time: Fraction
    means: tuple[float, ...]
    """Mean of each plane in code values of 8 bits."""
    cells: np.ndarray
    """The same of the cells of a grid over each plane, shape (planes, `GRID`, `GRID`)."""
    corrupt: bool


class Parcel(NamedTuple):
    """One packet of a stream that is carried over."""

    time: Fraction
    duration: Fraction
    digest: str


@dataclass
class Track:
    """A stream that is carried over."""

    index: int
    kind: str
    codec: str
    tick: Fraction
    facts: dict[str, Any]
    parcels: list[Parcel] = field(default_factory=list)


@dataclass
class Film:
    """Everything of a file that matters here."""

    container: str
    video: dict[str, Any]
    size: tuple[int, int]
    pictures: list[Picture]
    packet_times: list[Fraction]
    """Times of the main video's packets that are to be shown, rising."""
    lasting: Fraction
    """Seconds that the last of these is shown."""
    errors: int
    """Packets of the main video that could not be decoded."""
    tracks: list[Track]
    chapters: list[tuple[Fraction, Fraction, str]]
    attachments: list[tuple[str, str, str]]
    """Name, type and digest; cover art among them."""
    metadata: dict[str, str]
    created: str | None
    """Creation time as it is written."""


@functools.lru_cache(maxsize=4)
def read(path: Path, seconds: Fraction | None = None) -> Film:
    """Read and decode a file, with one decoder thread; a little more than its first ``seconds``.

    A source is read once for several outputs: no file may be written anew between two calls.
    """
    with av.open(str(path), metadata_errors="replace") as container:
        video = max(
            (s for s in container.streams.video if not int(s.disposition) & _COVER),
            key=lambda s: s.codec_context.width * s.codec_context.height,
        )
        video.codec_context.thread_type, video.codec_context.thread_count = "NONE", 1
        film = Film(
            container=container.format.name,
            video={},
            size=(0, 0),
            pictures=[],
            packet_times=[],
            lasting=Fraction(0),
            errors=0,
            tracks=[],
            chapters=[_chapter(chapter) for chapter in container.chapters()],
            attachments=[_attachment(s) for s in container.streams if s.type == "attachment"],
            metadata=_kept(container.metadata),
            created=container.metadata.get("creation_time"),
        )
        tracks = {s.index: _track(s) for s in container.streams if _is_carried(s, video)}
        film.tracks = list(tracks.values())
        for packet in _packets(container, video, seconds):
            if packet.stream.index == video.index:
                _decode(film, video, packet)
            elif packet.stream.index in tracks and packet.size:
                tracks[packet.stream.index].parcels.append(_parcel(packet))
            elif packet.size and int(packet.stream.disposition) & _COVER:
                film.attachments.append(_cover(packet))
        film.packet_times.sort()
        film.pictures.sort(key=lambda picture: picture.time)
        return film


def _packets(container: Any, video: Any, seconds: Fraction | None) -> Iterator[Any]:
    """Yield the packets up to the end, the first unreadable place, or the time asked for."""
    first = None
    with suppress(av.FFmpegError, EOFError):
        for packet in container.demux():
            yield packet
            if packet.stream is not video or packet.dts is None:
                continue
            first = packet.dts * packet.time_base if first is None else first
            if seconds is not None and packet.dts * packet.time_base > first + seconds + _MARGIN:
                return


def _decode(film: Film, stream: Any, packet: Any) -> None:
    if packet.size and packet.pts is not None and not packet.is_discard:
        time = packet.pts * packet.time_base
        if time >= max(film.packet_times, default=time):
            film.lasting = (packet.duration or 0) * packet.time_base
        film.packet_times.append(time)
    try:
        frames = packet.decode()
    except av.FFmpegError:
        film.errors += 1
        return
    for frame in frames:
        if not film.pictures:
            film.size = frame.width, frame.height
            film.video = _video(stream, frame)
        time = (frame.dts if frame.pts is None else frame.pts) * frame.time_base
        bits = frame.format.components[0].bits
        cells = np.stack([_cells(plane) for plane in _planes(frame)]) / (1 << (bits - 8))
        means = tuple(map(float, cells.mean((1, 2))))
        film.pictures.append(Picture(time, means, cells, frame.is_corrupt))


def _planes(frame: Any) -> Iterator[np.ndarray]:
    """Yield the samples of each plane."""
    kind = np.uint8 if frame.format.components[0].bits <= 8 else np.uint16
    for plane in frame.planes:
        rows = np.frombuffer(plane, kind)[: plane.line_size // kind().itemsize * plane.height]
        yield rows.reshape(plane.height, -1)[:, : plane.width]


def _cells(plane: np.ndarray) -> np.ndarray:
    """Return the means of the cells of a grid over a plane."""
    height, width = plane.shape
    return _shares(height) @ plane.astype(np.float32) @ _shares(width).T


@functools.lru_cache(maxsize=64)
def _shares(size: int) -> np.ndarray:
    """Return how much each sample counts in each cell of a line; some belong to two in part."""
    borders = np.arange(GRID + 1)[:, None] * size / GRID
    samples = np.arange(size)
    shared = np.minimum(samples + 1, borders[1:]) - np.maximum(samples, borders[:-1])
    return (np.clip(shared, 0, 1) * GRID / size).astype(np.float32)


def _video(stream: Any, frame: Any) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "pixel shape": str(stream.sample_aspect_ratio or Fraction(1)),
        "rotation": frame.rotation,
        "bits": frame.format.components[0].bits,
        "subsampling": (frame.format.chroma_width(64), frame.format.chroma_height(64)),
        "matrix": int(context.colorspace),
        "primaries": int(context.color_primaries),
        "transfer": int(context.color_trc),
        "range": int(context.color_range),
        "language": _language(stream),
    } | _hdr(frame)


def _hdr(frame: Any) -> dict[str, Any]:
    """Return mastering display and light level of a frame as plain numbers."""
    found: dict[str, Any] = {}
    for data in frame.side_data.keys():  # noqa: SIM118 - iterating gives the same objects twice
        name, content = data.type.name, bytes(data)
        if name == "MASTERING_DISPLAY_METADATA" and len(content) >= 88:
            numbers = struct.unpack_from("=20i", content)
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            found["mastering display"] = tuple(round(n / d, 3) if d else 0 for n, d in pairs)
        if name == "CONTENT_LIGHT_LEVEL" and any(content):  # zeros mean unknown
            found["light level"] = struct.unpack_from("=2I", content)
    return found


def _is_carried(stream: Any, video: Any) -> bool:
    return stream.type in {"audio", "subtitle"} or (
        stream.type == "video"
        and stream.index != video.index
        and not int(stream.disposition) & _COVER
    )


def _track(stream: Any) -> Track:
    context = stream.codec_context
    facts = {
        "language": _language(stream),
        "title": stream.metadata.get("title"),
        "disposition": int(stream.disposition),
        "header": _digest(context.extradata or b""),
    }
    if stream.type == "audio":
        facts |= {"rate": context.sample_rate, "layout": context.layout.name}
    return Track(stream.index, stream.type, context.codec.canonical_name, stream.time_base, facts)


def _parcel(packet: Any) -> Parcel:
    tick = packet.time_base
    time = packet.dts if packet.pts is None else packet.pts
    return Parcel((time or 0) * tick, (packet.duration or 0) * tick, _digest(bytes(packet)))


def _cover(packet: Any) -> tuple[str, str, str]:
    facts = packet.stream.metadata
    name, kind = facts.get("filename", "cover"), facts.get("mimetype", "")
    return name, kind, _digest(bytes(packet))


def _attachment(stream: Any) -> tuple[str, str, str]:
    facts = stream.metadata
    return facts.get("filename", ""), facts.get("mimetype", ""), _digest(stream.data)


def _chapter(chapter: Any) -> tuple[Fraction, Fraction, str]:
    tick = chapter["time_base"]
    return chapter["start"] * tick, chapter["end"] * tick, chapter["metadata"].get("title", "")


def _language(stream: Any) -> str:
    return stream.metadata.get("language") or "und"


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    lowered = {key.lower(): value for key, value in metadata.items()}
    if "creation_time" in lowered:
        made = datetime.fromisoformat(lowered.pop("creation_time")).replace(tzinfo=UTC)
        if made.timestamp():  # else a clock that was not set
            lowered["creation_time"] = made.isoformat()
    return {key: value for key, value in lowered.items() if not key.startswith(_STALE)}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
