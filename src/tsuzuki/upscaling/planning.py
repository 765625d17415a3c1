"""Resolve what the user wants to networks, tiles and parts on a device."""

from __future__ import annotations

import math

import msgspec

from tsuzuki.settings import MAX_SCALE, MIN_SCALE, ProcessingSettings
from tsuzuki.upscaling.catalogue import Network
from tsuzuki.upscaling.devices import DeviceInfo, choose_device
from tsuzuki.upscaling.motion import FURTHEST
from tsuzuki.upscaling.plan import Pass, ReusePlan, UpscalePlan
from tsuzuki.upscaling.presets import choose
from tsuzuki.upscaling.registry import ENGINES
from tsuzuki.upscaling.resample import reach_of_bicubic
from tsuzuki.upscaling.tiling import default_tile

TRIMMED_BORDER = 1.0
"""What the border of a network costs that uses no padding of its own, in pixels a side, whatever
its reach: its last layers, which take most of the time, see next to nothing of the border."""
MEAN_SHARE = 1 / 3
"""Mean difference within a block that is no change yet, as a share of that of a pixel."""
MOST_MEAN = 0.98
"""The most that it may be: one grey level more all over a block is a change, so no fade jumps."""
COLOUR_SHARE = 10 / 7
"""Mean difference of one colour of a block that is no change yet, as a share of that of all three:
at most 1.4 levels, so that a fade of a colour does not jump either."""


def plan_upscaling(
    settings: ProcessingSettings,
    width: int,
    height: int,
    out_width: int,
    out_height: int,
    *,
    device: DeviceInfo | None = None,
) -> UpscalePlan:
    """Choose device and networks for frames of ``width`` x ``height``.

    ``device`` is given where it is not one of this machine.

    Raises `ModelError` for an unknown model or missing files, `DeviceError` for a missing device.
    """
    if settings.engine == "nearest":
        return _nearest(width, height, out_width, out_height)
    engine = ENGINES[settings.engine]
    if device is None:
        device = choose_device(settings.device)
    choice = choose(_with_scale(settings, max(out_width / width, out_height / height)))
    passes: list[Pass] = []
    w, h = width, height
    for network in choice.networks:
        tile = settings.tile_size or default_tile(network, w, h, device.name)
        passes.append(Pass(network=network.name, digest=network.digest(), tile=tile))
        w, h = w * network.scale, h * network.scale
    return UpscalePlan(
        engine=settings.engine,
        engine_version=engine.version,
        device=device.name,
        device_title=device.title,
        passes=tuple(passes),
        options=engine.options_for(device.name),
        resize="none" if (w, h) == (out_width, out_height) else "bicubic",
        width=width,
        height=height,
        out_width=out_width,
        out_height=out_height,
        reuse=_reuse(settings, choice.networks, (w, h), (out_width, out_height)),
        notes=choice.notes,
    )


def _with_scale(settings: ProcessingSettings, scale: float) -> ProcessingSettings:
    """Return the settings with the scale that a size asked for comes to."""
    if settings.size is None:
        return settings
    return msgspec.structs.replace(
        settings, size=None, scale_factor=min(max(MIN_SCALE, round(scale, 2)), MAX_SCALE)
    )


def _reuse(
    settings: ProcessingSettings,
    networks: tuple[Network, ...],
    size: tuple[int, int],
    out: tuple[int, int],
) -> ReusePlan | None:
    if settings.reuse == "off" or not networks:
        return None
    tolerance = settings.reuse_tolerance if settings.reuse == "visual" else 0.0
    if any(network.pools for network in networks):
        return plan_reuse(tolerance, None)
    near = tolerance > 0
    reach, ends, border, scale = 0.0, 0.0, 0.0, 1
    for network in networks:
        own = network.border(near=near)
        reach += own / scale
        ends += network.border(near=False) / scale
        border += (TRIMMED_BORDER if network.trims else own) / scale
        scale *= network.scale
    resampled = max(map(reach_of_bicubic, size, out)) / scale
    step = _step((size[0] // scale, size[1] // scale), out) if near else 0
    return msgspec.structs.replace(
        plan_reuse(tolerance, math.ceil(reach + resampled), border, near=near),
        step=step,
        ends=math.ceil(ends + resampled),
    )


def _step(size: tuple[int, int], out: tuple[int, int]) -> int:
    """Return the least motion of the input that is one by whole pixels of the output, or 0.

    Networks that look at pixels in groups have no say: they are those that look at whole frames.
    """
    pairs = zip(size, out, strict=True)
    step = math.lcm(*(length // math.gcd(length, larger) for length, larger in pairs))
    return step if step <= FURTHEST else 0


def _nearest(width: int, height: int, out_width: int, out_height: int) -> UpscalePlan:
    return UpscalePlan(
        engine="nearest",
        engine_version="1",
        device="cpu",
        device_title="cpu",
        passes=(),
        options={},
        resize="nearest",
        width=width,
        height=height,
        out_width=out_width,
        out_height=out_height,
    )


def plan_reuse(
    tolerance: float,
    reach: int | None,
    border: float = 0.0,
    *,
    near: bool = False,
) -> ReusePlan:
    """Return the plan for a tolerance of 0 (exact) or more, in values of 255."""
    mean = min(tolerance * MEAN_SHARE, MOST_MEAN)
    return ReusePlan(
        tolerance=tolerance,
        mean_tolerance=mean,
        colour_tolerance=mean * COLOUR_SHARE,
        reach=reach,
        near=near,
        border=border,
    )
