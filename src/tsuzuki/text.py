"""How values look to a person: the same on a terminal and in a window."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from tsuzuki.language import tr

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe(text: object) -> str:
    """Return the text without characters that a terminal obeys or hides.

    File names, titles and messages from files may hold escape sequences or direction marks.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if is_invisible(c) and c != "\n" else c for c in str(text)
    )


def is_invisible(character: str) -> bool:
    """Whether a character shows nothing by itself."""
    return unicodedata.category(character) in _INVISIBLE


def size(number: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} TB"


def duration(seconds: float) -> str:
    """Return seconds as ``M:SS`` or ``H:MM:SS``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def forecast(seconds: float, low: float | None, high: float | None) -> str:
    """Return a time left with the interval that it lies in, where that is worth telling."""
    text = duration(seconds)
    if low is None or high is None or duration(low) == duration(high):
        return text
    between = tr("{time} ({low} to {high})")
    return between.format(time=text, low=duration(low), high=duration(high))


def moment(iso: str) -> str:
    """Return an ISO 8601 moment in the local time zone, to the second."""
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return safe(iso)
