"""What a video is, found out from its headers and its first frames."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice
from typing import Literal, cast

import av
import msgspec
import numpy as np
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from tsuzuki.errors import DamagedVideoError, SettingsError, UnsupportedVideoError
from tsuzuki.sessions.identity import find_video
from tsuzuki.sessions.pictures import Sequence, find_sequence
from tsuzuki.sessions.progress import VideoInfo
from tsuzuki.video.alpha import alpha_decoder, alpha_of, has_alpha
from tsuzuki.video.bounds import bounded_memory
from tsuzuki.video.colour import check_matrix, chroma_location, colour_of
from tsuzuki.video.dynamic_hdr import loss, read_dynamic_hdr
from tsuzuki.video.facts import Colour, Judged, Probe, StreamFacts
from tsuzuki.video.hdr import read_hdr
from tsuzuki.video.icc import read_profile
from tsuzuki.video.interlacing import with_interlacing
from tsuzuki.video.orientation import orientation_of
from tsuzuki.video.packets import decode, packets
from tsuzuki.video.pictures import is_picture
from tsuzuki.video.source import (
    check_not_too_large,
    check_size,
    codec_name,
    is_cover,
    main_stream,
    open_source,
    prepare_decoder,
)
from tsuzuki.video.timecode import timecode_in
from tsuzuki.video.unseen import unseen_losses

DEFAULT_RATE = Fraction(25)
"""Pictures of a sequence a second, as FFmpeg has it."""
_FIRST_FRAMES = 3
_PATIENCE = 300
"""Packets that may pass until the first frame comes out of the decoder."""
_HIGHEST_RATE = 300
"""Frame rates above are clocks, not rates, as in FLV."""
_ALWAYS_WITH_ALPHA = {"apng", "bmp", "gif", "png", "tiff", "webp", "targa"}
"""Codecs whose frames often have an alpha that is opaque everywhere."""
_NAMED_PROFILES = frozenset({"png", "apng"})
"""Codecs whose colour profiles have names, which PyAV 18 frees twice if asked for side data."""


def probe(
    path: str | os.PathLike[str], rate: Fraction | None = None, judged: Judged | None = None
) -> Probe:
    """Return what is known about a video before its frames are indexed.

    ``rate`` is how many pictures of a sequence are shown a second, by default `DEFAULT_RATE`;
    ``judged`` is what was found out about this very file before, and is not looked for again.

    Raises the errors of `find_video` and of `tsuzuki.video.source.open_source`, `NotAVideoError`
    without a video stream, `DamagedVideoError` where no frame can be decoded,
    `UnsupportedVideoError`, and `SettingsError` for a rate where there is no sequence.
    """
    name = str(find_video(path).path)
    pictures = find_sequence(name)
    if rate is not None and pictures is None:
        raise SettingsError(
            f"'{name}' is no sequence of pictures and has its own times. Leave --rate out.",
            setting="rate",
        )
    with ExitStack() as stack:
        with bounded_memory():
            container = stack.enter_context(open_source(name))
        stream = main_stream(container)
        _check_codec(stream, name)
        check_not_too_large(stream.codec_context.width, stream.codec_context.height, name)
        frames = _first_frames(container, stream, name)
        facts = _gather(name, container, stream, frames)
        if read_profile(name):
            facts = msgspec.structs.replace(facts, colour_profile=True)
        if judged is not None:
            facts = msgspec.structs.replace(facts, **msgspec.structs.asdict(judged))
        elif facts.alpha and pictures is None and facts.codec in _ALWAYS_WITH_ALPHA:
            facts = msgspec.structs.replace(facts, alpha=_is_transparent(name))
        if is_picture(name):
            return _as_pictures(facts, pictures, rate)
        return facts if judged is not None else with_interlacing(facts, container, stream)


def _is_transparent(name: str) -> bool:
    """Tell whether any frame really is transparent somewhere; decodes the file for that."""
    with open_source(name) as container:
        stream = main_stream(container)
        prepare_decoder(stream)
        rest = ((p, stream) for p in (*packets(container, stream, name), None))
        for packet, _ in rest:
            for frame in decode(stream.codec_context, packet):
                alpha = alpha_of(frame)
                if int(alpha.min()) < np.iinfo(alpha.dtype).max:
                    return True
    return False


def _as_pictures(facts: Probe, sequence: Sequence | None, rate: Fraction | None) -> Probe:
    """Return the facts of pictures, which have no times of their own."""
    chosen = rate or DEFAULT_RATE
    count = sequence.count if sequence else 1
    warnings = facts.warnings
    if sequence is not None and rate is None:
        shown = f"The pictures are shown at {chosen} a second; --rate chooses otherwise."
        warnings = (shown, *warnings)
    return msgspec.structs.replace(
        facts,
        pictures="sequence" if sequence else "still",
        first_number=sequence.first if sequence else 1,
        frame_rate=(chosen.numerator, chosen.denominator),
        time_base=(chosen.denominator, chosen.numerator),
        frame_count=count,
        duration=float(count / chosen),
        interlaced=False,
        warnings=warnings,
    )


def video_info(facts: Probe) -> VideoInfo:
    """Return the facts that ``progress.json`` shows."""
    return VideoInfo(
        width=facts.width,
        height=facts.height,
        duration=facts.duration,
        frame_rate=facts.frame_rate[0] / facts.frame_rate[1],
        frame_count=facts.frame_count,
        codec_name=facts.codec,
        size=facts.size,
        format=facts.format,
    )


def _gather(
    name: str, container: InputContainer, stream: VideoStream, frames: list[av.VideoFrame]
) -> Probe:
    first = frames[0]
    size = find_video(name).size
    check_size(first.width, first.height, name)
    rate = _frame_rate(stream)
    duration = _duration(container, stream)
    interlaced = stream.codec_context.field_order > 1 or any(f.interlaced_frame for f in frames)
    beside = alpha_decoder(stream) is not None
    alpha = beside or first.format.has_palette or has_alpha(first.format.name)
    streams = tuple(_facts(s) for s in container.streams)
    decoder = stream.codec_context
    colour = colour_of(
        first.format.name,
        first.width,
        first.height,
        tags=(
            decoder.colorspace,
            decoder.color_primaries,
            decoder.color_trc,
            decoder.color_range,
        ),
        location=chroma_location(first),
        codec=codec_name(stream),
    )
    check_matrix(colour.matrix)
    asked = [] if codec_name(stream) in _NAMED_PROFILES else frames
    dynamic = read_dynamic_hdr(asked, decoder.codec_tag)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    rotation, mirrored = orientation_of(first, ask=bool(asked))
    time_base = cast(Fraction, stream.time_base)
    return Probe(
        path=name,
        size=size,
        format=container.format.name,
        container=_container(container, name),
        duration=float(duration),
        width=first.width,
        height=first.height,
        pixel_format=f"yuva{first.format.name[3:]}" if beside else first.format.name,
        codec=codec_name(stream),
        profile=stream.profile,
        frame_rate=(rate.numerator, rate.denominator),
        frame_count=_frame_count(stream, duration * rate, size),
        time_base=(time_base.numerator, time_base.denominator),
        stream=stream.index,
        sample_aspect_ratio=(aspect.numerator, aspect.denominator) if aspect > 0 else (1, 1),
        rotation=rotation,
        mirrored=mirrored,
        interlaced=interlaced,
        alpha=alpha,
        colour=colour,
        streams=streams,
        chapters=len(container.chapters()),
        timecode=_timecode(container, stream),
        hdr=read_hdr(asked),
        dynamic_hdr=dynamic,
        warnings=(
            *_warnings(streams, stream.index, dynamic, colour),
            *unseen_losses(asked),
        ),
    )


def _check_codec(stream: VideoStream, name: str) -> None:
    if stream.codec_context is None or not stream.codec_context.name:
        raise UnsupportedVideoError(
            f"The video stream of '{name}' has a codec that is unknown here. Convert it to a "
            "common one, such as H.264, with another program first.",
            path=name,
        )


def _first_frames(container: InputContainer, stream: VideoStream, name: str) -> list[av.VideoFrame]:
    prepare_decoder(stream)
    frames: list[av.VideoFrame] = []
    for packet in islice(packets(container, stream, name), _PATIENCE):
        frames += decode(stream.codec_context, packet)
        if len(frames) >= _FIRST_FRAMES:
            break
    else:
        frames += decode(stream.codec_context, None)
    if not frames:
        raise _no_frame(name)
    return frames


def _no_frame(name: str) -> DamagedVideoError:
    return DamagedVideoError(
        f"Not one frame of '{name}' can be decoded; the file is damaged, or locked by copy "
        "protection. Get it again from where it came.",
        path=name,
    )


def _container(
    container: InputContainer, name: str
) -> Literal["mp4", "mov", "mkv", "webm", "other"]:
    kind = container.format.name
    if kind.startswith("mov,"):
        return "mov" if container.metadata.get("major_brand", "qt  ") == "qt  " else "mp4"
    if kind.startswith("matroska"):
        return "webm" if name.lower().endswith(".webm") else "mkv"
    return "other"


def _frame_rate(stream: VideoStream) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _HIGHEST_RATE:
            return Fraction(rate.numerator, rate.denominator)
    return Fraction(25)


def _duration(container: InputContainer, stream: VideoStream) -> Fraction:
    """Return the length in seconds that the container claims, 0 where it claims none."""
    if stream.duration and stream.time_base:
        return max(stream.duration * stream.time_base, Fraction(0))
    return max(Fraction(container.duration or 0, av.time_base), Fraction(0))


def _frame_count(stream: VideoStream, estimate: Fraction, size: int) -> int:
    """Return the number of frames that is claimed or estimated; each takes a byte at least."""
    return min(max(stream.frames, 0) or round(estimate), size)


def _facts(stream: Stream) -> StreamFacts:
    kind = stream.type if stream.type != "unknown" else "data"
    codec = codec_name(stream)
    disposition = int(stream.disposition)
    return StreamFacts(
        index=stream.index,
        kind=kind,
        codec=codec or "unknown",
        language=stream.language,
        title=stream.metadata.get("title"),
        disposition=tuple(flag.name for flag in Disposition if disposition & flag and flag.name),
        cover_art=is_cover(stream),
        supported=stream.type != "unknown" and bool(codec),
    )


def _timecode(container: InputContainer, main: Stream) -> str:
    """Return the timecode of the first frame, as the video, its file or a track of its own says."""
    tracks = (stream for stream in container.streams if stream.type == "data")
    tags = (owner.metadata for owner in (main, *tracks))
    found = (timecode_in(metadata) for metadata in (container.metadata, *tags))
    return next(filter(None, found), "")


def _warnings(
    streams: tuple[StreamFacts, ...],
    main: int,
    dynamic: tuple[str, ...],
    colour: Colour,
) -> Iterable[str]:
    if dynamic:
        yield loss(dynamic, colour.transfer)
    moving = [s for s in streams if s.kind == "video" and not s.cover_art and s.index != main]
    if moving:
        numbers = ", ".join(str(s.index) for s in moving)
        yield f"Only the main video stream ({main}) is upscaled, not {numbers}."
