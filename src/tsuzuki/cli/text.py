"""How values look on a terminal."""

from __future__ import annotations

import json
import sys
import unicodedata
from datetime import datetime

from rich.console import Console

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def stdout() -> Console:
    """Return a console for results."""
    return Console(highlight=False, emoji=False)


def stderr() -> Console:
    """Return a console for everything that is no result: progress, questions, errors."""
    return Console(stderr=True, highlight=False, emoji=False)


def is_terminal() -> bool:
    """Return whether a person can be asked and shown moving bars."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def safe(text: object) -> str:
    """Return the text without characters that a terminal obeys or hides.

    File names, titles and messages from files may hold escape sequences or direction marks.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if _is_invisible(c) and c != "\n" else c for c in str(text)
    )


def safe_json(data: bytes) -> str:
    """Return JSON of the same meaning in which a terminal obeys and hides nothing."""
    return "".join(json.dumps(c)[1:-1] if _is_invisible(c) else c for c in data.decode())


def _is_invisible(character: str) -> bool:
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


def moment(iso: str) -> str:
    """Return an ISO 8601 moment in the local time zone, to the second."""
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return safe(iso)


def bar(progress: float, width: int = 20) -> str:
    """Return a bar for a progress of 0 to 100."""
    full = int(width * min(max(progress, 0.0), 100.0) / 100)
    return "█" * full + "░" * (width - full)
