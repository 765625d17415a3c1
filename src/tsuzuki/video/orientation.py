"""Which way up players show a picture."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsuzuki.video.hdr import side_data_of

if TYPE_CHECKING:
    import av

_MATRIX = struct.Struct("=9i")


class Orientation(NamedTuple):
    """What players do with a picture to show it."""

    turn: int = 0
    """Degrees counter-clockwise: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether it is mirrored from left to right after that."""

    def of(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Return planes, shape (n, height, width), as they are shown."""
        turned = np.rot90(planes, self.turn // 90, axes=(1, 2))
        return turned[:, :, ::-1] if self.mirrored else turned


UPRIGHT = Orientation()
"""As it is coded."""


def orientation_of(frame: av.VideoFrame, *, ask: bool = True) -> Orientation:
    """Return what players do with this frame.

    Where PyAV does not give the display matrix, or may not be asked for it, no mirror is seen.
    """
    data = bytes(side_data_of(frame).get("DISPLAYMATRIX", b"")) if ask else b""
    if len(data) < _MATRIX.size:
        return Orientation(_quarter(frame.rotation))
    a, b, _, c, d, *_ = _MATRIX.unpack_from(data)
    mirrored = a * d - b * c < 0
    across, down = math.hypot(a, c) or 1.0, math.hypot(b, d) or 1.0
    # As FFmpeg's av_display_rotation_get has it, once the mirror is taken off.
    angle = -math.degrees(math.atan2(b / down, (-a if mirrored else a) / across))
    return Orientation(_quarter(angle), mirrored)


def _quarter(angle: float) -> int:
    return round(angle / 90) * 90 % 360
