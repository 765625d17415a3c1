"""Upscale frames with neural networks, the same way every time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsuzuki.upscaling.catalogue import Network, find, networks
    from tsuzuki.upscaling.cover import Rect
    from tsuzuki.upscaling.devices import (
        DeviceInfo,
        choose_device,
        cpu_features,
        find_devices,
        shares,
    )
    from tsuzuki.upscaling.engine import Engine, Passage, Planes
    from tsuzuki.upscaling.motion import STILL, Motion
    from tsuzuki.upscaling.ncnn import NcnnEngine
    from tsuzuki.upscaling.plan import Pass, ReusePlan, UpscalePlan
    from tsuzuki.upscaling.planning import plan_upscaling
    from tsuzuki.upscaling.plausible import implausible
    from tsuzuki.upscaling.processor import FRAMES_AT_ONCE, AIProcessor, Started
    from tsuzuki.upscaling.registry import ENGINES
    from tsuzuki.upscaling.reuse import Changes

__all__ = [
    "ENGINES",
    "FRAMES_AT_ONCE",
    "STILL",
    "AIProcessor",
    "Changes",
    "DeviceInfo",
    "Engine",
    "Motion",
    "NcnnEngine",
    "Network",
    "Pass",
    "Passage",
    "Planes",
    "Rect",
    "ReusePlan",
    "Started",
    "UpscalePlan",
    "choose_device",
    "cpu_features",
    "find",
    "find_devices",
    "implausible",
    "networks",
    "plan_upscaling",
    "shares",
]

_HOMES = {
    "catalogue": ("Network", "find", "networks"),
    "cover": ("Rect",),
    "devices": ("DeviceInfo", "choose_device", "cpu_features", "find_devices", "shares"),
    "engine": ("Engine", "Passage", "Planes"),
    "motion": ("STILL", "Motion"),
    "ncnn": ("NcnnEngine",),
    "plan": ("Pass", "ReusePlan", "UpscalePlan"),
    "planning": ("plan_upscaling",),
    "plausible": ("implausible",),
    "processor": ("AIProcessor", "FRAMES_AT_ONCE", "Started"),
    "registry": ("ENGINES",),
    "reuse": ("Changes",),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: who only reads a plan does without networks and NumPy."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
