"""An output held against its source: what came through, and what did not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from tests.media.film import Film, Parcel, Picture, Track, read

COLOUR_TOLERANCE = 1.5
"""Code values of 8 bits that the mean of a plane may differ by: what lossy coding does."""
CELL_TOLERANCE = 12
"""The same for the mean of a cell of a grid over a plane: where damage is patched, 11 were seen."""
_MILLISECOND = Fraction(1, 1000)
_UNSPECIFIED = {"matrix": 2, "primaries": 2, "transfer": 2, "range": 0}
"""Colour tags that tell nothing; the output has a guess instead."""


class Finding(NamedTuple):
    """What a comparison of one aspect found."""

    ok: bool
    text: str


class Pair:
    """A source and its output, with the frames that one has to find in the other.

    ``span`` is the part that was upscaled, in seconds after the first frame; ``failed`` are the
    frames (from 1) that the program told to be damaged.
    """

    def __init__(
        self,
        source: Path,
        output: Path,
        *,
        scale: float,
        span: tuple[Fraction, Fraction] | None = None,
        failed: Sequence[int] = (),
    ) -> None:
        self.paths = source, output
        self.source = read(source, None if span is None else span[1])
        self.output = read(output)
        self.scale, self.failed = scale, frozenset(failed)
        self.ranged = span is not None
        self.exact = "mp4" in self.output.container
        # A packet that cannot be decoded is a frame all the same.
        shown = [picture.time for picture in self.source.pictures]
        times = self.source.packet_times if self.source.errors else shown
        start, end = (Fraction(0), None) if span is None else span
        self.after = next((t for t in times if end is not None and t - times[0] >= end), None)
        self.times = [
            t for t in times if t - times[0] >= start and (end is None or t - times[0] < end)
        ]
        self.shift = self.output.pictures[0].time - self.times[0]
        """Seconds that all times were moved by."""

    def holds(self, time: Fraction) -> bool:
        """Tell whether a moment of the source lies in the part that was upscaled."""
        if not self.ranged:
            return True
        return self.times[0] <= time and (self.after is None or time < self.after)

    def findings(self) -> dict[str, Finding]:
        """Return the finding of every aspect."""
        return {name: check(self) for name, check in ASPECTS.items()}

    def otherwise(self) -> frozenset[str]:
        """Return what is otherwise than in the source and passes, by its name in `EXPLAINED`."""
        source, output = self.source, self.output
        added = (
            source.video[name] == nothing != output.video[name]
            for name, nothing in _UNSPECIFIED.items()
        )
        found = {
            "container": self.paths[0].suffix != self.paths[1].suffix,
            "clock": bool(self.shift) and not self.ranged,
            "tags": any(added),
            "time": source.created != output.created is not None,
            "no time": source.created is not None and output.created is None,
        }
        return frozenset(name for name, differs in found.items() if differs)

    def fits(self, misses: Sequence[Fraction]) -> bool:
        """Tell whether times miss the source's by no more than the container makes inevitable."""
        return max(map(abs, misses), default=Fraction(0)) <= (0 if self.exact else _MILLISECOND)


def _frames(pair: Pair) -> Finding:
    held, wanted = len(pair.output.pictures), len(pair.times)
    if held != wanted:
        return Finding(ok=False, text=f"{held} instead of {wanted}")
    if pair.output.errors or any(p.corrupt for p in pair.output.pictures):
        return Finding(ok=False, text="cannot be decoded whole")
    damaged = {n for n, picture in enumerate(pair.source.pictures, 1) if picture.corrupt}
    shown = {picture.time for picture in pair.source.pictures}
    damaged |= {n for n, time in enumerate(pair.times, 1) if time not in shown}
    if damaged != pair.failed and not pair.ranged:
        return Finding(ok=False, text=f"damaged are {sorted(damaged)}, told {sorted(pair.failed)}")
    return Finding(ok=True, text=str(held) + (f", {len(damaged)} damaged" if damaged else ""))


def _times(pair: Pair) -> Finding:
    held = [picture.time for picture in pair.output.pictures]
    misses = [a - b - pair.shift for a, b in zip(held, pair.times, strict=False)]
    worst = max(map(abs, misses))
    if not pair.fits(misses):
        return Finding(ok=False, text=f"off by {float(worst):.6f} s")
    wanted = pair.source.lasting if pair.after is None else pair.after - pair.times[-1]
    if wanted > 2 * _MILLISECOND:  # else the source does not tell
        off = abs(pair.output.lasting - wanted)
        if off > (0 if pair.exact else 2 * _MILLISECOND):  # the end is rounded, and the beginning
            return Finding(ok=False, text=f"ends off by {float(off):.6f} s")
    return Finding(ok=True, text="within 1 ms" if worst else "exact")


def _picture(pair: Pair) -> Finding:
    source, output = pair.source, pair.output
    wrong = [
        f"{name} {output.video.get(name)} instead of {value}"
        for name, value in source.video.items()
        if output.video.get(name) != value and value != _UNSPECIFIED.get(name)
    ]
    for held, side in zip(output.size, source.size, strict=True):
        if not 0 <= held - side * pair.scale <= 1:
            wrong.append(f"{held} pixels from {side}")
    worst = cells = 0.0
    for before, after in _pictures(pair):
        misses = np.abs(after.cells - before.cells)
        worst = max(worst, *(abs(a - b) for a, b in zip(after.means, before.means, strict=True)))
        cells = max(cells, float(misses.max()))
    if worst > COLOUR_TOLERANCE:
        wrong.append(f"colours off by {worst:.1f}")
    if cells > CELL_TOLERANCE:
        wrong.append(f"parts of the picture off by {cells:.1f}")
    return Finding(not wrong, "; ".join(wrong) or f"{output.size[0]}x{output.size[1]}, {worst:.1f}")


def _pictures(pair: Pair) -> Iterator[tuple[Picture, Picture]]:
    """Yield each frame of the output after that of the source which it has to show."""
    shown = {picture.time: picture for picture in pair.source.pictures}
    for time, picture in zip(pair.times, pair.output.pictures, strict=False):
        if time in shown:
            yield shown[time], picture


def _sound(pair: Pair) -> Finding:
    return _tracks(pair, "audio", _same_packets)


def _subtitles(pair: Pair) -> Finding:
    return _tracks(pair, "subtitle", _same_packets, _same_text)


def _tracks(pair: Pair, kind: str, *ways: Callable[[Pair, Track, Track], str | None]) -> Finding:
    wanted = [track for track in pair.source.tracks if track.kind == kind]
    held = [track for track in pair.output.tracks if track.kind == kind]
    if len(held) != len(wanted):
        return Finding(ok=False, text=f"{len(held)} instead of {len(wanted)}")
    told = []
    for before, after in zip(wanted, held, strict=True):
        converted = before.codec != after.codec
        problem = ways[-1 if converted else 0](pair, before, after)
        if problem is not None:
            return Finding(ok=False, text=f"{before.codec}: {problem}")
        told.append(f"{before.codec} to {after.codec}" if converted else before.codec)
    return Finding(ok=True, text=", ".join(told) or "none")


def _same_packets(pair: Pair, before: Track, after: Track) -> str | None:
    wanted = [p for p in before.parcels if pair.holds(p.time)]
    if [p.digest for p in wanted] != [p.digest for p in after.parcels]:
        return f"{len(after.parcels)} packets instead of {len(wanted)}, or other bytes"
    for name in ("header", "rate", "layout"):
        if before.facts.get(name) != after.facts.get(name):
            return f"{name} {after.facts.get(name)} instead of {before.facts.get(name)}"
    return _same_times(pair, wanted, after)


def _same_times(pair: Pair, wanted: Sequence[Parcel], track: Track) -> str | None:
    times = [parcel.time + pair.shift for parcel in wanted]
    misses = [held.time - time for held, time in zip(track.parcels, times, strict=True)]
    worst = max(map(abs, misses), default=Fraction(0))
    # Where times are no whole numbers of the stream's ticks, they are rounded.
    whole = all((time / track.tick).denominator == 1 for time in times)
    if pair.fits(misses) or (not whole and worst <= track.tick):
        return None
    return f"times off by {float(worst):.6f} s"


def _same_text(pair: Pair, before: Track, after: Track) -> str | None:
    """Compare text subtitles of two kinds: what they say, when and how long."""
    wanted, held = (
        _texts(path, track.index) for path, track in zip(pair.paths, (before, after), strict=True)
    )
    wanted = [line for line in wanted if pair.holds(line[0])]
    if [text for *_, text in held] != [text for *_, text in wanted]:
        return f"says {held} instead of {wanted}"
    misses = [a[0] - b[0] - pair.shift for a, b in zip(held, wanted, strict=True)]
    lengths = [a[1] - b[1] for a, b in zip(held, wanted, strict=True)]
    return None if pair.fits(misses) and pair.fits(lengths) else "other times"


def _texts(path: Path, index: int) -> list[tuple[Fraction, Fraction, bytes]]:
    """Return start, length and text (as ASS without its fields) of every line of a stream."""
    lines = []
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams[index]):
            for line in packet.decode() if packet.size else ():
                text = line.ass.split(b",", 8)[-1]
                if text:
                    tick = packet.time_base
                    lines.append((packet.pts * tick, packet.duration * tick, text))
    return lines


def _chapters(pair: Pair) -> Finding:
    first = pair.times[0] if pair.ranged else Fraction(0)
    spans = [
        (max(start, first), end if pair.after is None else min(end, pair.after), title)
        for start, end, title in pair.source.chapters
    ]
    wanted = [(a + pair.shift, b + pair.shift, title) for a, b, title in spans if a < b]
    held = pair.output.chapters
    same = [c[2] for c in held] == [c[2] for c in wanted] and all(
        abs(a[n] - b[n]) <= _MILLISECOND for a, b in zip(held, wanted, strict=True) for n in (0, 1)
    )
    return Finding(
        same, (str(len(wanted)) if wanted else "none") if same else f"{held} not {wanted}"
    )


def _attachments(pair: Pair) -> Finding:
    wanted, held = sorted(pair.source.attachments), sorted(pair.output.attachments)
    text = ", ".join(name for name, *_ in wanted) or "none"
    return Finding(wanted == held, text if wanted == held else f"{held} instead of {wanted}")


def _metadata(pair: Pair) -> Finding:
    """Compare languages, titles and dispositions of all streams, and what the file says."""
    held = pair.output.metadata
    wrong = [
        f"{k} {held.get(k)!r} instead of {v!r}"
        for k, v in pair.source.metadata.items()
        if held.get(k) != v
    ]
    wrong += [
        f"{name} {after.facts[name]!r} instead of {before.facts[name]!r}"
        for before, after in zip(pair.source.tracks, pair.output.tracks, strict=False)
        for name in ("language", "title", "disposition")
        if before.facts[name] != after.facts[name]
    ]
    return Finding(not wrong, "; ".join(wrong) or "same")


EXPLAINED: Mapping[str, str] = {
    "container": "Matroska, where the source's cannot be written or x264 or the sound does not fit",
    "clock": "that of transport and program streams starts at 0, by the shift that is shown",
    "tags": "colours that are not tagged get the tags they were read by",
    "time": "a creation time is written as the container writes it",
    "no time": "a creation time of 1970 (a clock that was not set) is left out",
}
"""What may be otherwise than in the source, and why, by its name."""

ASPECTS: Mapping[str, Callable[[Pair], Finding]] = {
    "frames": _frames,
    "times": _times,
    "picture": _picture,
    "sound": _sound,
    "subtitles": _subtitles,
    "chapters": _chapters,
    "attachments": _attachments,
    "metadata": _metadata,
}
"""What is compared, by its name."""

__all__ = ["ASPECTS", "COLOUR_TOLERANCE", "EXPLAINED", "Film", "Finding", "Pair"]
