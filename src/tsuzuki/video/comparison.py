"""What holding one video against another has found."""

from __future__ import annotations

from typing import Literal

import msgspec


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the two videos have otherwise."""

    what: str
    first: str
    second: str


class FramePair(msgspec.Struct, frozen=True, kw_only=True):
    """How like two frames are."""

    frame: int
    """Its number in the first video, from 1."""
    second_frame: int
    """Its number in the second video, from 1."""
    seconds: float
    """When the first video shows it."""
    psnr: float | None
    """dB; None where they are the same."""
    ssim: float
    vmaf: float | None
    """0 to 100; None where FFmpeg cannot measure it."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    frames: tuple[int, int]
    """How many each has."""
    compared: int
    """Pairs of frames that were compared, from the beginning on."""
    paired_by: Literal["number", "time"]
    """``number`` where both have as many frames; else each of the second is compared with what the
    first shows then."""
    sizes: tuple[tuple[int, int], tuple[int, int]]
    """Width and height of each."""
    shift: float
    """Seconds by which the second video begins later."""
    most_off: float
    """Seconds by which the times of a pair differ at most, the shift allowed for."""
    differences: tuple[Difference, ...]
    """Of what the files hold. How large the picture is and how it is encoded is none."""
    psnr: float | None
    """Of the mean square error over all frames, in dB; None where all are the same."""
    vmaf: float | None
    """Mean over all frames, 0 to 100; None where FFmpeg cannot measure it."""
    ssim: float
    """Mean over all frames."""
    worst: tuple[FramePair, ...]
    """The least like frames, the worst first."""
