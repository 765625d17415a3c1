"""What the user can choose.

`ProcessingSettings` is checked once, where it enters; whoever holds one may rely on it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Literal, get_args

import msgspec

from tsuzuki.errors import SettingsError

Quality = Literal["Fast", "Balanced", "Quality"]
Content = Literal["anime", "photo"]
EngineName = Literal["ncnn", "nearest"]
EncoderName = Literal["x264", "x265", "svt-av1", "ffv1"]
ContainerName = Literal["auto", "mp4", "mkv", "webm", "mov"]

QUALITIES: tuple[Quality, ...] = get_args(Quality)
CONTENTS: tuple[Content, ...] = get_args(Content)
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
ENCODERS: tuple[EncoderName, ...] = get_args(EncoderName)
CONTAINERS: tuple[ContainerName, ...] = get_args(ContainerName)

MIN_SCALE, MAX_SCALE = 1.0, 8.0
NOISE_REDUCTION_LEVELS = (-1, 0, 1, 2, 3)
DEFAULT_NOISE_REDUCTION = 3


class ProcessingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one upscaling job. Construction checks every value.

    Raises `SettingsError` where a value is impossible.
    """

    scale_factor: float = 2.0
    """Output size divided by input size, 1 to 8; fractions are allowed."""
    quality: Quality = "Balanced"
    """Preset that chooses the network, from fastest to best."""
    noise_reduction: int = DEFAULT_NOISE_REDUCTION
    """-1 (none) or 0 to 3 (strongest)."""

    content: Content = "anime"
    """What the video shows: drawn (`anime`) or filmed (`photo`)."""
    model: str | None = None
    """Name of a network as listed by ``tsuzuki models``; None lets quality and content choose."""
    engine: EngineName = "ncnn"
    """What runs the network; ``nearest`` repeats pixels and needs no network."""
    tile_size: int | None = None
    """Edge of the tiles that large frames are cut into, in input pixels; None chooses by area."""
    encoder: EncoderName = "x264"
    crf: float | None = None
    """Constant quality of the encoder, lower is better; None takes the encoder's default here."""
    preset: str | None = None
    """The encoder's own preset (speed against size); None takes the encoder's default here."""
    pixel_format: str | None = None
    """Pixel format of the output as FFmpeg names it; None keeps the source's subsampling."""
    container: ContainerName = "auto"
    """``auto`` keeps the source's container where it can hold all streams, else Matroska."""
    range_start: Decimal | None = None
    """First moment to upscale, in seconds from the start of the video; None is the start."""
    range_end: Decimal | None = None
    """Moment to stop before, in seconds from the start of the video; None is the end."""
    segment_frames: int | None = None
    """Longest segment in frames, 1 to 480; None computes it from the output size."""

    device: str = "auto"
    """``auto``, ``cpu`` or ``gpu:N``. Recorded once resolved."""
    keep_frames: bool = False
    """Also keep every extracted and upscaled frame as PNG in the session folder."""
    loss_budget: float = 2.0
    """Seconds of finished work that a kill may cost at most."""

    NOT_IN_OUTPUT: ClassVar[frozenset[str]] = frozenset({"device", "keep_frames", "loss_budget"})
    """Fields that never change the output, so they are no part of the session's identity."""
    IN_ID: ClassVar[tuple[str, ...]] = ("scale_factor", "quality", "noise_reduction")
    """Fields that enter the session id by name."""

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | ProcessingSettings) -> ProcessingSettings:
        """Build settings from plain values, as stored in ``progress.json``."""
        if isinstance(data, ProcessingSettings):
            return data
        for name in data:
            if name not in cls.__struct_fields__:
                near = difflib.get_close_matches(name, cls.__struct_fields__, n=1)
                near += [known for known in cls.__struct_fields__ if known.startswith(name)]
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise SettingsError(f"There is no setting {name!r}.{hint}", setting=name)
        try:
            return msgspec.convert(dict(data), cls, strict=False)
        except msgspec.ValidationError as error:
            if isinstance(error.__cause__, SettingsError):
                raise error.__cause__ from None
            raise SettingsError(f"The settings cannot be used: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Return plain values (JSON types) from which `from_dict` makes equal settings."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    def digest(self) -> str | None:
        """Hash of the output-changing settings outside the id that are not at their default.

        None when all are at their defaults. A setting added later with a default that keeps the
        old behaviour does not change the digests of existing sessions.
        """
        defaults = _DEFAULTS.to_dict()
        changed = {
            name: value
            for name, value in self.to_dict().items()
            if name not in self.IN_ID and name not in self.NOT_IN_OUTPUT and value != defaults[name]
        }
        if not changed:
            return None
        return hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:16]

    def differences(self, other: ProcessingSettings) -> dict[str, tuple[Any, Any]]:
        """Output-changing fields whose values differ: name to (this value, other value)."""
        return {
            name: (getattr(self, name), getattr(other, name))
            for name in self.__struct_fields__
            if name not in self.NOT_IN_OUTPUT and getattr(self, name) != getattr(other, name)
        }


def _check(s: ProcessingSettings) -> None:
    def need(ok: bool, message: str) -> None:  # noqa: FBT001 - a local shorthand
        if not ok:
            raise SettingsError(message)

    need(
        MIN_SCALE <= s.scale_factor <= MAX_SCALE,
        f"The scale must lie between {MIN_SCALE:g} and {MAX_SCALE:g}; {s.scale_factor:g} does not.",
    )
    for name, value, allowed in (
        ("quality", s.quality, QUALITIES),
        ("content", s.content, CONTENTS),
        ("engine", s.engine, ENGINES),
        ("encoder", s.encoder, ENCODERS),
        ("container", s.container, CONTAINERS),
        ("noise reduction", s.noise_reduction, NOISE_REDUCTION_LEVELS),
    ):
        choices = ", ".join(map(str, allowed))
        need(value in allowed, f"The {name} must be one of {choices}; {value!r} is not.")
    need(
        s.tile_size is None or 32 <= s.tile_size <= 16384,
        "The tile size must lie between 32 and 16384 pixels.",
    )
    need(s.crf is None or 0 <= s.crf <= 63, "The crf must lie between 0 and 63.")
    need(
        s.segment_frames is None or 1 <= s.segment_frames <= 480,
        "A segment must have between 1 and 480 frames.",
    )
    need(
        0.0 <= s.loss_budget <= 3600.0,
        "The loss budget must lie between 0 and 3600 seconds.",
    )
    start, end = s.range_start, s.range_end
    for edge in (start, end):
        need(
            edge is None or (edge.is_finite() and edge >= 0),
            "The edges of the range must be moments from 0 seconds on.",
        )
    need(
        start is None or end is None or start < end,
        f"The range is empty: its start ({start} s) must lie before its end ({end} s).",
    )
    need(
        s.device in {"auto", "cpu"} or (s.device.startswith("gpu:") and s.device[4:].isdecimal()),
        f"The device must be auto, cpu or gpu:N (gpu:0 is the first); {s.device!r} is not.",
    )


_DEFAULTS = ProcessingSettings()
