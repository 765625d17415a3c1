"""What the user can choose.

`ProcessingSettings` is checked once, where it enters; whoever holds one may rely on it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Literal, get_args

import msgspec

from tsuzuki.errors import SettingsError

Quality = Literal["Fast", "Balanced", "Quality"]
Content = Literal["anime", "photo"]
EngineName = Literal["ncnn", "nearest"]
SoftwareEncoder = Literal["x264", "x265", "svt-av1", "vp9", "prores", "ffv1", "png"]
HardwareEncoder = Literal[
    "h264-nvenc",
    "hevc-nvenc",
    "av1-nvenc",
    "h264-qsv",
    "hevc-qsv",
    "av1-qsv",
    "h264-amf",
    "hevc-amf",
    "av1-amf",
    "h264-videotoolbox",
    "hevc-videotoolbox",
]
EncoderName = Literal[SoftwareEncoder, HardwareEncoder]
Reuse = Literal["off", "exact", "visual"]
AlphaChoice = Literal["keep", "drop"]
Deinterlace = Literal["auto", "on", "ivtc", "off"]
ContainerName = Literal["auto", "mp4", "mkv", "webm", "mov", "png"]

QUALITIES: tuple[Quality, ...] = get_args(Quality)
CONTENTS: tuple[Content, ...] = get_args(Content)
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
SOFTWARE_ENCODERS: tuple[SoftwareEncoder, ...] = get_args(SoftwareEncoder)
HARDWARE_ENCODERS: tuple[HardwareEncoder, ...] = get_args(HardwareEncoder)
ENCODERS: tuple[EncoderName, ...] = get_args(EncoderName)
REUSES: tuple[Reuse, ...] = get_args(Reuse)
DEINTERLACES: tuple[Deinterlace, ...] = get_args(Deinterlace)
ALPHAS: tuple[AlphaChoice, ...] = get_args(AlphaChoice)
CONTAINERS: tuple[ContainerName, ...] = get_args(ContainerName)

MIN_SCALE, MAX_SCALE = 1.0, 8.0
_BITRATE = re.compile("([0-9]{1,12}(?:[.][0-9]{1,6})?)([kKMG]?)")
_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
MIN_BITRATE, MAX_BITRATE = 10**3, 10**9
"""Bits a second."""
_OPTION = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
MAX_OPTIONS, MAX_OPTION_LENGTH = 64, 200
MAX_SIZE = 99999
"""Of a side of the output in pixels that can be asked for."""
_SIZE = re.compile("[1-9][0-9]{0,4}x|(?:[1-9][0-9]{0,4})?x[1-9][0-9]{0,4}")
MIN_RATE, MAX_RATE = 1, 240
"""Frames per second that encoders are told of; SVT-AV1 refuses more."""
_CROP = re.compile("[1-9][0-9]{0,4}:[1-9][0-9]{0,4}(:(0|[1-9][0-9]{0,4})){2}")
NOISE_REDUCTION_LEVELS = (-1, 0, 1, 2, 3)
DEFAULT_NOISE_REDUCTION = 3
MAX_SECONDS = 10**9
"""Latest moment of a range; more than 31 years."""
DECIMALS = 30
"""Of a moment at most, so that a number has a bound in writing."""


class ProcessingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one upscaling job. Construction checks every value.

    Numbers become what the field holds, in one spelling: 20 and 20.0 are one crf, 10 and 10.0 one
    moment. Raises `SettingsError` (``details``: setting) where a value is impossible or of another
    type.
    """

    scale_factor: float = 2.0
    """Output size divided by input size, 1 to 8; fractions are allowed."""
    quality: Quality = "Balanced"
    """Preset that chooses the network, from fastest to best."""
    noise_reduction: int = DEFAULT_NOISE_REDUCTION
    """-1 (none) or 0 to 3 (strongest)."""

    size: str | None = None
    """Size of the output in pixels, instead of the scale: ``1920x1080`` (as large as fits, its
    shape kept), ``1920x`` or ``x1080``. Pixels become square."""
    content: Content = "anime"
    """What the video shows: drawn (`anime`) or filmed (`photo`)."""
    model: str | None = None
    """Name of a network as listed by ``tsuzuki models``; None lets quality and content choose."""
    engine: EngineName = "ncnn"
    """What runs the network; ``nearest`` repeats pixels and needs no network."""
    rate: str | None = None
    """Pictures a second of a sequence of pictures, such as 24 or 30000/1001; None is 25. Videos
    have their own."""
    deinterlace: Deinterlace = "auto"
    """Make whole pictures of half ones: ``auto`` where the video says that it is interlaced or
    clearly looks so, ``on`` of all frames, ``off`` never; ``ivtc`` brings telecined film back to
    its own frames (inverse telecine), which ``auto`` does where it is sure. Parts that are no film
    keep all frames; those of them that are combed are made whole."""
    alpha: AlphaChoice = "keep"
    """What becomes of transparency: it is kept, and refused where it would get lost; ``drop`` shows
    the video on black."""
    crop: str = "off"
    """The part of the picture that is kept: ``off`` is all of it, ``auto`` what lies within black
    borders, else WIDTH:HEIGHT:LEFT:TOP in pixels of the picture before it is turned."""
    bake_rotation: bool = False
    """Turn the pixels where the video asks players to turn the picture."""
    fps: str | None = None
    """Frames per second, such as ``30`` or ``24000/1001``: frames are left out or repeated so that
    all last equally long. None keeps the frames and times of the video."""
    tile_size: int | None = None
    """Edge of the tiles that large frames are cut into, in input pixels; None chooses by area."""
    reuse: Reuse = "visual"
    """Where nothing has changed since the last frame, take over its result: ``exact`` where the
    pixels are the same, ``visual`` where no difference can be seen; ``off`` computes all anew."""
    reuse_tolerance: float = 6.0
    """For ``visual``: greatest difference of a pixel, of 255, that does not count as a change."""
    encoder: EncoderName = "x264"
    crf: float | None = None
    """Constant quality of the encoder, lower is better; None takes the encoder's default here."""
    bitrate: str | None = None
    """Bits a second, such as ``8M`` or ``6000k``, instead of a constant quality. It holds for each
    segment by itself, and the same bytes are not promised."""
    preset: str | None = None
    """The encoder's own preset (speed against size); None takes the encoder's default here."""
    encoder_options: dict[str, str] = {}
    """Further options of the encoder by their names, such as ``{"aq-mode": "3"}``; in the order of
    the names."""
    pixel_format: str | None = None
    """Pixel format of the output as FFmpeg names it; None keeps the source's subsampling."""
    container: ContainerName = "auto"
    """``auto`` keeps the source's container where it can hold all streams, else Matroska; a still
    picture becomes one. ``png`` is a folder of pictures."""
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
    workers: int = 1
    """Processes that render segments side by side, 1 to 64: one for each GPU."""
    loss_budget: float = 2.0
    """Seconds of finished work that a kill may cost at most."""

    NOT_IN_OUTPUT: ClassVar[frozenset[str]] = frozenset(
        {"device", "keep_frames", "workers", "loss_budget"}
    )
    """Fields that never change the output, so they are no part of the session's identity."""
    ADDED: ClassVar[frozenset[str]] = frozenset(
        {"crop", "bake_rotation", "fps", "rate", "bitrate", "encoder_options", "alpha"}
    )
    """Fields that sessions of the first versions do not know; these are as by default."""
    IN_ID: ClassVar[tuple[str, ...]] = ("scale_factor", "quality", "noise_reduction")
    """Fields that enter the session id by name."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            msgspec.structs.force_setattr(self, name, _plain(name, getattr(self, name)))
        _check(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | ProcessingSettings) -> ProcessingSettings:
        """Build settings from plain values, as stored in ``progress.json``."""
        if isinstance(data, ProcessingSettings):
            return data
        if not isinstance(data, Mapping):
            raise SettingsError(f"Settings are names with values, not a {type(data).__name__}.")
        for name in data:
            if name not in cls.__struct_fields__:
                raise _unknown(str(name), cls.__struct_fields__)
        values = dict(data)
        for name in ("fps", "rate"):  # may be numbers
            if name in values:
                values[name] = _plain(name, values[name])
        try:
            return msgspec.convert(values, cls, strict=False)
        except (ValueError, ArithmeticError) as error:
            if isinstance(error.__cause__, SettingsError):
                raise error.__cause__ from None
            raise SettingsError(f"The settings cannot be used: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Return plain values (JSON types) from which `from_dict` makes equal settings."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    @property
    def enlargement(self) -> str:
        """How large the output becomes, for people: ``2x`` or ``1920x1080``."""
        return self.size or f"{self.scale_factor:g}x"

    def box(self) -> tuple[int | None, int | None] | None:
        """Return width and height that ``size`` asks for; None for one that is open."""
        if self.size is None:
            return None
        width, height = self.size.split("x")
        return int(width) if width else None, int(height) if height else None

    def picture_rate(self) -> Fraction | None:
        """Return ``rate`` as a number; None where it is left open."""
        return None if self.rate is None else Fraction(self.rate)

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


def _unknown(name: str, known_names: tuple[str, ...]) -> SettingsError:
    near = difflib.get_close_matches(name, known_names, n=1)
    near += [known for known in known_names if known.startswith(name)]
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return SettingsError(f"There is no setting {name!r}.{hint}", setting=name)


def _plain(name: str, value: object) -> object:
    """Return the value as the field holds it; `SettingsError` for one of another type."""
    if value is None and name in _OPTIONAL:
        return None
    kind, convert = next((kind, convert) for kind, convert, names in _KINDS if name in names)
    try:
        return convert(value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise SettingsError(
            f"The setting {name} must be {kind}; {_shown(value)} is not.", setting=name
        ) from error


def _shown(value: object) -> str:
    if isinstance(value, str | float | Decimal | None):
        return repr(value)[:60]
    if isinstance(value, int) and abs(value) <= MAX_SECONDS:
        return repr(value)
    return f"a value of type {type(value).__name__}"


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value) + 0.0  # there is no minus zero


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return int(value)


def _moment(value: object) -> Decimal:
    """Return seconds exactly, written without an exponent and without trailing zeros."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise TypeError
    moment = value if isinstance(value, Decimal) else Decimal(str(value))
    if not 0 <= moment <= MAX_SECONDS:  # raises for what is no number
        raise ValueError
    text = f"{moment:.{DECIMALS}f}"
    if Decimal(text) != moment:
        raise ValueError
    return Decimal(text.rstrip("0").rstrip(".")).copy_abs()


def _rate(value: object) -> str:
    """Return frames per second as an exact number, whole or a fraction.

    23.976, 29.97, 59.94 and the like stand for the rates of television that they are rounded from.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise TypeError
    text = str(value)
    if re.fullmatch("[0-9]{1,9}(/[0-9]{1,9}|[.][0-9]{1,9})?", text, re.ASCII) is None:
        raise ValueError
    decimals = len(text.partition(".")[2])
    rate = Fraction(text)
    for whole in (24, 30, 48, 60, 120):
        television = Fraction(whole * 1000, 1001)
        if decimals >= 2 and abs(rate - television) * 2 <= Fraction(1, 10**decimals):
            return str(television)
    if len(str(rate.denominator)) > 6:  # no clock counts it, nor is it read again
        raise ValueError
    return str(rate)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # a lone surrogate could not be stored
    return str(value)


def _bitrate(value: object) -> str:
    """Return bits a second in one spelling: in M where that is whole, else in k."""
    if not isinstance(value, str) or (match := _BITRATE.fullmatch(value)) is None:
        raise TypeError
    bits = Decimal(match[1]) * _UNITS[match[2]]
    if bits % 1000 or not MIN_BITRATE <= bits <= MAX_BITRATE:
        raise ValueError
    return f"{bits // 10**6}M" if bits % 10**6 == 0 else f"{bits // 1000}k"


def _options(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > MAX_OPTIONS:
        raise TypeError
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError
        if not _OPTION.fullmatch(name) or not text.isprintable():
            raise ValueError
        if not 0 < len(text) <= MAX_OPTION_LENGTH:
            raise ValueError
    return dict(sorted(value.items()))


_MOMENT = f"a moment from 0 to {MAX_SECONDS:,} seconds with at most {DECIMALS} decimals"
_KINDS: tuple[tuple[str, Callable[[object], object], tuple[str, ...]], ...] = (
    ("a number", _number, ("scale_factor", "reuse_tolerance", "crf", "loss_budget")),
    ("a whole number", _integer, ("noise_reduction", "tile_size", "segment_frames", "workers")),
    (_MOMENT, _moment, ("range_start", "range_end")),
    ("a frame rate such as 30, 23.976 or 24000/1001", _rate, ("fps", "rate")),
    ("true or false", _flag, ("keep_frames", "bake_rotation")),
    ("bits a second from 1k to 1G, such as 8M or 6000k", _bitrate, ("bitrate",)),
    ('names with texts, such as {"aq-mode": "3"}', _options, ("encoder_options",)),
    ("a text", _text, ("quality", "content", "model", "engine", "reuse", "encoder")),
    ("a text", _text, ("size", "preset", "pixel_format", "container", "device", "deinterlace")),
    ("a text", _text, ("crop", "alpha")),
)
_OPTIONAL = frozenset(
    field.name for field in msgspec.structs.fields(ProcessingSettings) if field.default is None
)


def _check(s: ProcessingSettings) -> None:
    def need(name: str, ok: bool, message: str) -> None:  # noqa: FBT001 - a local shorthand
        if not ok:
            raise SettingsError(message, setting=name)

    need(
        "scale_factor",
        MIN_SCALE <= s.scale_factor <= MAX_SCALE,
        f"The scale must lie between {MIN_SCALE:g} and {MAX_SCALE:g}; {s.scale_factor:g} does not.",
    )
    for name, value, allowed in (
        ("quality", s.quality, QUALITIES),
        ("content", s.content, CONTENTS),
        ("engine", s.engine, ENGINES),
        ("reuse", s.reuse, REUSES),
        ("deinterlace", s.deinterlace, DEINTERLACES),
        ("encoder", s.encoder, ENCODERS),
        ("container", s.container, CONTAINERS),
        ("alpha", s.alpha, ALPHAS),
        ("noise_reduction", s.noise_reduction, NOISE_REDUCTION_LEVELS),
    ):
        word, choices = name.replace("_", " "), ", ".join(map(str, allowed))
        need(name, value in allowed, f"The {word} must be one of {choices}; {value!r} is not.")
    need(
        "size",
        s.size is None or _SIZE.fullmatch(s.size) is not None,
        f"The size must be like 1920x1080, 1920x or x1080 (in pixels); {s.size!r} is not.",
    )
    need(
        "crop",
        s.crop in {"off", "auto"} or _CROP.fullmatch(s.crop) is not None,
        "The crop must be off, auto or WIDTH:HEIGHT:LEFT:TOP (in pixels), such as 1920:800:0:140; "
        f"{s.crop!r} is not.",
    )
    for name, rate in (("fps", s.fps), ("rate", s.rate)):
        need(
            name,
            rate is None or MIN_RATE <= Fraction(rate) <= MAX_RATE,
            f"There may be between {MIN_RATE} and {MAX_RATE} frames per second; {rate} is not.",
        )
    need(
        "tile_size",
        s.tile_size is None or 32 <= s.tile_size <= 16384,
        "The tile size must lie between 32 and 16384 pixels.",
    )
    need(
        "reuse_tolerance",
        0.0 <= s.reuse_tolerance <= 16.0,
        "The reuse tolerance must lie between 0 and 16, of 255.",
    )
    need("crf", s.crf is None or 0 <= s.crf <= 63, "The crf must lie between 0 and 63.")
    need(
        "bitrate",
        s.crf is None or s.bitrate is None,
        "Give either a crf (constant quality) or a bitrate (constant size), not both.",
    )
    need(
        "segment_frames",
        s.segment_frames is None or 1 <= s.segment_frames <= 480,
        "A segment must have between 1 and 480 frames.",
    )
    need(
        "loss_budget",
        0.0 <= s.loss_budget <= 3600.0,
        "The loss budget must lie between 0 and 3600 seconds.",
    )
    need("workers", 1 <= s.workers <= 64, "There may be between 1 and 64 workers.")
    start, end = s.range_start, s.range_end
    need(
        "range_end",
        start is None or end is None or start < end,
        f"The range is empty: its start ({start} s) must lie before its end ({end} s).",
    )
    need(
        "device",
        s.device in {"auto", "cpu"} or (s.device.startswith("gpu:") and s.device[4:].isdecimal()),
        f"The device must be auto, cpu or gpu:N (gpu:0 is the first); {s.device!r} is not.",
    )


_DEFAULTS = ProcessingSettings()
