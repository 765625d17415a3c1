"""Moments of a video as a person writes them."""

from __future__ import annotations

import re
from decimal import Decimal

from tsuzuki.errors import SettingsError


def parse_moment(text: str) -> Decimal | None:
    """Return the seconds that ``90.5`` or the timecode ``0:01:30.5`` mean; None for no text."""
    text = text.strip()
    if not text:
        return None
    if not re.fullmatch(r"(\d{1,4}:){0,2}\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        raise SettingsError(
            f"{text!r} is no moment of a video. Give seconds (90.5) or a timecode (1:30.5, "
            "0:01:30)."
        )
    seconds = Decimal(0)
    for part in text.split(":"):
        seconds = seconds * 60 + Decimal(part)
    return seconds
