from __future__ import annotations

import numpy as np
import pytest

from tsuzuki.upscaling import find_devices


@pytest.fixture(scope="session")
def draw():
    """Returns a function that draws a frame with outlines, flat areas and some noise."""

    def drawn(width: int, height: int, seed: int = 0) -> np.ndarray:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        rng = np.random.default_rng(seed)
        planes = np.empty((3, height, width), dtype=np.float32)
        for channel in range(3):
            cx, cy = rng.uniform(0, width), rng.uniform(0, height)
            circle = np.hypot(x - cx, y - cy) < min(width, height) / 3
            stripes = np.sin((x + 2 * y) / (2 + channel)) > 0.8
            planes[channel] = 0.2 + 0.5 * circle + 0.25 * stripes
        planes += rng.normal(0, 0.01, planes.shape).astype(np.float32)
        return np.clip(planes, 0, 1)

    return drawn


@pytest.fixture(scope="session")
def vulkan() -> str:
    """Name of a Vulkan device; without one the test is skipped."""
    found = [device.name for device in find_devices() if device.name != "cpu"]
    if not found:
        pytest.skip("no Vulkan device (software Vulkan: install mesa-vulkan-drivers)")
    return found[0]
