"""Another frame rate, by leaving frames out and repeating others: none is made up."""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction

import msgspec

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.sessions.frame_index import FrameIndex, showing
from tsuzuki.sessions.layout import MAX_FRAMES

_MAX_TERM = (1 << 31) - 1
"""FFmpeg's rational numbers hold no larger one."""


def at_rate(index: FrameIndex, rate: Fraction) -> FrameIndex:
    """Return the index of the same video at a constant rate, in frames per second.

    Each frame shows what the video shows when it begins: the last frame that has begun by then, or
    begins within half a tick, since containers round times to the nearest one. The last frame may
    end up to a frame's length after the video. Times are exact, unless no clock that containers
    know can count both the video's and the rate's.
    """
    tick = Fraction(*index.time_base)
    fine = _common(tick, 1 / rate)
    finer, step = int(tick / fine), 1 / rate / fine
    first, end = index.pts[0] * finer, index.end * finer
    if step < 1:
        raise UnsupportedVideoError(
            f"The clock of the video cannot count {rate} frames a second. Choose a rounder --fps."
        )
    half = Fraction(finer, 2)
    count = max(1, math.ceil((end - first - half) / step))
    if count > MAX_FRAMES:
        raise UnsupportedVideoError(
            f"At {rate} frames a second there are more than {MAX_FRAMES}. Choose a lower --fps, or "
            "a part with --range."
        )
    pts = [first + number * step.numerator // step.denominator for number in range(count + 1)]
    shown = [bisect_right(index.pts, (moment + half) // finer) - 1 for moment in pts[:-1]]
    if index.source is not None:
        shown = [index.shown[place] for place in shown]
    new = showing(index.source or index, shown, pts[:-1], fine.as_integer_ratio(), pts[-1])
    return msgspec.structs.replace(new, warnings=index.warnings)


def _common(tick: Fraction, length: Fraction) -> Fraction:
    """Return the longest time that both are multiples of; the first where it cannot be counted."""
    denominator = math.lcm(tick.denominator, length.denominator)
    common = math.gcd(int(tick * denominator), int(length * denominator))
    return Fraction(common, denominator) if denominator <= _MAX_TERM else tick
