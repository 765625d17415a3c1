"""What a frame is while it is in memory, for all that reads, enlarges or writes frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8] | NDArray[np.uint16]
"""Planar RGB of shape (3, height, width), contiguous; which value is full white is told apart.
Always in the orientation of the coded picture (rotation stays a tag)."""
