"""Which encoder with which options: the plan that decides the bytes of every segment."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import av
import msgspec

from tsuzuki.errors import EncoderError, SettingsError
from tsuzuki.settings import MAX_RATE, MAX_SCALE, MIN_RATE, MIN_SCALE, ProcessingSettings
from tsuzuki.video.containers import choose_container
from tsuzuki.video.deinterlace import FILM_SHARE, method_for
from tsuzuki.video.facts import EncodePlan, Probe
from tsuzuki.video.hdr import Hdr, encoder_parameters

THREADS = 4
"""Threads of every encoder. A constant, because x264 gives other bytes with another number."""

GOP = 240
"""Most frames between two key frames: seeking stays quick, about 10 s at film rate."""

X26X_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
X264_LOOKAHEAD = dict(zip(X26X_PRESETS, (0, 0, 10, 20, 30, 40, 50, 60, 60, 60), strict=True))
"""Frames that each preset of x264 looks ahead (x264, common/base.c)."""
LOOKAHEAD_BYTES = 130 << 20
"""Memory that x264's look-ahead may take, where its preset would take more for large frames."""
LOOKAHEAD_BYTES_PER_PIXEL = 4.2
"""Of each frame that x264 holds until then, measured."""
LEAST_LOOKAHEAD = 5

SVT_PRESETS = tuple(str(speed) for speed in range(14))
VP9_PRESETS = tuple(str(speed) for speed in range(6))
PRORES_PRESETS = ("proxy", "lt", "standard", "hq", "4444", "4444xq")

_RGB, _BT709 = 0, 1


class Encoder(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one encoder."""

    library: str
    """FFmpeg's name of it."""
    crf: float | None
    """Constant quality unless set; None where the encoder has none."""
    max_crf: float = 51
    lossless: bool = False
    preset: str | None
    """None leaves it to the encoder."""
    presets: tuple[str, ...] = ()
    preset_option: str = "preset"
    """FFmpeg's name of the option that takes the preset."""
    parameters: str = ""
    """Option that takes the encoder's own parameters, such as ``x264-params``."""
    options: dict[str, str]
    """Options that every plan gets, threads and reproducibility among them."""


ENCODERS: Mapping[str, Encoder] = {
    # crf 18 is generally held to be visually lossless for x264; medium is its own default.
    "x264": Encoder(
        library="libx264",
        parameters="x264-params",
        crf=18,
        preset="medium",
        presets=X26X_PRESETS,
        options={"g": str(GOP), "x264-params": "cpu-independent=1:stitchable=1"},
    ),
    # x265 reaches the quality of x264 at a crf that is two to four higher. Without info=0 a string
    # with the number of CPUs' features enters the bitstream.
    "x265": Encoder(
        library="libx265",
        parameters="x265-params",
        crf=20,
        preset="medium",
        presets=X26X_PRESETS,
        options={
            "g": str(GOP),
            "x265-params": f"frame-threads={THREADS}:pools={THREADS}:info=0:open-gop=0"
            ":log-level=error",
        },
    ),
    # Preset 6 is what SVT-AV1's own guide names for encodes that need not be quick.
    "svt-av1": Encoder(
        library="libsvtav1",
        parameters="svtav1-params",
        crf=24,
        max_crf=63,
        preset="6",
        presets=SVT_PRESETS,
        options={"g": str(GOP), "svtav1-params": f"lp={THREADS}"},
    ),
    # The crf and speed of FFmpeg's guide for files that are kept; b=0 makes the crf count alone.
    "vp9": Encoder(
        library="libvpx-vp9",
        crf=24,
        max_crf=63,
        preset="2",
        presets=VP9_PRESETS,
        preset_option="cpu-used",
        options={"g": str(GOP), "b": "0", "deadline": "good", "row-mt": "1", "tile-columns": "2"},
    ),
    # The profile that editing programs expect unless told otherwise: hq for 4:2:2, 4444 for 4:4:4.
    "prores": Encoder(
        library="prores_ks",
        crf=None,
        preset=None,
        presets=PRORES_PRESETS,
        preset_option="profile",
        options={"vendor": "apl0"},
    ),
    # Pictures of their own; the filter and the effort of its libraries.
    "png": Encoder(
        library="png",
        crf=None,
        lossless=True,
        preset=None,
        options={"pred": "mixed", "compression_level": "6"},
    ),
    # Version 3 with checksums in every slice, each frame by itself: the archivists' setting.
    "ffv1": Encoder(
        library="ffv1",
        crf=None,
        lossless=True,
        preset=None,
        options={
            "g": "1",
            "level": "3",
            "coder": "range_def",
            "context": "1",
            "slices": "4",
            "slicecrc": "1",
        },
    ),
}


def check(settings: ProcessingSettings) -> Encoder:
    """Return the encoder of ``settings``, or say which encoder setting is impossible.

    Raises `EncoderError` where this build lacks the encoder, else `SettingsError`.
    """
    name, encoder = settings.encoder, ENCODERS[settings.encoder]
    formats = _supported_formats(name)
    if settings.preset is not None and settings.preset not in encoder.presets:
        known = f"one of {', '.join(encoder.presets)}" if encoder.presets else "left unset"
        raise SettingsError(f"The preset of {name} must be {known}; {settings.preset!r} is not.")
    if settings.crf is not None and encoder.crf is None:
        raise SettingsError(f"{name} has no crf; leave it unset.")
    if settings.crf is not None and not 0 <= settings.crf <= encoder.max_crf:
        raise SettingsError(
            f"The crf of {name} must lie between 0 and {encoder.max_crf:g}; "
            f"{settings.crf:g} does not."
        )
    if settings.pixel_format is not None and settings.pixel_format not in formats:
        raise SettingsError(
            f"{name} cannot encode the pixel format {settings.pixel_format!r}; it can encode "
            f"{', '.join(formats)}. Leave the pixel format unset to keep the source's."
        )
    return encoder


def _supported_formats(name: str) -> tuple[str, ...]:
    """Pixel formats of the encoder, without those whose name alone says full range."""
    library = ENCODERS[name].library
    try:
        formats = av.Codec(library, "w").video_formats or []
    except av.codec.codec.UnknownCodecError as error:
        raise EncoderError(
            f"The encoder {name} ({library}) is missing in this build of PyAV "
            f"{av.__version__}; choose another encoder or install PyAV from its wheel.",
            encoder=name,
        ) from error
    return tuple(f.name for f in formats if not f.name.startswith("yuvj"))


def output_pixel_format(settings: ProcessingSettings, probe: Probe) -> str:
    """Return the pixel format asked for, else the source's subsampling and depth (8 or 10 bits).

    What the encoder lacks becomes the nearest that keeps most: RGB becomes 4:4:4 where the encoder
    takes no RGB; the rarer subsamplings, grey and what is left become 4:2:0. Raises like `check`.
    """
    check(settings)
    if settings.pixel_format is not None:
        return settings.pixel_format
    supported = _supported_formats(settings.encoder)
    source = av.VideoFormat(probe.pixel_format)
    deep = max(c.bits for c in source.components) > 8
    if settings.encoder == "png":
        return "rgb48be" if deep else "rgb24"
    lossless = ENCODERS[settings.encoder].lossless
    wanted = _wanted_formats(source, deep=deep, lossless=lossless)
    if not deep:  # of an encoder that has ten bits alone
        wanted += _wanted_formats(source, deep=True, lossless=lossless)
    return next(name for name in (*wanted, "yuv422p10le") if name in supported)


def _wanted_formats(source: av.VideoFormat, *, deep: bool, lossless: bool) -> tuple[str, ...]:
    suffix = "10le" if deep else ""
    fallback = (f"yuv444p{suffix}", f"yuv420p{suffix}")
    if source.is_rgb or source.has_palette:
        return (("gbrp10le",) if suffix else ("bgr0",)) + fallback if lossless else fallback
    colours = sum(not c.is_alpha for c in source.components)
    if colours == 1:
        return (f"gray{suffix}", *fallback) if lossless else fallback[1:]
    across, down = 8 // source.chroma_width(8), 8 // source.chroma_height(8)
    subsampling = {(1, 1): "444", (2, 1): "422"}.get((across, down), "420")
    return (f"yuv{subsampling}p{suffix}", *fallback[1:])


def output_size(settings: ProcessingSettings, probe: Probe, pixel_format: str) -> tuple[int, int]:
    """Return the size of the output in pixels.

    Each side is rounded half up; where chroma is subsampled along it, an odd one grows by one. A
    size that the settings ask for is that of the picture as it is shown: with square pixels, and
    turned. Raises `SettingsError` for one that is smaller than the video, or too large.
    """
    across, down = _subsampling(pixel_format)
    width, height = Fraction(probe.width), Fraction(probe.height)
    if (box := settings.box()) is None:
        width, height = (side * Fraction(str(settings.scale_factor)) for side in (width, height))
    else:
        width *= Fraction(*probe.sample_aspect_ratio)
        turned = probe.rotation in {90, 270}
        sides = zip(reversed(box) if turned else box, (width, height), strict=True)
        factor = min(wanted / side for wanted, side in sides if wanted is not None)
        width, height = width * factor, height * factor
        _check_scale(settings, probe, max(width / probe.width, height / probe.height))
    rounded = (int(width + Fraction(1, 2)), int(height + Fraction(1, 2)))
    return rounded[0] + rounded[0] % across, rounded[1] + rounded[1] % down


def _check_scale(settings: ProcessingSettings, probe: Probe, scale: Fraction) -> None:
    if not MIN_SCALE <= scale <= MAX_SCALE:
        which = "smaller than" if scale < MIN_SCALE else f"more than {MAX_SCALE:g} times"
        raise SettingsError(
            f"The size {settings.size} is {which} the video ({probe.width}x{probe.height}). Choose "
            "another; several runs can enlarge it further.",
            setting="size",
        )


def _subsampling(pixel_format: str) -> tuple[int, int]:
    """Return whether chroma is subsampled across and down: 2, or 1 where it is not."""
    form = av.VideoFormat(pixel_format)
    if form.is_rgb or len(form.components) < 3:
        return 1, 1
    return 1 + (form.chroma_width(8) < 8), 1 + (form.chroma_height(8) < 8)


def plan_encoding(
    settings: ProcessingSettings, probe: Probe, width: int, height: int
) -> EncodePlan:
    """Resolve everything that decides the bytes of the segments.

    ``width`` and ``height`` are the output's, as from `output_size`. Raises what `check` raises,
    and `SettingsError` for a size that the pixel format cannot have.
    """
    encoder = check(settings)
    pixel_format = output_pixel_format(settings, probe)
    across, down = _subsampling(pixel_format)
    if width % across or height % down:
        raise SettingsError(
            f"{width}x{height} is impossible in {pixel_format}, whose subsampled sides must be "
            "even. Choose another scale, or a 4:4:4 pixel format such as yuv444p."
        )
    source, rgb = probe.colour, av.VideoFormat(pixel_format).is_rgb
    matrix = _RGB if rgb else source.matrix or _BT709
    plan = EncodePlan(
        encoder=settings.encoder,
        library=encoder.library,
        version=_version(),
        options=_options(settings, encoder, probe.hdr, width * height),
        pixel_format=pixel_format,
        width=width,
        height=height,
        frame_rate=_frame_rate(settings, probe),
        sample_aspect_ratio=(1, 1) if settings.size else probe.sample_aspect_ratio,
        source_colour=source,
        matrix=matrix,
        primaries=source.primaries,
        transfer=source.transfer,
        full_range=rgb or (source.full_range and source.matrix != _RGB),
        chroma_location=_chroma_location(source.chroma_location, pixel_format),
        container="mkv",
        threads=THREADS,
        extra=probe.hdr,
    )
    return msgspec.structs.replace(plan, container=choose_container(settings, probe, plan))


def _options(
    settings: ProcessingSettings, encoder: Encoder, hdr: Hdr, pixels: int
) -> dict[str, str]:
    options = dict(encoder.options)
    for name, value in encoder_parameters(settings.encoder, hdr).items():
        options[encoder.parameters] += f":{name}={value}"
    if encoder.crf is not None:
        options["crf"] = f"{encoder.crf if settings.crf is None else settings.crf:g}"
    if preset := settings.preset or encoder.preset:
        options[encoder.preset_option] = preset
    if settings.encoder == "x264":
        fitting = int(LOOKAHEAD_BYTES / (LOOKAHEAD_BYTES_PER_PIXEL * pixels))
        frames = max(LEAST_LOOKAHEAD, fitting)
        if frames < X264_LOOKAHEAD[options["preset"]]:
            # Nor any frames more that the look-ahead of another thread would hold.
            options[encoder.parameters] += f":rc-lookahead={frames}:sync-lookahead=0"
    return options


def _frame_rate(settings: ProcessingSettings, probe: Probe) -> tuple[int, int]:
    """Keep the frame rate within what every encoder takes; it only guides them."""
    rate = Fraction(settings.fps or Fraction(*probe.frame_rate))
    if settings.fps is None and method_for(settings.deinterlace, probe) == "ivtc":
        rate *= FILM_SHARE
    rate = min(max(rate, Fraction(MIN_RATE)), Fraction(MAX_RATE))
    return rate.numerator, rate.denominator


def _chroma_location(source: int, pixel_format: str) -> int:
    """Keep the source's chroma position where the output has one; left is MPEG's default."""
    return 0 if _subsampling(pixel_format) == (1, 1) else source or 1


def _version() -> str:
    parts = (f"{name} {'.'.join(map(str, v))}" for name, v in sorted(av.library_versions.items()))
    return f"PyAV {av.__version__}, " + ", ".join(parts)
