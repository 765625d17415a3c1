"""Upscale frames with neural networks, the same way every time."""

from tsuzuki.upscaling.catalogue import Network, find, networks
from tsuzuki.upscaling.cover import Rect
from tsuzuki.upscaling.devices import DeviceInfo, cpu_features, devices, shares
from tsuzuki.upscaling.engine import Engine, Passage, Planes
from tsuzuki.upscaling.ncnn import NcnnEngine
from tsuzuki.upscaling.plan import Pass, UpscalePlan, plan_upscaling
from tsuzuki.upscaling.plausible import implausible
from tsuzuki.upscaling.processor import FRAMES_AT_ONCE, AIProcessor, Started
from tsuzuki.upscaling.registry import ENGINES
from tsuzuki.upscaling.reuse import Changes, ReusePlan

__all__ = [
    "ENGINES",
    "FRAMES_AT_ONCE",
    "AIProcessor",
    "Changes",
    "DeviceInfo",
    "Engine",
    "NcnnEngine",
    "Network",
    "Pass",
    "Passage",
    "Planes",
    "Rect",
    "ReusePlan",
    "Started",
    "UpscalePlan",
    "cpu_features",
    "devices",
    "find",
    "implausible",
    "networks",
    "plan_upscaling",
    "shares",
]
