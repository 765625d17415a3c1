"""Which encoder with which options: the plan that decides the bytes of every segment."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import av
import msgspec

from tsuzuki.errors import EncoderError, SettingsError
from tsuzuki.settings import MAX_RATE, MAX_SCALE, MIN_RATE, MIN_SCALE, ProcessingSettings
from tsuzuki.video.alpha import alpha_format
from tsuzuki.video.containers import choose_container
from tsuzuki.video.encoder_options import check_names, with_options
from tsuzuki.video.encoders import ENCODERS, THREADS, X26X_PRESETS, Encoder
from tsuzuki.video.facts import EncodePlan, Probe
from tsuzuki.video.fields import FILM_SHARE, method_for
from tsuzuki.video.hardware import missing, unusable
from tsuzuki.video.hdr import Hdr, encoder_parameters
from tsuzuki.video.trial import objection

X264_LOOKAHEAD = dict(zip(X26X_PRESETS, (0, 0, 10, 20, 30, 40, 50, 60, 60, 60), strict=True))
"""Frames that each preset of x264 looks ahead (x264, common/base.c)."""
LOOKAHEAD_BYTES = 100 << 20
"""Memory that x264's look-ahead may take, where its preset would take more for large frames."""
LOOKAHEAD_BYTES_PER_PIXEL = 4.2
"""Of each frame that x264 holds until then, measured."""
LEAST_LOOKAHEAD = 5

_RGB, _BT709 = 0, 1


def check(settings: ProcessingSettings) -> Encoder:
    """Return the encoder of ``settings``, or say which encoder setting is impossible.

    Raises `EncoderError` where this build lacks the encoder, else `SettingsError`.
    """
    name, encoder = settings.encoder, ENCODERS[settings.encoder]
    formats = _supported_formats(name)
    if settings.preset is not None and settings.preset not in encoder.presets:
        known = f"one of {', '.join(encoder.presets)}" if encoder.presets else "left unset"
        raise SettingsError(f"The preset of {name} must be {known}; {settings.preset!r} is not.")
    _check_rate(settings, encoder)
    check_names(settings.encoder_options, name, encoder, settings.bitrate)
    if settings.pixel_format is not None and settings.pixel_format not in formats:
        raise SettingsError(
            f"{name} cannot encode the pixel format {settings.pixel_format!r}; it can encode "
            f"{', '.join(formats)}. Leave the pixel format unset to keep the source's."
        )
    return encoder


def _check_rate(settings: ProcessingSettings, encoder: Encoder) -> None:
    name, crf = settings.encoder, settings.crf
    if settings.bitrate is not None and encoder.rate is None:
        why = "is lossless" if encoder.lossless else "has its size from --preset"
        raise SettingsError(
            f"{name} {why} and takes no bitrate. Leave it out, or choose another encoder.",
            setting="bitrate",
        )
    if crf is None:
        return
    if encoder.crf is None:
        raise SettingsError(f"{name} has no crf; leave it unset.")
    if not encoder.min_crf <= crf <= encoder.max_crf:
        raise SettingsError(
            f"The crf of {name} must lie between {encoder.min_crf:g} and {encoder.max_crf:g}; "
            f"{crf:g} does not."
        )
    if encoder.whole_crf and crf != int(crf):
        raise SettingsError(f"The crf of {name} must be a whole number; {crf:g} is not.")


def _supported_formats(name: str) -> tuple[str, ...]:
    """Pixel formats of the encoder, without those whose name alone says full range."""
    encoder = ENCODERS[name]
    if encoder.hardware:
        if answer := missing(name):
            raise unusable(name, "opening it", answer)
        return encoder.formats
    try:
        formats = av.Codec(encoder.library, "w").video_formats or []
    except av.codec.codec.UnknownCodecError as error:
        raise EncoderError(
            f"The encoder {name} ({encoder.library}) is missing in this build of PyAV "
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
    if (keeping := alpha_format(settings, probe)) is not None:
        return keeping
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
    hardware = ("p010le", "nv12") if deep else ("nv12",)
    names: tuple[str, ...] = (*wanted, "yuv422p10le", *hardware)
    return next(name for name in names if name in supported)


def deeper_format(plan: EncodePlan) -> str | None:
    """Return the plan's pixel format with 10 bits; None where its encoder has none."""
    deeper = f"{plan.pixel_format}10le"
    return deeper if deeper in _supported_formats(plan.encoder) else None


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
        version=library_versions(),
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
    plan = _proven(plan, settings)
    return msgspec.structs.replace(plan, container=choose_container(settings, probe, plan))


def _proven(plan: EncodePlan, settings: ProcessingSettings) -> EncodePlan:
    """Return the plan with the user's options, after trying it where it is out of the ordinary.

    Raises `EncoderError` for hardware that does not work, `SettingsError` that names the option.
    """
    encoder, wishes = ENCODERS[plan.encoder], settings.encoder_options

    def wish(names: Iterable[str]) -> EncodePlan:
        chosen = {name: wishes[name] for name in names}
        options = with_options(plan.options, chosen, plan.encoder, encoder)
        return msgspec.structs.replace(plan, options=options)

    wished = wish(wishes)
    if not encoder.hardware and not wishes:
        return wished
    problem = objection(wished)
    if problem is None:
        return wished
    if encoder.hardware and (not wishes or objection(plan) is not None):
        tried = f"{plan.width}x{plan.height} in {plan.pixel_format}"
        raise unusable(plan.encoder, tried, problem)
    blamed = [name for name in wishes if objection(wish(wishes.keys() - {name})) is None]
    named = ", ".join(f"{name}={wishes[name]}" for name in blamed or wishes)
    raise SettingsError(
        f"{plan.encoder} does not take the encoder option {named}: {problem}. Leave it out, or "
        "give another value.",
        setting="encoder_options",
        options=blamed or list(wishes),
    )


def _options(
    settings: ProcessingSettings, encoder: Encoder, hdr: Hdr, pixels: int
) -> dict[str, str]:
    options = encoder.options_for(settings.crf, settings.bitrate, settings.preset)
    for name, value in encoder_parameters(settings.encoder, hdr).items():
        options[encoder.parameters] += f":{name}={value}"
    if settings.encoder == "x264" and "rc-lookahead" not in settings.encoder_options:
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


def library_versions() -> str:
    """Return the versions of PyAV and FFmpeg's libraries that are installed."""
    parts = (f"{name} {'.'.join(map(str, v))}" for name, v in sorted(av.library_versions.items()))
    return f"PyAV {av.__version__}, " + ", ".join(parts)
