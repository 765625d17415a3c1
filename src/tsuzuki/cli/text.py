"""How values look on a terminal."""

from __future__ import annotations

import json
import sys

from rich.cells import cell_len
from rich.console import Console

from tsuzuki.text import duration, forecast, is_invisible, moment, safe, size

__all__ = [
    "bar",
    "duration",
    "forecast",
    "is_terminal",
    "moment",
    "padded",
    "safe",
    "safe_json",
    "size",
    "stderr",
    "stdout",
]


def stdout() -> Console:
    """Return a console for results."""
    return Console(highlight=False, emoji=False)


def stderr() -> Console:
    """Return a console for everything that is no result: progress, questions, errors."""
    return Console(stderr=True, highlight=False, emoji=False)


def is_terminal() -> bool:
    """Return whether a person can be asked and shown moving bars."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def safe_json(data: bytes) -> str:
    """Return JSON of the same meaning in which a terminal obeys and hides nothing."""
    return "".join(json.dumps(c)[1:-1] if is_invisible(c) else c for c in data.decode())


def padded(text: str, width: int) -> str:
    """Return the text with spaces behind it, up to a width in cells of the terminal."""
    return text + " " * max(0, width - cell_len(text))


def bar(progress: float, width: int = 20) -> str:
    """Return a bar for a progress of 0 to 100."""
    full = int(width * min(max(progress, 0.0), 100.0) / 100)
    return "█" * full + "░" * (width - full)
