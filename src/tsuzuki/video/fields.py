"""What is to become of frames that are woven of two half pictures, their fields."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from tsuzuki.errors import SettingsError
from tsuzuki.settings import Deinterlace
from tsuzuki.video.facts import Probe

Method = Literal["marked", "all", "ivtc"]
"""Deinterlace the frames marked as interlaced, or all; or undo a telecine."""
FILM_SHARE = Fraction(4, 5)
"""Of the frames of telecined film that are left without repeats."""
MATCHED_FORMATS = frozenset({"yuv420p", "yuv422p", "yuv444p"})
"""Pixel formats in which fields can be matched."""


def method_for(setting: Deinterlace, probe: Probe) -> Method | None:
    """Return what becomes of the frames of a video; None: nothing.

    Raises `SettingsError` where it is asked for what cannot be done.
    """
    if setting == "off" or (setting == "auto" and not probe.interlaced):
        return None
    if setting == "ivtc" and probe.pixel_format not in MATCHED_FORMATS:
        raise SettingsError(
            f"A telecine cannot be undone in {probe.pixel_format}, only in "
            f"{', '.join(sorted(MATCHED_FORMATS))}. Choose --deinterlace on.",
            setting="deinterlace",
        )
    if setting == "ivtc" or (setting == "auto" and probe.telecined):
        return "ivtc"
    return "all" if setting == "on" else "marked"
