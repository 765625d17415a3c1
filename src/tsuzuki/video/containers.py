"""Containers: which are known, what each can hold, and which one is chosen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
import msgspec
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from tsuzuki.errors import ContainerError
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.carry import add_streams, route
from tsuzuki.video.colour import format_depth
from tsuzuki.video.facts import SUFFIXES, Container, EncodePlan, Probe
from tsuzuki.video.segment import SegmentEncoder, black
from tsuzuki.video.source import codec_name, is_cover, open_source
from tsuzuki.video.timecode import timecode_in
from tsuzuki.video.trial import listening

FORMATS: dict[Container, str] = {"mp4": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm"}
"""FFmpeg's names of the muxers."""

BITMAP_SUBTITLES = frozenset({"dvd_subtitle", "hdmv_pgs_subtitle", "dvb_subtitle", "xsub"})
"""Pictures of text; FFmpeg writes some of them to MP4, where hardly any player shows them."""

_CHAPTER_HANDLERS = frozenset({"SubtitleHandler", "SubtitleHandle"})
"""Names of the data stream that FFmpeg shows beside the chapters of an MP4."""

_PATIENCE = 1000
"""Packets in which the first one of a stream is looked for; subtitles may begin late."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the output will lack or have otherwise than the source."""

    code: str
    message: str
    stream: int | None = None
    """Index of the stream in the source."""


def container_of(path: Path) -> Container:
    """Return the container that an output path asks for by its suffix."""
    suffix = path.suffix.lower()
    if suffix == ".gif":
        raise ContainerError(
            f"No GIF is written: it has 256 colours a frame at most. End the name of {path.name!r} "
            f"in one of {', '.join(SUFFIXES)} instead; pictures are numbered, as in out/%06d.png.",
            path=str(path),
        )
    if suffix not in SUFFIXES:
        why = f"its ending {suffix} is unknown" if suffix else "it has no ending, and is no folder"
        raise ContainerError(
            f"The output {path.name!r} does not tell the container: {why}. End its name in one of "
            f"{', '.join(SUFFIXES)}, or make a folder of that name first.",
            path=str(path),
        )
    return SUFFIXES[suffix]


def choose_container(settings: ProcessingSettings, probe: Probe, plan: EncodePlan) -> Container:
    """Return the container asked for, else the source's where it holds everything, else mkv.

    Raises `ContainerError` where the container asked for, or Matroska, cannot hold a stream.
    """
    if (plan.encoder == "png") != (settings.container == "png"):
        raise ContainerError(
            f"The encoder {plan.encoder} and the container {settings.container} do not go together:"
            " png makes pictures, and pictures are made by png alone. Choose png for both, or name "
            "the output like out/%06d.png.",
            container=settings.container,
        )
    if settings.container != "auto":
        check_streams(settings.container, probe, plan)
        return settings.container
    if probe.container != "other":
        with suppress(ContainerError):
            check_streams(probe.container, probe, plan)
            return probe.container
    if plan.encoder == "prores":  # for editing programs, which know no Matroska
        with suppress(ContainerError):
            check_streams("mov", probe, plan)
            return "mov"
    check_streams("mkv", probe, plan)
    return "mkv"


def check_streams(container: Container, probe: Probe, plan: EncodePlan) -> list[Note]:
    """Prove by writing the beginning of a file into memory that the container takes every stream.

    Returns what will be dropped or changed. Raises `ContainerError` that names the stream and
    the containers that can hold it.
    """
    if container == "png":
        return list(_lost_by_pictures(probe))
    with template(plan) as video, open_source(probe.path) as source:
        _check_one(container, probe, plan, source, video, None)
        notes = list(_video_notes(container, plan))
        for stream in source.streams:
            if container in {"mp4", "mov"} and stream.metadata.get("title"):
                notes.append(_untitled(stream, container))
            if stream.index == probe.stream:
                continue
            how = route(stream, container)
            if how == "drop":
                notes.extend(_dropped(stream, probe))
            else:
                _check_one(container, probe, plan, source, video, stream)
            if how == "convert":
                notes.append(_converted(stream, container))
    return notes


def _lost_by_pictures(probe: Probe) -> Iterator[Note]:
    kinds = " or ".join(sorted({s.kind for s in probe.streams if s.index != probe.stream}))
    if kinds:
        yield Note(
            code="stream-dropped",
            message=f"Pictures have no {kinds}: of the video only its frames are kept,"
            " without their times.",
        )
    if probe.hdr:
        yield Note(
            code="hdr-lost",
            message="Pictures are written without the HDR metadata (mastering display, light "
            "level); every video keeps it.",
        )


def changed_container(probe: Probe, plan: EncodePlan) -> Note:
    """Return why the output is in another container than the source."""
    reason = "pictures have no container" if probe.pictures else f"{probe.format} cannot be written"
    if probe.container != "other":
        with template(plan) as video, open_source(probe.path) as source:
            others = [None, *(s.index for s in source.streams if s.index != probe.stream)]
            reasons = (refusal(probe.container, probe, source, video, index) for index in others)
            why = next(filter(None, reasons), "not everything fits")
        reason = f"{probe.container} cannot hold all of it ({why})"
    return Note(
        code="container-changed",
        message=f"The output is {plan.container}: {reason}. --container chooses another.",
    )


def _check_one(
    container: Container,
    probe: Probe,
    plan: EncodePlan,
    source: InputContainer,
    video: Stream,
    stream: Stream | None,
) -> None:
    """Raise `ContainerError` unless the container takes the video with this stream."""
    index = None if stream is None else stream.index
    reason = refusal(container, probe, source, video, index)
    if reason is None:
        return
    others = [
        c for c in FORMATS if c != container and refusal(c, probe, source, video, index) is None
    ]
    what = f"video of {plan.encoder}" if stream is None else _describe(stream)
    advice = f"Choose {' or '.join(others)}" if others else "No container here can: leave it out"
    raise ContainerError(
        f"{container} cannot hold the {what}: {reason}. {advice}.",
        container=container,
        stream=index,
        containers=others,
    )


def refusal(
    container: Container, probe: Probe, source: InputContainer, video: Stream, index: int | None
) -> str | None:
    """Return why the container refuses the video with stream ``index``, None if it does not.

    Some codecs are refused only once there is a packet to be described.
    """
    with listening():
        if index is not None:
            reason = _principle(source.streams[index], container)
            if reason is not None:
                return reason
        try:
            output = open_output(container, io.BytesIO())
            _, carried = add_streams(
                source, output, probe, container, video, only=-1 if index is None else index
            )
            output.start_encoding()
            if index in carried and (first := _first_packets(probe.path, probe.size).get(index)):
                output.mux(list(carried[index].packets(first.packet(), Fraction(0), None)))
            output.close()
        except av.FFmpegError as error:
            said: Any = error.log  # level, who, what
            return str(said[2] if said else error.strerror).strip().rstrip(".")
        except ValueError as error:
            return str(error)
    return None


class _First(NamedTuple):
    """The first packet of a stream, which outlives its file."""

    data: bytes
    pts: int | None
    dts: int | None
    duration: int
    time_base: Fraction

    def packet(self) -> av.Packet[Any]:
        packet: Any = av.Packet(self.data)
        packet.pts, packet.dts, packet.duration = self.pts, self.dts, self.duration
        packet.time_base, packet.is_keyframe = self.time_base, True
        return packet  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _first_packets(path: str, size: int) -> dict[int, _First]:
    """Return the first packet of each stream that has one soon: read once for all questions.

    The file has ``size`` bytes, by which another one in its place is known.
    """
    del size
    found: dict[int, _First] = {}
    with open_source(path) as source, suppress(av.FFmpegError, EOFError, IndexError):
        missing = {s.index for s in source.streams if s.type in {"video", "audio", "subtitle"}}
        for packet in islice(source.demux(), _PATIENCE):
            if packet.size and packet.stream_index not in found:
                found[packet.stream_index] = _First(
                    bytes(packet), packet.pts, packet.dts, packet.duration or 0, packet.time_base
                )
                missing.discard(packet.stream_index)
            if not missing:
                break
    return found


def _principle(stream: Stream, container: Container) -> str | None:
    """Return what a header would not tell: losses that the muxer passes over in silence."""
    if stream.type == "attachment" and container != "mkv":
        return "it has no attachments"
    if is_cover(stream) and container == "webm":
        return "it has no cover art"
    text = codec_name(stream) in {"ass", "ssa"}
    if text and container != "mkv":
        return "its text subtitles have no styles"
    if codec_name(stream) in BITMAP_SUBTITLES and container != "mkv":
        return "its players show text subtitles only"
    return None


def _describe(stream: Stream) -> str:
    name = codec_name(stream) or stream.metadata.get("filename", "unknown codec")
    if is_cover(stream):
        return f"cover art {stream.index} ({name})"
    return f"{stream.type} stream {stream.index} ({name})"


def _dropped(stream: Stream, probe: Probe) -> Iterator[Note]:
    handler = stream.metadata.get("handler_name")
    if stream.type == "data" and probe.chapters and handler in _CHAPTER_HANDLERS:
        return  # the text track behind MP4 chapters, which are carried over as chapters
    if stream.type == "data" and timecode_in(stream.metadata):
        return  # carried over as that of the video
    yield Note(
        code="stream-dropped",
        message=f"The {_describe(stream)} cannot be copied and is left out.",
        stream=stream.index,
    )


def _converted(stream: Stream, container: Container) -> Note:
    return Note(
        code="subtitle-converted",
        message=f"The {_describe(stream)} is converted to the text subtitles of {container}.",
        stream=stream.index,
    )


def _untitled(stream: Stream, container: Container) -> Note:
    title = stream.metadata["title"]
    return Note(
        code="title-lost",
        message=f"{container} does not keep the title {title!r} of the {_describe(stream)}; "
        "mkv does.",
        stream=stream.index,
    )


def _video_notes(container: Container, plan: EncodePlan) -> Iterator[Note]:
    if rare := _rarely_played(plan):
        yield Note(
            code="rarely-played",
            message=f"The output keeps the {rare} of the source, which many televisions and "
            f"telephones do not play in {plan.encoder}; --pixel-format yuv420p makes one that they "
            "do." + (" So does --encoder x265." if rare == _TEN_BITS else ""),
        )
    sar = Fraction(*plan.sample_aspect_ratio)
    if sar != 1 and container in {"mkv", "webm"} and plan.encoder not in {"x264", "x265"}:
        yield Note(
            code="aspect-lost",
            message=f"The shape of the pixels ({sar.numerator}:{sar.denominator}) gets lost with "
            f"{plan.encoder} in {container}; choose mp4, x264 or x265 to keep it.",
        )


_TEN_BITS = "10 bits"


def _rarely_played(plan: EncodePlan) -> str:
    """Return what of the pixel format only programs decode, hardware hardly ever; empty if nothing.

    Of H.265 hardware decodes 10 bits, too.
    """
    if plan.encoder not in {"x264", "x265"}:
        return ""
    chroma = next((":".join(one) for one in ("444", "422") if one in plan.pixel_format), "")
    if plan.encoder == "x264" and format_depth(plan.pixel_format) > 8:
        return f"{chroma} colour and 10 bits" if chroma else _TEN_BITS
    return f"{chroma} colour" if chroma else ""


def open_output(container: Container, file: BinaryIO, **options: str) -> OutputContainer:
    """Open a muxer that writes nothing random or dated."""
    return av.open(
        file,
        "w",
        format=FORMATS[container],
        container_options={"fflags": "+bitexact"} | options,
    )


@contextmanager
def template(plan: EncodePlan, width: int = 640, height: int = 384) -> Iterator[Stream]:
    """Yield a video stream as the plan's encoder makes it, from one black frame of that size."""
    small = msgspec.structs.replace(plan, width=width, height=height)
    file = io.BytesIO()
    encoder = SegmentEncoder(small, file)
    encoder.write(black(small))
    encoder.close()
    file.seek(0)
    with av.open(file, "r", format="matroska") as container:
        yield container.streams.video[0]
