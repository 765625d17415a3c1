"""The seam between frames and whatever runs a network on a device."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


Planes = NDArray[np.float32]
"""Planar RGB of shape (3, height, width), contiguous, nominally 0 to 1."""


@runtime_checkable
class Engine(Protocol):
    """Runs one network on one device.

    Deterministic: equal input gives equal bits on the same device, with any number of threads
    unless the engine says otherwise.
    """

    name: str
    """Name of the engine as in `tsuzuki.settings.ENGINES`."""
    device: str
    """Resolved device: ``cpu`` or ``gpu:N``."""
    version: str
    """Version of the engine's library, recorded in the session."""

    def run(self, planes: Planes) -> Planes:
        """Return the network's output for one piece of a frame, borders included."""

    def close(self) -> None:
        """Release the device. The engine cannot be used afterwards."""
