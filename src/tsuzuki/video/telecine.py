"""Telecined film: which frames at the rate of television are repeats, and the times of the others.

A 3:2 pulldown shows the frames of a film for two fields and for three in turn, so that four become
five. Once the fields are matched (see `tsuzuki.video.deinterlace`), one frame of five repeats the
one before it. Parts of a video that are no film have no repeats, and keep their frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import cast

import av
import msgspec
import numpy as np
from numpy.typing import NDArray

from tsuzuki.sessions.frame_index import FrameIndex, showing
from tsuzuki.video.deinterlace import Picture, deinterlaced

CYCLE = 5
"""Frames of television for each four of film."""
RATE = (29.9, 30.1)
"""Frames per second of television that film is telecined to."""

_EDGE = 16
"""Edge in pixels of the blocks that are compared: large enough to even out coding noise."""
_REPEAT = 5.0
"""Most that a block of a repeat differs in the mean, of 255. Measured: repeats 1 to 4, small
movements 8 and more."""
_CLEAR = 0.5
"""A repeat stands out if it differs at most so much as the others of its five do."""
_LEAST_AGREEING = 3
"""Cycles in a row with a repeat at the same place that make a telecine: half a second."""
_LEAST_CYCLES = 6
_SURE = 0.6
"""Share of the cycles of a sample that have to show a repeat at the same place."""


def look_telecined(frames: Iterable[av.VideoFrame]) -> bool:
    """Tell whether consecutive frames are telecined film."""
    pictures = (Picture(number, frame, failed=False) for number, frame in enumerate(frames))
    changes = list(_changes(deinterlaced(pictures, "ivtc")))
    cycles = [changes[at : at + CYCLE] for at in range(0, len(changes) - CYCLE + 1, CYCLE)]
    places = Counter(
        min(clear, key=cycle.__getitem__) for cycle in cycles if (clear := _clear_repeats(cycle))
    )
    return len(cycles) >= _LEAST_CYCLES and max(places.values(), default=0) >= _SURE * len(cycles)


def film_index(
    index: FrameIndex, pictures: Iterable[Picture], on_progress: Callable[[float], None]
) -> FrameIndex:
    """Return the index of a video without its repeats.

    ``pictures`` are all its frames, their fields matched. The frames of a cycle with a repeat are
    spread evenly over its time; all others keep their times. A warning says how many are left out.
    """
    changes: list[float] = []
    for change in _changes(pictures):
        changes.append(change)
        on_progress(len(changes) / len(index))
    repeats = dict(_repeats(index, changes))
    ticks, seconds = index.time_base
    finer = CYCLE - 1 if seconds * (CYCLE - 1) < 1 << 31 else 1
    pts: list[int] = []
    shown: list[int] = []
    ends = [*index.pts, index.end]
    at = 0
    while at < len(index):
        repeat = repeats.get(at)
        frames = CYCLE if repeat is not None else 1
        kept = [frame for frame in range(at, at + frames) if frame != repeat]
        length = (ends[at + frames] - ends[at]) * finer
        pts += [ends[at] * finer + place * length // len(kept) for place in range(len(kept))]
        shown += kept
        at += frames
    film = showing(index, shown, pts, (ticks, seconds * finer), index.end * finer)
    return msgspec.structs.replace(film, warnings=[*film.warnings, _told(len(repeats), len(index))])


def _told(repeats: int, frames: int) -> str:
    if not repeats:
        return "No repeats of telecined film were found: all frames are kept."
    return f"Telecined film: {repeats} of {frames} frames are repeats and are left out."


def _repeats(index: FrameIndex, changes: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Yield the first frame of every cycle that has a repeat, and the repeat.

    Only where several cycles in a row have it at the same place. Where nothing moves in between,
    the cadence goes on; before the first and after the last that clearly have it, there is none.
    """
    cadence: list[int] = []  # first frames of cycles that may all have their repeats
    places: frozenset[int] = frozenset()
    clear: list[int] = []  # how many of these cycles there were at each that clearly has one
    for first in [*_cycles(index), -1]:
        cycle = changes[first : first + CYCLE] if first >= 0 else []
        clearly = _clear_repeats(cycle)
        possible = clearly or _like_the_one_before(cycle)
        if not cadence or first != cadence[-1] + CYCLE or not places & possible:
            yield from _agreed(cadence, clear, places)
            cadence, clear, places = [], [], clearly
            if not clearly:
                continue
        cadence.append(first)
        places &= possible
        if clearly:
            clear.append(len(cadence))


def _agreed(
    cadence: Sequence[int], clear: Sequence[int], places: Iterable[int]
) -> Iterator[tuple[int, int]]:
    if len(clear) >= _LEAST_AGREEING:
        yield from ((first, first + min(places)) for first in cadence[: clear[-1]])


def _cycles(index: FrameIndex) -> Iterator[int]:
    """Yield the first frames of five that follow each other at an even rate."""
    lengths = [after - before for before, after in pairwise([*index.pts, index.end])]
    usual = median(lengths)
    at = 0
    while at + CYCLE <= len(index):
        odd = [n for n in range(at, at + CYCLE) if not usual / 2 < lengths[n] < usual * 5 / 4]
        if odd:
            at = odd[-1] + 1
            continue
        yield at
        at += CYCLE


def _like_the_one_before(changes: Sequence[float]) -> frozenset[int]:
    """Return which of the frames may be repeats."""
    return frozenset(place for place, change in enumerate(changes) if change <= _REPEAT)


def _clear_repeats(changes: Sequence[float]) -> frozenset[int]:
    """Return which of five frames clearly are repeats; none where nothing moves."""
    usual = median(sorted(changes)[1:]) if changes else 0.0
    if usual <= _REPEAT:
        return frozenset()
    return frozenset(
        place for place in _like_the_one_before(changes) if changes[place] <= _CLEAR * usual
    )


def _changes(pictures: Iterable[Picture]) -> Iterator[float]:
    """Yield how much each frame differs from the one before it: its most different block."""
    before: NDArray[np.int16] | None = None
    for one in pictures:
        luma = None if one.picture is None else _luma(one.picture)
        comparable = luma is not None and before is not None and luma.shape == before.shape
        yield _greatest(luma, before) if comparable else float("inf")  # type: ignore[arg-type]
        before = luma


def _greatest(one: NDArray[np.int16], other: NDArray[np.int16]) -> float:
    if not one.size:
        return 0.0
    blocks = np.abs(one - other).reshape(one.shape[0] // _EDGE, _EDGE, -1, _EDGE)
    return float(blocks.mean((1, 3)).max())


def _luma(frame: av.VideoFrame) -> NDArray[np.int16]:
    plane = frame.planes[0]
    rows = np.frombuffer(cast(bytes, plane), np.uint8).reshape(plane.height, plane.line_size)
    height, width = (side // _EDGE * _EDGE for side in (plane.height, plane.width))
    return rows[:height, :width].astype(np.int16)
