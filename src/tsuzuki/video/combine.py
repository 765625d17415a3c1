"""Joining sealed segments and everything else of the source into the output."""

from __future__ import annotations

import heapq
import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import msgspec
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from tsuzuki.errors import SessionDamagedError
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.video.alpha import has_alpha
from tsuzuki.video.carry import Carried, Span, add_streams, kept_metadata
from tsuzuki.video.containers import open_output, template
from tsuzuki.video.facts import EncodePlan, Probe
from tsuzuki.video.hdr_container import with_hdr
from tsuzuki.video.segment import raise_kept, ticks_per_frame
from tsuzuki.video.source import open_source
from tsuzuki.video.timecode import later

OnProgress = Callable[[int, int], None]
"""Called with the frames joined so far and their total."""

_PROGRESS_EVERY = 50
_OWN_CLOCK = frozenset({"mpegts", "mpeg"})
"""Formats whose clock starts anywhere; their output starts at 0."""

_MAX_TIMESCALE = 2**31
_HEAD = 8 << 20
"""Bytes of a segment that hold its header, and a first frame of any size, to know the stream by."""

_VENDOR = "com."
"""Beginning of the metadata keys that telephones and cameras make up."""


class _Layout(msgspec.Struct, frozen=True):
    """What a first look at the segments tells."""

    frames: tuple[int, ...]
    reorder: int


def combine(
    probe: Probe,
    index: FrameIndex,
    segments: Sequence[Path],
    plan: EncodePlan,
    file: BinaryIO,
    *,
    ranged: bool = False,
    on_progress: OnProgress | None = None,
) -> None:
    """Write the output to ``file``, which must be seekable; it stays open.

    ``segments`` are the sealed segments in order, together as many frames as ``index``. With
    ``ranged`` the index is a part of the video, and everything else is cut to the same time.
    Equal arguments give equal bytes. Raises `SessionDamagedError` for segments that do not fit,
    and what writing to ``file`` raises.
    """
    layout = _survey(segments, plan, len(index))
    with (
        open_source(probe.path) as source,
        _open_like(segments[0], plan) as first,
        _writing(plan, index, source, file) as output,
    ):
        shift = _shift(index, source, ranged=ranged)
        video, carried = add_streams(source, output, probe, plan.container, first.streams.video[0])
        _finish_video(video, plan, probe, index)
        span = _span(index) if ranged else None
        output.metadata.update(kept_metadata(source.metadata))
        _set_timecode(output, video, plan, probe, index)
        output.set_chapters(_chapters(source, shift, span))
        output.start_encoding()
        frames = _video_packets(segments, layout, index, plan, video, shift)
        others = _other_packets(source, carried, shift, span)
        watched = _watch(frames, len(index), on_progress)
        for packet in heapq.merge(watched, others, key=_decoding_time):
            output.mux_one(packet)
    raise_kept(file)


def _survey(segments: Sequence[Path], plan: EncodePlan, frames: int) -> _Layout:
    """Read every segment once: number of frames, reordering, equal headers."""
    counts: list[int] = []
    headers: list[bytes] = []
    reorder = 0
    for path in segments:
        with _open_segment(path) as container:
            stream = container.streams.video[0]
            headers.append(stream.codec_context.extradata or b"")
            numbers = [number for number, _ in _numbered(container, plan)]
        if sorted(numbers) != list(range(len(numbers))):
            raise _unfit(path, "its frames are not whole")
        counts.append(len(numbers))
        reorder = max([reorder, *(place - number for place, number in enumerate(numbers))])
    _check_headers(segments, headers, plan)
    if sum(counts) != frames:
        raise SessionDamagedError(
            f"The segments hold {sum(counts)} frames, the video has {frames}. Resume the session: "
            "damaged segments are set aside and computed again.",
            held=sum(counts),
            wanted=frames,
        )
    return _Layout(frames=tuple(counts), reorder=reorder)


def _check_headers(segments: Sequence[Path], headers: Sequence[bytes], plan: EncodePlan) -> None:
    """Raise `SessionDamagedError` unless all segments have one codec header, as players need it.

    Named are those that the present encoder would not make, be they few or many: after a change of
    versions that was accepted, these are the ones that can be made anew to fit.
    """
    if len(set(headers)) <= 1:
        return
    with template(plan, plan.width, plan.height) as stream:
        present = stream.codec_context.extradata or b""
    odd = [path for path, own in zip(segments, headers, strict=True) if own != present]
    raise SessionDamagedError(
        f"{len(odd)} of {len(segments)} segments cannot be joined with the others, because their "
        f"codec header is not what {plan.encoder} makes now. Delete these files in "
        f"{odd[0].parent}, then resume: only their frames are computed again. They are "
        f"{', '.join(path.name for path in odd)}.",
        paths=[str(path) for path in odd],
    )


def _unfit(path: Path, why: str) -> SessionDamagedError:
    return SessionDamagedError(
        f"The segment {path} cannot be joined: {why}. Delete this file, then resume: only its "
        "frames are computed again.",
        path=str(path),
    )


@contextmanager
def _open_segment(path: Path) -> Iterator[InputContainer]:
    try:
        container = av.open(str(path), "r", format="matroska")
    except (av.FFmpegError, OSError) as error:
        raise _unfit(path, str(error)) from error
    with container:
        if not container.streams.video:
            raise _unfit(path, "it has no video")
        yield container


@contextmanager
def _open_like(segment: Path, plan: EncodePlan) -> Iterator[InputContainer]:
    """Open a segment for its stream to be a template, which has the HDR metadata of the plan."""
    if not plan.extra:
        with _open_segment(segment) as container:
            yield container
        return
    with segment.open("rb") as file:
        head = with_hdr(file.read(_HEAD), plan.extra)
    with av.open(io.BytesIO(head), "r", format="matroska") as container:
        yield container


def _numbered(container: InputContainer, plan: EncodePlan) -> Iterator[tuple[int, av.Packet[Any]]]:
    """Yield the packets of a segment in decoding order, each with the number of its frame."""
    step = ticks_per_frame(plan)
    for packet in container.demux(container.streams.video[0]):
        if packet.size and packet.pts is not None:
            yield packet.pts // step, packet


@contextmanager
def _writing(
    plan: EncodePlan, index: FrameIndex, source: InputContainer, file: BinaryIO
) -> Iterator[OutputContainer]:
    """Open the output; close it well, or leave it for dead after an error."""
    options = {}
    if plan.container in {"mp4", "mov"}:
        options["movie_timescale"] = str(_movie_timescale(index, source))
        if any(key.startswith(_VENDOR) for key in source.metadata):
            options["movflags"] = "use_metadata_tags"  # else only keys that are known by name stay
    output = open_output(plan.container, file, **options)
    try:
        yield output
    except BaseException:
        with suppress(Exception):
            output.close()
        raise
    output.close()


def _movie_timescale(index: FrameIndex, source: InputContainer) -> int:
    """Return ticks per second in which the starts of all streams are exact where possible.

    MP4 stores how long a stream waits before it begins in the time scale of the whole film, by
    default in milliseconds.
    """
    video = Fraction(*index.time_base).denominator
    rates = [stream.codec_context.sample_rate for stream in source.streams.audio]
    common = math.lcm(video, 1000, *(rate for rate in rates if rate))
    return common if common < _MAX_TIMESCALE else max(video, 1000)


def _shift(index: FrameIndex, source: InputContainer, *, ranged: bool) -> Fraction:
    """Return the seconds to add to every time, one constant for all streams.

    A part of a video starts at 0. Else the times are the source's, unless its clock starts
    anywhere or frames would come before 0.
    """
    first = index.pts[0] * Fraction(*index.time_base)
    if ranged:
        return -first
    if source.format.name in _OWN_CLOCK:
        starts = [
            s.start_time * s.time_base for s in source.streams if s.start_time and s.time_base
        ]
        return -min([first, *starts])
    return max(-first, Fraction(0))


def _span(index: FrameIndex) -> Span:
    tick = Fraction(*index.time_base)
    return Span(index.pts[0] * tick, index.end * tick)


def _chapters(source: InputContainer, shift: Fraction, span: Span | None) -> list[Any]:
    """Return the source's chapters, shifted, cut to the span."""
    kept = []
    for chapter in source.chapters():
        tick = chapter["time_base"] or Fraction(1, 1000)
        start, end = chapter["start"] * tick, chapter["end"] * tick
        if span is not None:
            start, end = max(start, span.start), min(end, span.end)
        if start < end:
            times = {"start": round((start + shift) / tick), "end": round((end + shift) / tick)}
            kept.append(chapter | times | {"time_base": tick})
    return kept


def _finish_video(video: Any, plan: EncodePlan, probe: Probe, index: FrameIndex) -> None:
    """Set what a template does not carry over: time base, pixel shape, rotation, codec tag."""
    video.time_base = Fraction(*index.time_base)
    video.codec_context.sample_aspect_ratio = Fraction(*plan.sample_aspect_ratio)
    if probe.rotation or probe.mirrored:
        video.set_display_rotation(probe.rotation, hflip=probe.mirrored)
    if plan.encoder == "vp9" and has_alpha(plan.pixel_format):
        video.metadata["alpha_mode"] = "1"
    if plan.encoder == "x265" and plan.container in {"mp4", "mov"}:
        video.codec_tag = "hvc1"  # players of one large maker know no other


def _set_timecode(
    output: OutputContainer, video: Any, plan: EncodePlan, probe: Probe, index: FrameIndex
) -> None:
    """Set the timecode of the output's first frame, of which MP4 and MOV make a track.

    There is none where frames are at another rate than those that it counts.
    """
    for owner in (output, *output.streams):
        for key in [key for key in owner.metadata if key.lower() == "timecode"]:
            del owner.metadata[key]
    rate = Fraction(*probe.frame_rate)
    kept = later(probe.timecode, index.first, rate) if index.source is None else None
    if kept is None:
        return
    video.metadata["timecode"] = kept
    if plan.container in {"mp4", "mov"}:
        video.codec_context.framerate = Fraction(*plan.frame_rate)


def _video_packets(
    segments: Sequence[Path],
    layout: _Layout,
    index: FrameIndex,
    plan: EncodePlan,
    stream: Stream,
    shift: Fraction,
) -> Iterator[av.Packet[Any]]:
    """Yield the packets of all segments with the times of the frame index.

    Packet i is decoded at the time of frame i - D, D being the greatest reordering: these times
    rise and never exceed the packet's own presentation time.
    """
    tick, first = Fraction(*index.time_base), 0
    ticks, pts = round(shift / tick), index.pts
    step = pts[1] - pts[0] if len(pts) > 1 else max(1, index.end - pts[0])
    for path, frames in zip(segments, layout.frames, strict=True):
        with _open_segment(path) as container:
            for place, (number, packet) in enumerate(_numbered(container, plan), first):
                frame, decoded = first + number, place - layout.reorder
                following = pts[frame + 1] if frame + 1 < len(pts) else index.end
                packet.pts = pts[frame] + ticks
                packet.dts = (pts[decoded] if decoded >= 0 else pts[0] + decoded * step) + ticks
                packet.duration = max(following - pts[frame], 0)
                packet.time_base = tick
                packet.stream = stream
                yield packet
        first += frames


def _other_packets(
    source: InputContainer, carried: dict[int, Carried], shift: Fraction, span: Span | None
) -> Iterator[av.Packet[Any]]:
    """Yield what is carried over, in the order of the source's file."""
    if not carried:
        return
    for packet in source.demux([one.source for one in carried.values()]):
        if packet.size:  # else it only marks the end
            yield from carried[packet.stream_index].packets(packet, shift, span)


def _watch(
    packets: Iterator[av.Packet[Any]],
    total: int,
    on_progress: OnProgress | None,
) -> Iterator[av.Packet[Any]]:
    """Pass packets of the video on and report them."""
    for done, packet in enumerate(packets, 1):
        yield packet
        if on_progress is not None and (done % _PROGRESS_EVERY == 0 or done == total):
            on_progress(done, total)


def _decoding_time(packet: av.Packet[Any]) -> Fraction:
    assert packet.dts is not None
    return packet.dts * packet.time_base
