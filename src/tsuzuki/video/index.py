"""The time, the packet and the nearest decoding start of every frame."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise

import av
import msgspec

from tsuzuki.errors import DamagedVideoError, SettingsError, UnsupportedVideoError
from tsuzuki.sessions.frame_index import FrameIndex, Start, decode_index
from tsuzuki.sessions.layout import MAX_FRAMES
from tsuzuki.video.alike import Alike
from tsuzuki.video.bounds import bounded_memory
from tsuzuki.video.facts import Probe
from tsuzuki.video.packets import (
    CLEAN,
    CORRUPT,
    DISCARD,
    HIDDEN,
    KEY,
    MISSING,
    Columns,
    FrameNumbers,
    decode,
    flags_of,
    mark,
    number_of,
    open_stream,
    packets,
)

START_DISTANCE = 12
"""Least number of frames between two decoding starts; more would only make the index long."""
_DOUBTFUL_DISTANCE = 48
"""The same for key packets that have to be tested by decoding them, which takes time."""
_SAMPLE = 48
"""Packets decoded to see whether packets and frames match."""
_JUMP = 1
"""Seconds that times may fall back before it counts as a jump."""

Report = Callable[[float], None]


def build_index(
    probe: Probe,
    start: Decimal | None = None,
    end: Decimal | None = None,
    on_progress: Report | None = None,
) -> FrameIndex:
    """Index the main video stream, or the frames of it that begin in [start, end).

    ``start`` and ``end`` are seconds after the first frame. Reads the packets without decoding
    them; where packets and frames do not match one to one, decodes the file once.
    ``on_progress`` gets fractions from 0 to 1.

    Raises `DamagedVideoError` where there is not one frame or far too many are declared,
    `UnsupportedVideoError` where times jump back or lie too far away, `SettingsError` where the
    range holds no frame, `StorageError`.
    """
    watch = _Watch(probe, on_progress)
    columns = _scan_bounded(probe, watch)
    frames = _by_packets(probe, columns) if _matches(probe, columns) else None
    if frames is None:
        frames = _by_decoding(probe, watch)
    if not frames:
        raise DamagedVideoError(
            f"'{probe.path}' holds not one whole frame. Get it again from where it came.",
            path=probe.path,
        )
    index = FrameIndex(
        time_base=probe.time_base,
        pts=[pts for pts, _ in frames],
        end=_end(probe, columns, frames),
        starts=_starts(probe, columns, frames, watch),
        packets=[packet for _, packet in frames],
        failed=[i for i, (_, packet) in enumerate(frames) if columns.flags[packet] & CORRUPT],
    )
    index = msgspec.structs.replace(index, warnings=list(_warnings(probe, index)))
    if start is not None or end is not None:
        index = _cut(index, start, end)
    _refuse_what_nobody_would_read(probe, index)
    return index


def _refuse_what_nobody_would_read(probe: Probe, index: FrameIndex) -> None:
    """Raise `UnsupportedVideoError` for an index that would count as damaged once it is stored."""
    try:
        decode_index(msgspec.json.encode(index))
    except ValueError as error:
        raise UnsupportedVideoError(
            f"The frames of '{probe.path}' cannot be indexed: {error}. Convert it with another "
            "program.",
            path=probe.path,
        ) from error


class _Watch:
    """Reports progress, and keeps the number of packets within bounds."""

    def __init__(self, probe: Probe, report: Report | None) -> None:
        self._size = max(probe.size, 1)
        self._report = report
        self._last = 0.0

    def at(self, number: int, position: int | None) -> None:
        """Take note of packet ``number`` at byte ``position``."""
        if number % 64:
            return
        if number > MAX_FRAMES:
            raise UnsupportedVideoError(f"The video has more than {MAX_FRAMES} frames. Cut it.")
        done = min((position or 0) / self._size, 1.0)
        if self._report is not None and done > self._last + 0.001:
            self._last = done
            self._report(done)


def _scan_bounded(probe: Probe, watch: _Watch) -> Columns:
    """Scan the file with the memory that opening may take.

    A fragment can declare hundreds of millions of samples that take no bytes. What is read of the
    file later takes no more.
    """
    try:
        with bounded_memory():
            return _scan(probe, watch)
    except MemoryError as error:
        raise DamagedVideoError(
            f"'{probe.path}' declares more frames than memory can hold, so it is damaged. Get it "
            "again from where it came.",
            path=probe.path,
        ) from error


def _scan(probe: Probe, watch: _Watch) -> Columns:
    columns = Columns()
    alike = Alike(probe) if probe.pictures == "sequence" else None
    with open_stream(probe) as (container, stream):
        extradata = stream.codec_context.extradata or b""
        for number, packet in enumerate(packets(container, stream, probe.path)):
            columns.add(packet, flags_of(packet, probe.codec, extradata))
            if alike is not None:
                alike.check(number, packet)
            watch.at(number, packet.pos)
    while columns and columns.flags[-1] & CORRUPT:  # the file is cut off within a frame
        columns.drop_last()
    return columns


def _matches(probe: Probe, columns: Columns) -> bool:
    """Tell whether every packet (but hidden ones) gives one frame that has its time."""
    if MISSING in columns.pts or probe.format in {"h264", "hevc", "vvc", "m4v", "mpegvideo", "vc1"}:
        return False
    if probe.codec == "h264" and probe.interlaced and probe.container == "other":
        return False  # field pairs may come in two packets
    return _sample_matches(probe)


def _sample_matches(probe: Probe) -> bool:
    times: dict[int, int | None] = {}
    frames: list[av.VideoFrame] = []
    with open_stream(probe) as (container, stream):
        for number, packet in enumerate(islice(packets(container, stream, probe.path), _SAMPLE)):
            if not flags_of(packet, probe.codec, b"") & (DISCARD | HIDDEN):
                times[number] = packet.pts
            mark(packet, number)
            frames += decode(stream.codec_context, packet)
        frames += decode(stream.codec_context, None)
    own = all(times.get(number_of(frame), MISSING) == frame.pts for frame in frames)
    rising = own and all(a.pts < b.pts for a, b in pairwise(frames))  # type: ignore[operator]
    return rising and 2 * len(frames) >= len(times)


def _by_packets(probe: Probe, columns: Columns) -> list[tuple[int, int]] | None:
    """Return time and packet of every frame, by time; None where two packets have one time."""
    _refuse_jumps(probe, (dts for dts in columns.dts if dts != MISSING))
    shown = [i for i, flags in enumerate(columns.flags) if not flags & (DISCARD | HIDDEN)]
    frames = sorted((columns.pts[packet], packet) for packet in shown)
    return frames if all(a[0] < b[0] for a, b in pairwise(frames)) else None


def _by_decoding(probe: Probe, watch: _Watch) -> list[tuple[int, int]]:
    """Return time and packet of every frame that a decoder gives from the file's first packet.

    The i-th frame has the i-th smallest time, since AVI and some others tell times in the order of
    decoding. Frames without a time of their own get one between those of their neighbours.
    """
    step = _step(probe)
    times: list[int] = []
    numbers: list[int] = []
    for packet, time in _decoded_times(probe, watch):
        last = times[-1] if times else -step
        times.append(last + step if time is None else time)
        numbers.append(packet)
    _refuse_jumps(probe, times)
    return list(zip(_spread(sorted(times), step), numbers, strict=True))


def _spread(times: list[int], step: int) -> list[int]:
    """Return rising times strictly rising, equal ones moved towards the next larger."""
    later = times[-1] + step if times else 0
    out: list[int] = []
    for at, time in enumerate(times):
        last = out[-1] if out else time - 1
        if time > last:
            out.append(time)
            continue
        following = next((t for t in islice(times, at, at + 100) if t > last), later)
        out.append(max((last + following) // 2, last + 1))
    return out


def _step(probe: Probe) -> int:
    """Return the length of a frame in ticks, by the mean frame rate."""
    return max(round(1 / (Fraction(*probe.frame_rate) * Fraction(*probe.time_base))), 1)


def _decoded_times(probe: Probe, watch: _Watch) -> Iterable[tuple[int, int | None]]:
    with open_stream(probe) as (container, stream):
        decoder = stream.codec_context
        for number, packet in enumerate(packets(container, stream, probe.path)):
            mark(packet, number)
            for frame in decode(decoder, packet):
                yield number_of(frame), frame.dts if frame.pts is None else frame.pts
            watch.at(number, packet.pos)
        for frame in decode(decoder, None):
            yield number_of(frame), frame.dts if frame.pts is None else frame.pts


def _refuse_jumps(probe: Probe, times: Iterable[int]) -> None:
    tolerance = _JUMP / Fraction(*probe.time_base)
    for before, after in pairwise(times):
        if after < before - tolerance:
            seconds = float(before * Fraction(*probe.time_base))
            raise UnsupportedVideoError(
                f"The timestamps of '{probe.path}' jump back after {seconds:.3f} s, as where "
                "recordings were joined. Give it new ones first, for instance by remuxing it to "
                "MKV with another program.",
                path=probe.path,
            )


def _end(probe: Probe, columns: Columns, frames: list[tuple[int, int]]) -> int:
    """Return when the last frame ends: by its packet, else by the mean length of the others."""
    pts, packet = frames[-1]
    if columns.duration[packet] > 0:
        return pts + columns.duration[packet]
    if len(frames) > 1:
        return pts + max(round(Fraction(pts - frames[0][0], len(frames) - 1)), 1)
    return pts + _step(probe)


def _starts(
    probe: Probe, columns: Columns, frames: list[tuple[int, int]], watch: _Watch
) -> list[Start]:
    """Return the file's first packet and all key packets that a decoder can begin with."""
    times = [pts for pts, _ in frames]
    numbers = FrameNumbers([packet for _, packet in frames])
    starts = [columns.start(0, 0, times[0])]
    last = max(packet for _, packet in frames)
    for packet, flags in enumerate(columns.flags[: last + 1]):
        if packet == 0 or not flags & KEY or flags & (CORRUPT | HIDDEN):
            continue
        pts = columns.pts[packet]
        frame = numbers.get(packet)
        if frame is None and pts != MISSING:  # not shown itself, but what follows is
            frame = bisect_left(times, pts)
        distance = START_DISTANCE if flags & CLEAN else _DOUBTFUL_DISTANCE
        if frame is not None and starts[-1].frame + distance <= frame < len(frames):
            starts.append(columns.start(packet, frame, times[frame]))
    doubtful = {s.packet for s in starts[1:] if not columns.flags[s.packet] & CLEAN}
    broken = _failing(probe, doubtful, watch) if doubtful else set()
    return [s for s in starts if s.packet not in broken]


def _failing(probe: Probe, doubtful: set[int], watch: _Watch) -> set[int]:
    """Return the key packets that do not give their own frame whole when decoded alone."""
    failing = set()
    last = max(doubtful)
    with open_stream(probe) as (container, stream):
        for number, packet in enumerate(packets(container, stream, probe.path)):
            watch.at(number, packet.pos)
            if number in doubtful:
                mark(packet, number)
                decoder = stream.codec_context
                frames = decode(decoder, packet) + decode(decoder, None)
                decoder.flush_buffers()
                discarded = packet.is_discard
                if not discarded and not _gives_own(frames, number):
                    failing.add(number)
            if number >= last:
                break
    return failing


def _gives_own(frames: list[av.VideoFrame], number: int) -> bool:
    return bool(frames) and number_of(frames[0]) == number and not frames[0].is_corrupt


def _warnings(probe: Probe, index: FrameIndex) -> Iterable[str]:
    base = Fraction(*probe.time_base)
    length = float((index.end - index.pts[0]) * base)
    if probe.duration > 5 and length < probe.duration * 0.9:
        yield (
            f"The video ends after {length:.1f} s although the file claims "
            f"{probe.duration:.1f} s; it is probably cut off. What is there is upscaled."
        )
    if index.failed:
        yield (
            f"{len(index.failed)} frames are damaged in the file; where one cannot be decoded, "
            "the frame before it is repeated."
        )


def no_frames(start: Decimal | None, end: Decimal | None, length: float) -> SettingsError:
    """Return the error for a range without a frame; ``length`` is the video's, in seconds."""
    return SettingsError(
        f"There is no frame between {start or 0} s and {end or length} s; the video is "
        f"{length:.3f} s long. Choose a range within it."
    )


def _cut(index: FrameIndex, start: Decimal | None, end: Decimal | None) -> FrameIndex:
    """Return the index of the frames that begin in [start, end), in seconds after the first."""
    base = Fraction(*index.time_base)
    origin = index.pts[0]
    first = bisect_left(index.pts, origin + Fraction(start or 0) / base)
    last = len(index) if end is None else bisect_left(index.pts, origin + Fraction(end) / base)
    if first >= last:
        length = float((index.end - origin) * base)
        raise no_frames(start, end, length)
    before = bisect_right(index.starts, first, key=lambda s: s.frame) - 1
    packets = index.packets[first:last]
    rest = max(packets)
    starts = [s for s in index.starts[max(before, 0) :] if s.frame < last and s.packet <= rest]
    return msgspec.structs.replace(
        index,
        pts=index.pts[first:last],
        packets=packets,
        end=index.end if last == len(index) else index.pts[last],
        starts=[msgspec.structs.replace(s, frame=s.frame - first) for s in starts],
        failed=[frame - first for frame in index.failed if first <= frame < last],
        first=first,
    )
