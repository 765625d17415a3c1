"""Everything that decides the pixels of the output, resolved once and kept in the session."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from tsuzuki.settings import EngineName, ProcessingSettings
from tsuzuki.upscaling.catalogue import Network
from tsuzuki.upscaling.devices import choose_device
from tsuzuki.upscaling.presets import choose
from tsuzuki.upscaling.registry import ENGINES
from tsuzuki.upscaling.resample import reach_of_bicubic
from tsuzuki.upscaling.reuse import TRIMMED_BORDER, ReusePlan, plan_reuse
from tsuzuki.upscaling.tiling import default_tile

Resize = Literal["none", "bicubic", "nearest"]


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a network over the whole frame."""

    network: str
    digest: str
    """SHA-256 of the network's files."""
    tile: int
    """Longest side of a tile in pixels of this pass's input."""


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


def plan_upscaling(
    settings: ProcessingSettings, width: int, height: int, out_width: int, out_height: int
) -> UpscalePlan:
    """Choose device and networks for frames of ``width`` x ``height``.

    Raises `ModelError` for an unknown model or missing files, `DeviceError` for a missing device.
    """
    if settings.engine == "nearest":
        return _nearest(width, height, out_width, out_height)
    engine = ENGINES[settings.engine]
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
    """Return the settings with the scale that the size asked for comes to."""
    if settings.size is None:
        return settings
    return msgspec.structs.replace(settings, size=None, scale_factor=max(1.0, min(scale, 8.0)))


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
    reach, border, scale = 0.0, 0.0, 1
    for network in networks:
        reach += network.reach / scale
        border += (TRIMMED_BORDER if network.trims else network.reach) / scale
        scale *= network.scale
    reach += max(map(reach_of_bicubic, size, out)) / scale
    return plan_reuse(tolerance, math.ceil(reach), border)


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
