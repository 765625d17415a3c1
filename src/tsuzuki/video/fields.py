"""What is to become of frames that are woven of two half pictures, their fields."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, cast

from tsuzuki.errors import SettingsError
from tsuzuki.settings import Deinterlace
from tsuzuki.video.facts import Probe

Order = Literal["tff", "bff"]
"""Which of the two half pictures is the earlier one: the one in the top line, or the other."""
Verdict = Order | Literal["whole", ""]
"""What frames look like: woven of half pictures, or whole; empty where nothing can be said."""
Method = Order | Literal["marked", "all", "ivtc"]
"""Deinterlace the frames marked as interlaced, or all, in an order that they do not tell or by what
they tell; or undo a telecine."""
FILM_SHARE = Fraction(4, 5)
"""Of the frames of telecined film that are left without repeats."""
MATCHED_FORMATS = frozenset({"yuv420p", "yuv422p", "yuv444p"})
"""Pixel formats in which fields can be matched."""


def method_for(setting: Deinterlace, probe: Probe) -> Method | None:
    """Return what becomes of the frames of a video; None: nothing.

    Raises `SettingsError` where it is asked for what cannot be done.
    """
    woven: Order | None = None if probe.woven in {"", "in part"} else cast(Order, probe.woven)
    if setting == "off" or (setting == "auto" and not probe.interlaced and not woven):
        return None
    if setting == "ivtc" and probe.pixel_format not in MATCHED_FORMATS:
        raise SettingsError(
            f"A telecine cannot be undone in {probe.pixel_format}, only in "
            f"{', '.join(sorted(MATCHED_FORMATS))}. Choose --deinterlace on.",
            setting="deinterlace",
        )
    if setting == "ivtc" or (setting == "auto" and probe.telecined):
        return "ivtc"
    if woven:
        return woven
    return "all" if setting == "on" else "marked"
