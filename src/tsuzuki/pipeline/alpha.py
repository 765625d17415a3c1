"""The transparency of frames, enlarged beside the network.

It goes with the decoded frame straight to the encoder and is never spooled: a run that goes on with
a segment decodes it from its start anyway, whichever frames lie finished on disk. So spooled
frames, reuse and resume know three planes alone, and an interrupted run cannot give another alpha.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from tsuzuki.upscaling.resample import bicubic
from tsuzuki.video.alpha import Alpha


def enlarged(alpha: Alpha | None, depth: int, width: int, height: int) -> Alpha | None:
    """Return the alpha of ``depth`` bits at another size, by a bicubic filter; None stays None."""
    if alpha is None:
        return None
    if (alpha == alpha.flat[0]).all():
        return cast(Alpha, np.full((1, height, width), alpha.flat[0], alpha.dtype))
    planes = bicubic(alpha.astype(np.float32), width, height)
    full = np.float32((1 << depth) - 1)
    whole = np.clip(planes, np.float32(0), full) + np.float32(0.5)
    return cast(Alpha, whole.astype(alpha.dtype))
