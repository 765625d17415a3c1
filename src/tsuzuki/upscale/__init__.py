"""Upscale frames with neural networks, the same way every time."""

from tsuzuki.upscale.catalogue import Network, find, networks
from tsuzuki.upscale.devices import DeviceInfo, cpu_features, devices
from tsuzuki.upscale.engine import Engine, Passage, Planes
from tsuzuki.upscale.ncnn import NcnnEngine
from tsuzuki.upscale.nearest import NearestEngine
from tsuzuki.upscale.plan import Pass, UpscalePlan, plan_upscaling
from tsuzuki.upscale.processor import AIProcessor

__all__ = [
    "AIProcessor",
    "DeviceInfo",
    "Engine",
    "NcnnEngine",
    "NearestEngine",
    "Network",
    "Pass",
    "Passage",
    "Planes",
    "UpscalePlan",
    "cpu_features",
    "devices",
    "find",
    "networks",
    "plan_upscaling",
]
