"""What the frame index says, and how much of it is believed.

It stands here, below what makes and uses it, so that whoever checks a session and whoever goes on
with one take the same index for sound.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from itertools import islice, pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from tsuzuki.sessions.layout import MAX_FRAMES

MAX_SPAN = 1 << 56
"""Ticks from the first frame to the end of the last: in 64 bits some dozen such steps are left."""
MAX_SECONDS = 1 << 33
"""Farthest time from 0, some 270 years: there are clocks that began in 1900."""

_Tick = Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)]
_Term = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]
_Number = Annotated[int, Meta(ge=0, le=MAX_FRAMES)]
_Bytes = Annotated[int, Meta(ge=0, le=1 << 62)]


class Start(msgspec.Struct, frozen=True, array_like=True):
    """A packet from which a fresh decoder gives its own frame first, undamaged."""

    frame: Annotated[int, Meta(ge=-MAX_FRAMES, le=MAX_FRAMES)]
    """Number of that frame, from 0; negative for the start before a range's first frame."""
    packet: _Number
    """Number of the packet within its stream in file order, from 0."""
    pts: _Tick
    dts: _Tick | None
    pos: _Bytes | None
    """Byte position, where the container tells."""
    size: _Bytes


class FrameIndex(msgspec.Struct, frozen=True, kw_only=True):
    """Time and key frame of every frame of the main video stream, in presentation order."""

    time_base: tuple[_Term, _Term]
    """Seconds per tick."""
    pts: Annotated[list[_Tick], Meta(max_length=MAX_FRAMES)]
    """Presentation time of every frame in ticks, strictly rising."""
    end: _Tick
    """Time at which the last frame ends, in ticks."""
    starts: list[Start]
    """Decoding starts, by rising frame; the first has ``frame`` 0 (or less, in a range)."""
    packets: list[_Number] = []
    """Number of the packet that each frame comes from, counted like `Start.packet`."""
    failed: list[_Number] = []
    """Frames (from 0) whose packets are known to be damaged already."""
    first: _Number = 0
    """Number in the video, from 0, of the first frame here; more than 0 in a part of the video."""
    warnings: list[str] = []
    """Sentences for the user, such as on a truncated file."""
    source: FrameIndex | None = None
    """Index of the video's own frames, where those here are others: fewer, or at other times."""
    shown: Annotated[list[_Number], Meta(max_length=MAX_FRAMES)] = []
    """Number in ``source`` of what each frame shows, never falling; empty without ``source``."""

    def __len__(self) -> int:
        return len(self.pts)

    def is_new(self, number: int) -> bool:
        """Tell whether a frame shows another one of the source than the frame before it."""
        return number == 0 or not self.shown or self.shown[number - 1] != self.shown[number]

    def in_video(self, number: int) -> int:
        """Return the number in the video, from 0, of what a frame shows."""
        source = self.source or self
        return source.first + (self.shown[number] if self.shown else number)

    def start_of(self, frame: int) -> Start:
        """Return the last decoding start at or before ``frame``."""
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            if self.starts[middle].frame <= frame:
                low = middle
            else:
                high = middle
        return self.starts[low]


def showing(
    source: FrameIndex, shown: list[int], pts: list[int], time_base: tuple[int, int], end: int
) -> FrameIndex:
    """Return the index that shows these frames of ``source`` at these times."""
    packets = [source.packets[frame] for frame in shown]
    last_packet = max(packets)
    starts: list[Start] = []
    for start in source.starts:
        place = bisect_left(shown, start.frame)
        frame = place if start.frame >= 0 else start.frame
        known = starts and starts[-1].frame >= frame
        if not known and place < len(shown) and start.packet <= last_packet:
            starts.append(msgspec.structs.replace(start, frame=frame))
    failed = set(source.failed)
    index = FrameIndex(
        time_base=time_base,
        pts=pts,
        end=end,
        starts=starts,
        packets=packets,
        warnings=source.warnings,
        source=source,
        shown=shown,
    )
    # Damage counts once, however often it is shown.
    damaged = [n for n, frame in enumerate(shown) if frame in failed and index.is_new(n)]
    return msgspec.structs.replace(index, failed=damaged)


def decode_index(data: bytes) -> FrameIndex:
    """Return the index that JSON says; `ValueError` for one that no video has."""
    index = _decoder.decode(data)
    check_index(index)
    return index


def check_index(index: FrameIndex) -> None:
    """Raise `ValueError` for an index that no video has."""
    if not index.pts or not index.starts or len(index.packets) != len(index.pts):
        raise ValueError("it is not whole")
    if index.first + len(index) > MAX_FRAMES:
        raise ValueError("it has frames with too large numbers")
    if not _rise(index.pts) or index.end <= index.pts[-1]:
        raise ValueError("its times do not rise")
    _check_times(index)
    frames, packets = [s.frame for s in index.starts], [s.packet for s in index.starts]
    if not _rise(frames) or not _rise(packets) or frames[0] > 0:
        raise ValueError("its decoding starts do not rise from the first frame on")
    if frames[-1] >= len(index) or packets[-1] > max(index.packets):
        raise ValueError("it has decoding starts behind its last frame")
    if not _rise(index.failed) or (index.failed and index.failed[-1] >= len(index)):
        raise ValueError("its damaged frames do not rise up to its last frame")
    _check_source(index)


def _check_source(index: FrameIndex) -> None:
    source, shown = index.source, index.shown
    if source is None:
        if shown:
            raise ValueError("it shows frames of no source")
        return
    if source.source is not None or len(shown) != len(index):
        raise ValueError("it is not whole")
    if any(a > b for a, b in pairwise(shown)) or shown[-1] >= len(source):
        raise ValueError("it shows frames that its source has not, or not in their order")
    check_index(source)


def _check_times(index: FrameIndex) -> None:
    ticks, seconds = index.time_base
    farthest = max(abs(index.pts[0]), abs(index.end))
    if index.end - index.pts[0] > MAX_SPAN or farthest * ticks > MAX_SECONDS * seconds:
        raise ValueError("its times are too far away")


def _rise(numbers: list[int]) -> bool:
    return all(map(operator.lt, numbers, islice(numbers, 1, None)))  # a million in no time


_decoder = msgspec.json.Decoder(FrameIndex)
