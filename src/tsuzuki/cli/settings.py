"""The settings as options of commands, and what they mean together."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import typer

from tsuzuki.cli import options as o
from tsuzuki.errors import SettingsError
from tsuzuki.moments import parse_moment
from tsuzuki.purposes import PURPOSES
from tsuzuki.settings import (
    ALPHAS,
    CONTAINERS,
    CONTENTS,
    DEINTERLACES,
    ENCODERS,
    ENGINES,
    QUALITIES,
    ProcessingSettings,
)

OPTIONS: dict[str, Any] = {
    "scale_factor": o.Scale,
    "size": o.Size,
    "width": o.Width,
    "height": o.Height,
    "rate": o.Rate,
    "alpha": o.Alpha,
    "deinterlace": o.Deinterlace,
    "crop": o.CropOption,
    "bake_rotation": o.BakeRotation,
    "fps": o.Fps,
    "quality": o.Quality,
    "content": o.Content,
    "noise_reduction": o.NoiseReduction,
    "model": o.Model,
    "range": o.Range,
    "reuse": o.Reuse,
    "purpose": o.For,
    "encoder": o.Encoder,
    "crf": o.Crf,
    "bitrate": o.Bitrate,
    "preset": o.Preset,
    "encoder_options": o.EncoderOption,
    "pixel_format": o.PixelFormat,
    "container": o.Container,
    "keep_frames": o.KeepFrames,
    "workers": o.Workers,
    "device": o.Device,
    "engine": o.Engine,
    "segment_frames": o.SegmentFrames,
    "reuse_tolerance": o.ReuseTolerance,
    "tile_size": o.TileSize,
    "loss_budget": o.LossBudget,
}
"""By the name of the setting; ``width``, ``height``, ``range`` and ``purpose`` become others."""
_Command = TypeVar("_Command", bound=Callable[..., None])


def with_settings(*names: str) -> Callable[[_Command], _Command]:
    """Give a command these of the `OPTIONS`, or all, in place of its ``**options``.

    They come after its arguments and before its own options.
    """
    shared = [_parameter(name) for name in names or OPTIONS]

    def given(command: _Command) -> _Command:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[:-1]
        arguments = [one for one in own if one.default is one.empty]
        parameters = [*arguments, *shared, *own[len(arguments) :]]
        setattr(  # noqa: B010 - mypy knows no signature of a function
            command,
            "__signature__",
            inspect.Signature([one.replace(kind=one.KEYWORD_ONLY) for one in parameters]),
        )
        return command

    return given


def _parameter(name: str) -> inspect.Parameter:
    default = getattr(o.DEFAULTS, name, None)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if default == {} else default,
        annotation=OPTIONS[name],
    )


def chosen_settings(
    context: typer.Context, options: dict[str, Any], output: Path | None = None
) -> ProcessingSettings:
    """Return the settings that the options mean; `SettingsError` for what is impossible.

    ``output`` is the path that the output will have, where the person named it.
    """
    chosen = dict(options)
    sizes = (chosen.pop(name, None) for name in ("size", "width", "height"))
    chosen["size"] = size_from(*sizes)
    _refuse_scale_with_size(context, chosen["size"])
    return settings_from(_for_purpose(chosen.pop("purpose", None), chosen, context, output))


def _for_purpose(
    purpose: str | None, options: dict[str, Any], context: typer.Context, output: Path | None
) -> dict[str, Any]:
    """Return the options with those of the purpose in place of what the user did not give.

    The ending of ``output`` goes before the purpose's container, too.
    """
    if purpose is None:
        return options
    chosen = PURPOSES.get(_spelled(purpose, PURPOSES))
    if chosen is None:
        raise SettingsError(f"--for must be one of {', '.join(PURPOSES)}; {purpose!r} is not.")
    given = {name for name in chosen if _is_given(context, name)}
    if "encoder" in given:  # the purpose's numbers mean nothing to another one
        given |= {"crf", "preset", "pixel_format"}
    if _is_given(context, "bitrate"):
        given.add("crf")
    if output is not None and output.suffix:
        given.add("container")
    return options | {name: value for name, value in chosen.items() if name not in given}


def size_from(size: str | None, width: int | None, height: int | None) -> str | None:
    """Return the size that ``--size``, or ``--width`` and ``--height``, ask for."""
    if width is None and height is None:
        return size
    if size is not None:
        raise SettingsError(
            f"--size {size} and --width or --height all say how large the output becomes. Leave "
            "out --size, or the others.",
            setting="size",
        )
    return f"{width or ''}x{height or ''}"


def _refuse_scale_with_size(context: typer.Context, size: str | None) -> None:
    """Raise `SettingsError` where a scale is given beside a size, which leaves no room for it."""
    if size is not None and _is_given(context, "scale_factor"):
        raise SettingsError(
            f"--size {size} and --scale both say how large the output becomes. Leave one of them "
            "out.",
            setting="scale_factor",
        )


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def settings_from(options: dict[str, Any]) -> ProcessingSettings:
    """Return the settings that the options of the command line mean.

    ``range`` is a text, ``encoder_options`` a list of texts ``KEY=VALUE``; the other names are
    those of `ProcessingSettings`.
    """
    options = dict(options)
    start, end = parse_range(options.pop("range", None))
    if "crop" in options:
        options["crop"] = options["crop"].lower()
    if "encoder_options" in options:
        options["encoder_options"] = parse_options(options["encoder_options"] or ())
    for name, values in (
        ("quality", QUALITIES),
        ("content", CONTENTS),
        ("deinterlace", DEINTERLACES),
        ("alpha", ALPHAS),
        ("encoder", ENCODERS),
        ("engine", ENGINES),
        ("container", CONTAINERS),
    ):
        if name in options:
            options[name] = _spelled(options[name], values)
    return ProcessingSettings(range_start=start, range_end=end, **options)


def parse_options(texts: Iterable[str]) -> dict[str, str]:
    """Return the options that ``KEY=VALUE`` texts give."""
    options: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise SettingsError(
                f"The encoder option {text!r} is not of the form KEY=VALUE, such as aq-mode=3."
            )
        if options.setdefault(name, value) != value:
            raise SettingsError(f"The encoder option {name} is given twice; leave one out.")
    return options


def parse_range(text: str | None) -> tuple[Decimal | None, Decimal | None]:
    """Return start and end of ``START-END`` in seconds; either may be left out."""
    if text is None:
        return None, None
    start, dash, end = text.partition("-")
    if not dash or not (start or end):
        raise SettingsError(
            f"The range {text!r} is not of the form START-END. Give seconds or timecodes, such as "
            "90-120, 1:30-2:00, or 10:00- for everything after ten minutes."
        )
    return parse_moment(start), parse_moment(end)


def _spelled(value: str, known: Iterable[str]) -> str:
    """Return the known value that differs in upper and lower case only, else the value itself."""
    return next((name for name in known if name.lower() == value.lower()), value)
