"""Black borders that are coded into the picture, such as those above and below a wide film.

Found from frames spread over the film, and the same ones each time. What lies in a border now and
then, such as subtitles, keeps it; what is dark for a while does not make one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from tsuzuki.video.colour import to_grey
from tsuzuki.video.facts import Crop, Probe
from tsuzuki.video.packets import decode, open_stream, packets

SAMPLES = 24
"""Frames that are looked at."""
_PATIENCE = 300
"""Packets that may be decoded on the way to a frame."""
_BLACK = 12
"""Of 255: a line is black up to this mean, which leaves room for noise and for ringing."""
_BRIGHT, _SPECKS = 64, 0.005
"""Unless a larger share than this of it is brighter than that, as where there are letters."""
_NEAR = 2
"""Pixels by which the edge of the picture may seem to move, being blurred."""
_LEAST_LIT, _LEAST_AGREEING = 4, 3
"""Frames that must show something, and those of them in which the picture must end alike."""
_LEAST_KEPT = 0.25
"""Of the area: borders that leave less are none, but a few words on black."""


class _Edges(NamedTuple):
    """Where what is not black begins and ends, in pixels."""

    left: int
    right: int
    top: int
    bottom: int


def find_borders(
    facts: Probe, start: Fraction = Fraction(0), end: Fraction | None = None
) -> Crop | None:
    """Return the part of the picture within the black borders, None where there are none.

    Its sides and its place are even, as subsampled colour needs. ``start`` and ``end`` bound the
    part of the video that is looked at, in seconds after its first frame.
    """
    lit = [edges for frame in _spread(facts, start, end) if (edges := _edges(frame, facts))]
    if len(lit) < _LEAST_LIT:
        return None
    left = _agreed([one.left for one in lit]) // 2 * 2
    top = _agreed([one.top for one in lit]) // 2 * 2
    right = facts.width - _agreed([facts.width - one.right for one in lit]) // 2 * 2
    bottom = facts.height - _agreed([facts.height - one.bottom for one in lit]) // 2 * 2
    crop = Crop(right - left, bottom - top, left, top)
    whole = facts.width * facts.height
    if not _LEAST_KEPT * whole <= crop.width * crop.height < whole:
        return None
    return crop


def _agreed(borders: list[int]) -> int:
    """Return the width of a border: the least that is seen, where it is seen more than once."""
    least = min(borders)
    return least if sum(one <= least + _NEAR for one in borders) >= _LEAST_AGREEING else 0


def _edges(frame: av.VideoFrame, facts: Probe) -> _Edges | None:
    """Return where the picture ends; None for a frame that is all black."""
    light = to_grey(frame, facts.colour)  # not RGB: its colours run over the edge where subsampled
    bright = light > _BRIGHT
    columns, rows = (
        _first_and_last((light.mean(axis) > _BLACK) | (bright.mean(axis) > _SPECKS))
        for axis in (0, 1)
    )
    return _Edges(*columns, *rows) if columns and rows else None


def _first_and_last(lit: NDArray[np.bool_]) -> tuple[int, int] | None:
    places = np.flatnonzero(lit)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else None


def _spread(facts: Probe, start: Fraction, end: Fraction | None) -> Iterator[av.VideoFrame]:
    """Yield frames spread over the part; those at its beginning where nothing can be sought."""
    length = Fraction(facts.duration).limit_denominator(1000)
    length = (length if end is None else min(length, end)) - start
    tick = Fraction(*facts.time_base)
    with open_stream(facts) as (container, stream):
        begin = (stream.start_time or 0) * tick + start
        last: int | None = None
        for number in range(SAMPLES):
            wanted = int((begin + length * (2 * number + 1) / (2 * SAMPLES)) / tick)
            if length > 0:
                with suppress(av.FFmpegError, OverflowError):
                    container.seek(wanted, stream=stream)
            stream.codec_context.flush_buffers()
            frames = (
                frame
                for packet in islice(packets(container, stream, facts.path), _PATIENCE)
                for frame in decode(stream.codec_context, packet)
                if (frame.width, frame.height) == (facts.width, facts.height)
            )
            found = _next(frames, last, wanted)
            if found is None:
                continue
            yield found
            last = found.pts


def _next(frames: Iterator[av.VideoFrame], last: int | None, wanted: int) -> av.VideoFrame | None:
    """Return the first frame; where that was the last one too, the one at the time wanted."""
    found: av.VideoFrame | None = None
    for frame in frames:
        if frame.pts is None or last is None or (found is None and frame.pts > last):
            return frame
        found = frame
        if frame.pts >= wanted:
            break
    return found
