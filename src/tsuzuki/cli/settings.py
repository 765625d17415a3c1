"""The settings as options, for the commands that share them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from tsuzuki.cli import options as o
from tsuzuki.settings import ProcessingSettings

D = o.DEFAULTS
_Command = TypeVar("_Command", bound=Callable[..., None])


def chosen_settings(  # noqa: PLR0917 - each parameter is an option
    context: typer.Context,
    output: Path | None = None,
    scale: o.Scale = D.scale_factor,
    size: o.Size = None,
    width: o.Width = None,
    height: o.Height = None,
    rate: o.Rate = None,
    alpha: o.Alpha = D.alpha,
    deinterlace: o.Deinterlace = D.deinterlace,
    crop: o.CropOption = D.crop,
    bake_rotation: o.BakeRotation = D.bake_rotation,
    fps: o.Fps = None,
    quality: o.Quality = D.quality,
    content: o.Content = D.content,
    noise_reduction: o.NoiseReduction = D.noise_reduction,
    model: o.Model = None,
    range_: o.Range = None,
    reuse: o.Reuse = D.reuse,
    for_: o.For = None,
    encoder: o.Encoder = D.encoder,
    crf: o.Crf = None,
    bitrate: o.Bitrate = None,
    preset: o.Preset = None,
    encoder_option: o.EncoderOption = None,
    pixel_format: o.PixelFormat = None,
    container: o.Container = D.container,
    keep_frames: o.KeepFrames = False,
    workers: o.Workers = D.workers,
    device: o.Device = D.device,
    engine: o.Engine = D.engine,
    segment_frames: o.SegmentFrames = None,
    reuse_tolerance: o.ReuseTolerance = D.reuse_tolerance,
    tile_size: o.TileSize = None,
    loss_budget: o.LossBudget = D.loss_budget,
) -> ProcessingSettings:
    """Return the settings that the options mean; `SettingsError` for what is impossible.

    ``output`` is the path that the output will have, where the person named it.
    """
    size = o.size_from(size, width, height)
    o.refuse_scale_with_size(context, size)
    chosen = o.for_purpose(
        for_,
        {
            "scale_factor": scale,
            "size": size,
            "rate": rate,
            "alpha": alpha,
            "deinterlace": deinterlace,
            "crop": crop.lower(),
            "bake_rotation": bake_rotation,
            "fps": fps,
            "quality": quality,
            "content": content,
            "noise_reduction": noise_reduction,
            "model": model,
            "range": range_,
            "encoder": encoder,
            "crf": crf,
            "bitrate": bitrate,
            "preset": preset,
            "encoder_options": encoder_option,
            "pixel_format": pixel_format,
            "container": container,
            "keep_frames": keep_frames,
            "device": device,
            "workers": workers,
            "engine": engine,
            "segment_frames": segment_frames,
            "reuse": reuse,
            "reuse_tolerance": reuse_tolerance,
            "tile_size": tile_size,
            "loss_budget": loss_budget,
        },
        context,
        output,
    )
    return o.settings_from(chosen)


def with_settings(command: _Command) -> _Command:
    """Give a command the options of `chosen_settings`, in place of its ``**options``.

    They come after its arguments and before its own options.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[:-1]
    arguments = [one for one in own if one.default is one.empty]
    shared = list(inspect.signature(chosen_settings, eval_str=True).parameters.values())[2:]
    parameters = [*arguments, *shared, *own[len(arguments) :]]
    setattr(  # noqa: B010 - mypy knows no signature of a function
        command,
        "__signature__",
        inspect.Signature([one.replace(kind=one.KEYWORD_ONLY) for one in parameters]),
    )
    return command
