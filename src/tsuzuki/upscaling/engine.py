"""The seam between frames and whatever runs a network on a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tsuzuki.upscaling.catalogue import Network

Planes = NDArray[np.float32]
"""Planar RGB of shape (3, height, width), contiguous, nominally 0 to 1."""
Means = NDArray[np.float32]
"""Mean of every channel of one layer, shape (channels,): what a global pooling gives."""


@runtime_checkable
class Passage(Protocol):
    """One piece of a frame on its way through a network that pools over the whole frame.

    The poolings are met in order: for each, read `features`, then tell the `set_mean` of the whole
    frame. Equal input and equal means give equal bits.
    """

    def features(self) -> Planes:
        """Return what the next pooling would average, shape (channels, height, width)."""

    def set_mean(self, means: Means) -> None:
        """Let ``means`` take the place of the pooling whose features were read last."""

    def finish(self) -> Planes:
        """Return the network's output. The passage cannot be used afterwards."""

    def park(self) -> None:
        """Give memory back; the next call computes anew what it needs."""


@runtime_checkable
class Engine(Protocol):
    """Runs one network on one device.

    Deterministic: equal input gives equal bits on the same device, with any number of threads
    unless the engine says otherwise.
    """

    version: ClassVar[str]
    """Version of the engine's library, recorded in the session."""

    def __init__(
        self,
        network: Network,
        device: str,
        *,
        options: Mapping[str, bool],
        threads: int | None = None,
    ) -> None:
        """Load ``network`` onto ``device`` (``cpu`` or ``gpu:N``); None takes all usable cores.

        Raises `ModelError` where the files are missing or damaged.
        """

    @staticmethod
    def options_for(device: str) -> dict[str, bool]:
        """Return the engine's own options on a device; they are kept in the session."""

    def run(self, planes: Planes) -> Planes:
        """Return the network's output for one piece of a frame, borders included."""

    def begin(self, planes: Planes) -> Passage:
        """Start one of several pieces of a frame; only for networks with global pooling."""

    def close(self) -> None:
        """Release the device. The engine cannot be used afterwards."""
