"""Everything that decides the pixels of the output, resolved once and kept in the session."""

from __future__ import annotations

from typing import Literal

import msgspec

from tsuzuki.settings import EngineName

BLOCK = 8
"""Edge of a block in pixels: that of the blocks that most video codecs change at a time."""
METHOD = 2
"""Raised with every change of what is decided from equal frames, all that is below left equal."""
EACH_PIXELS = 200
"""What starting the network once more costs, in input pixels of its work."""

Resize = Literal["none", "bicubic", "nearest"]


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a network over the whole frame."""

    network: str
    digest: str
    """SHA-256 of the network's files."""
    tile: int
    """Longest side of a tile in pixels of this pass's input."""


class ReusePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How changes are found and covered; equal plans and frames give equal decisions."""

    tolerance: float
    """Greatest difference of a pixel, of 255, that does not count as a change."""
    mean_tolerance: float
    """Greatest mean difference of a block, of 255, that does not count as a change."""
    colour_tolerance: float
    """The same for one of its three colours alone."""
    reach: int | None
    """Input pixels around a change that are computed anew; None where all are."""
    near: bool = False
    """Whether that, and the border of a part, is all that could be seen, or all that changes."""
    step: int = 0
    """Input pixels that motion of the whole frame is followed by whole multiples of; 0 for none."""
    ends: int = 0
    """Input pixels from an edge within which a network tells that there is one: they are computed
    anew where the picture has moved towards it or away from it."""
    border: float = 0.0
    """Pixels around a part, on each side, whose computing costs as much as the part's own."""
    block: int = BLOCK
    method: int = METHOD
    each: int = EACH_PIXELS


class UpscalePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How frames are upscaled; equal plans and frames give equal pixels on equal devices."""

    engine: EngineName
    engine_version: str
    device: str
    """``cpu`` or ``gpu:N``."""
    device_title: str
    """As the maker or the driver names it."""
    passes: tuple[Pass, ...]
    """In order; none where no network is used."""
    options: dict[str, bool]
    """The engine's own options."""
    resize: Resize
    """How the last pass's output is brought to the output size."""
    width: int
    height: int
    """Size of the frames that come in."""
    out_width: int
    out_height: int
    reuse: ReusePlan | None = None
    """How unchanged parts of frames are taken over; None computes every frame as a whole."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about the choice of networks."""
