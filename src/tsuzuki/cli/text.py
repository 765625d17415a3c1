"""How values look on a terminal."""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tsuzuki.text import duration, forecast, is_invisible, moment, safe, size

__all__ = [
    "bar",
    "break_japanese",
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

_WIDE = "\u3000-\u30ff\u3400-\u9fff\uff01-\uff60"
_OPENING = r"\(\[\{「『"
_CLOSING = r"\)\]\}.,:;!?%〜…、。・」』ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
_PIECE = re.compile(
    rf"\s*(?:[{_OPENING}]*(?:\d+ )?(?:[ァ-ヶー]{{1,8}}|[{_WIDE}])[{_CLOSING}]*"
    rf"|[{_OPENING}]*[^\s{_WIDE}{_OPENING}][^\s{_WIDE}]*?(?=[{_OPENING}]*[{_WIDE}]|\s|$)[{_CLOSING}]*"
    r"|\S)\s*"
)
"""What stays in one line: a word between spaces, or a letter of Japanese, which has no spaces, with
the marks that neither begin nor end a line. Katakana break after some letters only."""


def break_japanese() -> None:
    """Have lines end between the letters of Japanese, not only where there is a space.

    Else a line ends far before the edge, and what has no space for a whole line is cut off.
    """
    with suppress(ImportError):  # it is Rich's own, and may be gone in another version
        from rich import _wrap  # noqa: PLC0415

        _wrap.re_word = _PIECE
    Text.rstrip_end = _strip_end  # type: ignore[assignment,method-assign]


def _strip_end(line: Text, size: int) -> None:
    """Take off the spaces for which a line is too long; Rich counts letters, not cells."""
    excess = cell_len(line.plain) - size
    spaces = len(line.plain) - len(line.plain.rstrip())
    if excess > 0 and spaces:
        line.right_crop(min(excess, spaces))


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
