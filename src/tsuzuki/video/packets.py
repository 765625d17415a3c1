"""The packets of the main video stream: numbered, looked at, and found again."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from tsuzuki.durable import storage_error
from tsuzuki.errors import InputError
from tsuzuki.sessions.frame_index import Start
from tsuzuki.video.facts import Probe
from tsuzuki.video.source import fails_to_read, open_source, prepare_decoder

MISSING = -(1 << 63)
"""Stands for a missing time or position in an array."""

_NEAR = 300
"""Packets that are counted from the file's start rather than sought."""
_FAR = 4000
"""Packets looked through after a seek before it counts as failed."""
_MARGINS = (0, 2, 10, 60)
"""Seconds to seek earlier, since some demuxers land after the time asked for."""

KEY, DISCARD, CORRUPT, HIDDEN, CLEAN = 1, 2, 4, 8, 16
"""Flags of a packet; a clean one is a key that is known to be decodable without a test."""

_ALWAYS_CLEAN = frozenset({
    "vp8", "vp9", "av1", "mpeg1video", "mpeg2video", "ffv1", "prores", "mjpeg", "dnxhd", "utvideo",
    "huffyuv", "ffvhuff", "magicyuv", "rawvideo", "png", "gif", "apng", "cfhd", "jpeg2000", "v210",
    "v410", "r210", "qtrle", "dvvideo", "hap", "cinepak", "bmp", "dpx", "pgm", "ppm", "targa",
    "tiff", "webp",
})  # fmt: skip
"""Codecs whose key frames refer to nothing before them."""


@contextmanager
def open_stream(probe: Probe) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the main video stream of a probed file with a fresh decoder."""
    with open_source(probe.path) as container:
        stream = next((s for s in container.streams.video if s.index == probe.stream), None)
        if stream is None or stream.codec_context is None:
            raise changed(probe)
        prepare_decoder(stream)
        yield container, stream


def changed(probe: Probe) -> InputError:
    """Return the error for a file that is no longer what it was when it was probed."""
    return InputError(
        f"'{probe.path}' is no longer what it was when work on it began: it changed or became "
        "shorter. Put the original file back and resume, or start anew.",
        path=probe.path,
    )


def packets(container: InputContainer, stream: VideoStream, path: str) -> Iterator[Packet]:  # type: ignore[type-arg]
    """Yield the packets of a stream up to the end of the file or the first unreadable place.

    Raises `StorageError` where the disk fails, and `MemoryError`: what no memory was left for is
    not the end of the file.
    """
    try:
        for packet in container.demux(stream):
            if packet.size or packet.pts is not None or packet.dts is not None:
                yield packet
    except OSError as error:
        if fails_to_read(error, path):
            raise storage_error(error, Path(path)) from error
    except MemoryError:
        raise
    except (av.error.FFmpegError, EOFError, IndexError):
        return  # PyAV raises IndexError at the end of files whose streams became more


class _Mark:
    """Number of a packet, handed through the decoder.

    PyAV keeps what is handed through under its address in memory, so that equal small integers,
    which share one, would take each other away.
    """

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def mark(packet: Packet, number: int) -> None:  # type: ignore[type-arg]
    """Let the frames that come from a packet know its number."""
    packet.opaque = _Mark(number)


def number_of(frame: av.VideoFrame) -> int:
    """Return the number of the packet that a frame comes from, -1 if that is unknown."""
    own = frame.opaque
    return own.number if isinstance(own, _Mark) else -1


def decode(decoder: VideoCodecContext, packet: Packet | None) -> list[av.VideoFrame]:  # type: ignore[type-arg]
    """Return the frames that a packet (None: the end) makes a decoder give; none on errors."""
    try:
        return decoder.decode(packet)
    except (av.error.FFmpegError, EOFError):
        return []


class FrameNumbers:
    """Finds the frame that comes from a packet; takes 16 bytes a frame, a fifth of a dict's."""

    def __init__(self, packets: Sequence[int]) -> None:
        """Take the number of the packet that each frame comes from."""
        numbers = np.array(packets, np.int64)
        self._frames = np.argsort(numbers, kind="stable")
        self._packets = numbers[self._frames]

    def get(self, packet: int) -> int | None:
        """Return the number of the frame (the last one, if there are more), None if none does."""
        place = int(np.searchsorted(self._packets, packet, side="right")) - 1
        if place < 0 or self._packets[place] != packet:
            return None
        return int(self._frames[place])


class Columns:
    """Facts of every packet of a stream in file order, 41 bytes each."""

    def __init__(self) -> None:
        self.pts = array("q")
        self.dts = array("q")
        self.pos = array("q")
        self.size = array("q")
        self.duration = array("q")
        self.flags = array("B")

    def __len__(self) -> int:
        return len(self.pts)

    def add(self, packet: Packet, flags: int) -> None:  # type: ignore[type-arg]
        """Take over the facts of the next packet."""
        self.pts.append(MISSING if packet.pts is None else packet.pts)
        self.dts.append(MISSING if packet.dts is None else packet.dts)
        self.pos.append(MISSING if packet.pos is None or packet.pos < 0 else packet.pos)
        self.size.append(packet.size)
        self.duration.append(packet.duration or 0)
        self.flags.append(flags)

    def drop_last(self) -> None:
        """Forget the last packet."""
        for column in (self.pts, self.dts, self.pos, self.size, self.duration, self.flags):
            column.pop()

    def start(self, packet: int, frame: int, pts: int) -> Start:
        """Return packet ``packet`` as a decoding start; ``pts`` stands in for a missing one."""
        own, dts, pos = self.pts[packet], self.dts[packet], self.pos[packet]
        return Start(
            frame=frame,
            packet=packet,
            pts=pts if own == MISSING else own,
            dts=None if dts == MISSING else dts,
            pos=None if pos == MISSING else pos,
            size=self.size[packet],
        )


def flags_of(packet: Packet, codec: str, extradata: bytes) -> int:  # type: ignore[type-arg]
    """Return the flags of a packet, looking into its bytes where the container does not tell."""
    flags = (
        (KEY if packet.is_keyframe else 0)
        | (DISCARD if packet.is_discard else 0)
        | (CORRUPT if packet.is_corrupt else 0)
    )
    if codec in {"vp8", "vp9"} and packet.size and _is_hidden(packet, codec):
        flags |= HIDDEN
    if flags & KEY and (codec in _ALWAYS_CLEAN or _is_clean(bytes(packet), codec, extradata)):
        flags |= CLEAN
    return flags


def _is_hidden(packet: Packet, codec: str) -> bool:  # type: ignore[type-arg]
    """Tell whether a packet gives no frame: ``show_frame`` of RFC 6386 9.1 and the VP9 header."""
    view = memoryview(packet)
    if codec == "vp8":
        return not view[0] >> 4 & 1
    if view[-1] & 0xE0 == 0xC0:  # superframe: holds a frame that is shown
        return False
    bits = int.from_bytes(view[:2].tobytes().ljust(2, b"\0"), "big")
    profile = (bits >> 13 & 1) | (bits >> 12 & 1) << 1
    at = 10 if profile == 3 else 11
    shows_existing, shows = bits >> at & 1, bits >> (at - 2) & 1
    return not (shows_existing or shows)


def _is_clean(data: bytes, codec: str, extradata: bytes) -> bool:
    """Tell whether the first slice of H.264 is an IDR one, of H.265 one of random access."""
    if codec not in {"h264", "hevc"}:
        return False
    for head in _nal_units(data, codec, extradata):
        if codec == "h264" and head & 31 in {1, 2, 5}:
            return head & 31 == 5
        if codec == "hevc" and head >> 1 & 63 < 32:
            return 16 <= head >> 1 & 63 <= 21
    return False


def _nal_units(data: bytes, codec: str, extradata: bytes) -> Iterator[int]:
    """Yield the first byte of every NAL unit, length-prefixed or after start codes."""
    if extradata[:1] == b"\x01" and len(extradata) > 21:
        length = (extradata[4 if codec == "h264" else 21] & 3) + 1
        at = 0
        while at + length < len(data):
            yield data[at + length]
            at += length + int.from_bytes(data[at : at + length], "big")
        return
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 3:
        yield data[at + 3]
        at = data.find(b"\0\0\1", at + 3)


def packets_from(probe: Probe, start: Start) -> Iterator[tuple[int, Packet | None, VideoStream]]:  # type: ignore[type-arg]
    """Yield packet ``start`` and all after it with their numbers, of a freshly opened file.

    At the end None comes with the number of packets, for the decoder to give what it still holds.

    Seeks where that leads to the very packet, and counts from the file's start where not. Which
    way is taken depends on the file and the start alone.
    """
    if start.packet >= _NEAR:
        with open_stream(probe) as (container, stream):
            found = _sought(container, stream, start, probe)
            if found is not None:
                yield start.packet, found, stream
                yield from _numbered(container, stream, probe, start.packet + 1)
                return
    with open_stream(probe) as (container, stream):
        for number, packet, _ in _numbered(container, stream, probe, 0):
            if packet is None and number <= start.packet:
                raise changed(probe)
            if packet is not None and number == start.packet and not is_packet(packet, start):
                raise changed(probe)
            if number >= start.packet:
                yield number, packet, stream


def _numbered(
    container: InputContainer, stream: VideoStream, probe: Probe, number: int
) -> Iterator[tuple[int, Packet | None, VideoStream]]:  # type: ignore[type-arg]
    for packet in packets(container, stream, probe.path):
        yield number, packet, stream
        number += 1
    yield number, None, stream


def is_packet(packet: Packet, start: Start) -> bool:  # type: ignore[type-arg]
    """Tell whether this is the packet that ``start`` describes."""
    if packet.size != start.size:
        return False
    if start.pos is not None and packet.pos is not None and packet.pos >= 0:
        return packet.pos == start.pos and packet.pts in {None, start.pts}
    return packet.pts in {None, start.pts} and packet.dts in {None, start.dts}


def _sought(
    container: InputContainer, stream: VideoStream, start: Start, probe: Probe
) -> Packet | None:  # type: ignore[type-arg]
    time = start.pts if start.dts is None else start.dts
    for margin in _MARGINS:
        ticks = int(margin / Fraction(*probe.time_base))
        try:
            container.seek(time - ticks, stream=stream)
        except (av.error.FFmpegError, OverflowError):
            return None
        found = _look_for(container, stream, start, probe)
        if found is not None:
            return found
    return None


def _look_for(
    container: InputContainer, stream: VideoStream, start: Start, probe: Probe
) -> Packet | None:  # type: ignore[type-arg]
    for count, packet in enumerate(packets(container, stream, probe.path)):
        if is_packet(packet, start):
            return packet
        late = None not in {packet.dts, start.dts} and packet.dts > start.dts  # type: ignore[operator]
        if late or count > _FAR:
            return None
    return None
