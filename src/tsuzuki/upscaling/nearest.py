"""An engine without a network: it repeats pixels. About 1 ms a frame; also the tests' engine."""

from __future__ import annotations

import numpy as np

from tsuzuki.errors import EngineError
from tsuzuki.upscaling.engine import Passage, Planes


class NearestEngine:
    """Repeats every pixel ``scale`` times in both directions."""

    name = "nearest"
    device = "cpu"
    version = "1"

    def __init__(self, scale: int = 2) -> None:
        self.scale = scale

    def run(self, planes: Planes) -> Planes:
        """Return the enlarged planes."""
        return enlarge(planes, self.scale)

    def begin(self, planes: Planes) -> Passage:  # noqa: ARG002 - as the protocol has it
        """Refuse: nothing is pooled here."""
        raise EngineError("The engine nearest has no pooling. Use its run method.")

    def close(self) -> None:
        """Do nothing: no device is held."""


def enlarge(planes: Planes, scale: int) -> Planes:
    """Return ``planes`` with every pixel repeated ``scale`` times in both directions."""
    channels, height, width = planes.shape
    out = np.empty((channels, height * scale, width * scale), dtype=planes.dtype)
    view = out.reshape(channels, height, scale, width, scale)
    view[:] = planes[:, :, None, :, None]
    return out
