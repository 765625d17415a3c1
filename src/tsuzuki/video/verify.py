"""Checking a finished output before it is published."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Stream

from tsuzuki.errors import StorageError
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.video.carry import route
from tsuzuki.video.facts import EncodePlan, Probe
from tsuzuki.video.source import codec_name, is_cover, open_source

_MILLISECOND = Fraction(1, 1000)


def verify_output(path: Path, index: FrameIndex, plan: EncodePlan, probe: Probe) -> None:
    """Read the whole output and compare it with what was to be written.

    Frames, their times (exact in MP4 and MOV, to the nearest millisecond in Matroska and WebM,
    all shifted by one constant), size, key frame and carried streams. Raises `StorageError`.
    """
    try:
        with av.open(str(path), "r") as output, open_source(probe.path) as source:
            video = next(s for s in output.streams.video if not is_cover(s))
            _need(path, video.codec_context.width == plan.width, "its width is wrong")
            _need(path, video.codec_context.height == plan.height, "its height is wrong")
            _check_streams(path, output, source, plan, probe)
            times = _times(path, output, video)
    except (av.FFmpegError, StopIteration) as error:
        raise _damaged(path, f"it cannot be read back ({error})") from error
    _check_times(path, times, index, plan)


def _times(path: Path, output: InputContainer, video: Stream) -> list[Fraction]:
    """Return the presentation times of all frames, rising."""
    times: list[Fraction] = []
    for packet in output.demux(video):
        if packet.size:
            _need(path, packet.pts is not None, "a frame has no time")
            _need(path, bool(times) or packet.is_keyframe, "it does not start with a key frame")
            times.append((packet.pts or 0) * packet.time_base)
    return sorted(times)


def _check_times(
    path: Path, times: Sequence[Fraction], index: FrameIndex, plan: EncodePlan
) -> None:
    _need(path, len(times) == len(index), f"it has {len(times)} frames instead of {len(index)}")
    tick = Fraction(*index.time_base)
    offsets = [time - pts * tick for time, pts in zip(times, index.pts, strict=True)]
    allowed = Fraction(0) if plan.container in {"mp4", "mov"} else _MILLISECOND
    spread = max(offsets) - min(offsets)
    _need(path, spread <= allowed, f"times of frames are off by up to {float(spread):.6f} s")


def _check_streams(
    path: Path, output: InputContainer, source: InputContainer, plan: EncodePlan, probe: Probe
) -> None:
    """Compare the kinds and codecs of the carried streams."""
    found = sorted(map(_kind, output.streams))
    wanted = [
        _kind(stream)
        for stream in source.streams
        if stream.index != probe.stream and route(stream, plan.container) != "drop"
    ]
    for kind in wanted:
        _need(path, kind in found, f"the {kind} stream of the source is missing")
        found.remove(kind)


def _kind(stream: Stream) -> str:
    """Return the kind of stream; subtitles may have changed their codec on the way."""
    if is_cover(stream):
        return "cover art"
    if stream.type != "audio":
        return stream.type
    codec = codec_name(stream)
    # MP4 does not tell the layers of MPEG audio apart; who reads the packets does.
    return "mpeg audio" if codec in {"mp1", "mp2", "mp3"} else f"{codec} audio"


def _need(path: Path, ok: bool, problem: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not ok:
        raise _damaged(path, problem)


def _damaged(path: Path, problem: str) -> StorageError:
    return StorageError(
        f"The finished output {path} is not what was written: {problem}. It was not published. "
        "Check the disk, then resume: the segments are safe and are joined again.",
        path=str(path),
    )
