"""The timecode of a film: a name for each frame that editors go by (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

_FORM = re.compile("([0-9]{2}):([0-9]{2}):([0-9]{2})([:;.])([0-9]{2,3})")
_HOURS = 24


def timecode_in(metadata: Mapping[str, str]) -> str:
    """Return the timecode that tags tell; empty for none. Matroska writes their names large."""
    return next((value for key, value in metadata.items() if key.lower() == "timecode"), "")


def later(timecode: str, frames: int, rate: Fraction) -> str | None:
    """Return the timecode so many frames later; None for what is none, or counts another rate.

    With a semicolon or a full stop before the frames, numbers are dropped as television of
    30000/1001 frames a second does it: the first two of each minute but every tenth.
    """
    match = _FORM.fullmatch(timecode)
    nominal = round(rate)
    if match is None or nominal < 1 or int(match[5]) >= nominal:
        return None
    drops = match[4] != ":"
    if drops and nominal % 30:
        return None
    dropped = nominal // 15 if drops else 0
    hours, minutes, seconds, frame = (int(match[group]) for group in (1, 2, 3, 5))
    minutes += 60 * hours
    count = (60 * minutes + seconds) * nominal + frame - dropped * (minutes - minutes // 10)
    return _written(count + frames, nominal, dropped, match[4])


def _written(count: int, nominal: int, dropped: int, mark: str) -> str:
    per_minute = 60 * nominal - dropped
    per_ten = 10 * per_minute + dropped
    count %= 6 * _HOURS * per_ten
    tens, rest = divmod(count, per_ten)
    # In each ten minutes the first one has all its numbers.
    skipped = max(0, (rest - dropped) // per_minute) if dropped else 0
    count += dropped * (9 * tens + skipped)
    seconds, frame = divmod(count, nominal)
    minutes, seconds = divmod(seconds, 60)
    digits = len(str(nominal - 1))
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{mark}{frame:0{max(2, digits)}}"
