"""What of a decoded picture is upscaled, and which way up: first it is cropped, then turned."""

from __future__ import annotations

from collections.abc import Container, Iterator
from fractions import Fraction
from typing import Protocol, cast

import numpy as np

from tsuzuki.errors import SettingsError
from tsuzuki.frame import Rgb
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.borders import find_borders
from tsuzuki.video.decode import Frame
from tsuzuki.video.facts import Crop, Framing, Probe

LEAST_SIDE = 16
"""Pixels that a crop has to leave of each side; networks and encoders need some."""


class Reader(Protocol):
    """Gives ranges of frames; see `tsuzuki.video.decode.FrameReader.frames`."""

    def frames(
        self, first: int, last: int, *, without: Container[int] = frozenset()
    ) -> Iterator[Frame]:
        """Yield the frames [first, last) in order, each exactly once."""


class FramedReader:
    """Crops and turns what another reader gives."""

    def __init__(self, reader: Reader, framing: Framing) -> None:
        self._reader = reader
        self._framing = framing

    def frames(
        self, first: int, last: int, *, without: Container[int] = frozenset()
    ) -> Iterator[Frame]:
        """Yield the frames [first, last) in order, each exactly once."""
        for frame in self._reader.frames(first, last, without=without):
            alpha = None if frame.alpha is None else apply(self._framing, frame.alpha)
            yield frame._replace(rgb=apply(self._framing, frame.rgb), alpha=alpha)


def decide_framing(
    facts: Probe, settings: ProcessingSettings, decided: Framing | None = None
) -> Framing | None:
    """Return what the settings ask for; None where pictures stay as they are.

    Where borders are to be found, those that were ``decided`` on before are taken if they fit the
    video. Raises `SettingsError` for a crop that the video is too small for.
    """
    turn = facts.rotation if settings.bake_rotation else 0
    if settings.crop == "off":
        return Framing(turn=turn) if turn else None
    if settings.crop != "auto":
        width, height, left, top = map(int, settings.crop.split(":"))
        crop = Crop(width, height, left, top)
        if not _fits(crop, facts):
            raise SettingsError(
                f"The crop {settings.crop} does not lie within the {facts.width}x{facts.height} "
                f"pixels of the video, or leaves fewer than {LEAST_SIDE} of a side. It is "
                "WIDTH:HEIGHT:LEFT:TOP, counted in the picture before it is turned.",
                setting="crop",
            )
        return Framing(crop=crop, turn=turn)
    if decided is not None and (decided.crop is None or _fits(decided.crop, facts)):
        return Framing(crop=decided.crop, turn=turn)
    return Framing(crop=_found(facts, settings), turn=turn)


def apply(framing: Framing, rgb: Rgb) -> Rgb:
    """Return the part of a picture that is kept, turned; no value changes.

    An empty picture, which nobody asked for, stays one.
    """
    if not rgb.size:
        return rgb
    if framing.crop:
        width, height, left, top = framing.crop
        rgb = rgb[:, top : top + height, left : left + width]
    return cast(Rgb, np.ascontiguousarray(np.rot90(rgb, framing.turn // 90, axes=(1, 2))))


def told(framing: Framing | None, facts: Probe, settings: ProcessingSettings) -> Iterator[str]:
    """Yield sentences for the user about what becomes of the picture."""
    if framing is None:
        return
    if framing.turn:
        yield f"The picture itself is turned by {framing.turn}°, and the tag that asks for it goes."
    if crop := framing.crop:
        yield (
            f"Only {crop.width}x{crop.height} pixels of the {facts.width}x{facts.height}, from "
            f"{crop.left} to the right and {crop.top} down, are kept; the rest is cut off."
        )
    elif settings.crop == "auto":
        yield "No black borders were found: nothing is cut off."


def _fits(crop: Crop, facts: Probe) -> bool:
    return (
        min(crop.width, crop.height) >= LEAST_SIDE
        and min(crop.left, crop.top) >= 0
        and crop.left + crop.width <= facts.width
        and crop.top + crop.height <= facts.height
    )


def _found(facts: Probe, settings: ProcessingSettings) -> Crop | None:
    start, end = Fraction(settings.range_start or 0), settings.range_end
    crop = find_borders(facts, start, None if end is None else Fraction(end))
    return crop if crop is not None and _fits(crop, facts) else None
