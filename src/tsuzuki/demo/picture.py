"""A picture of what upscaling does: before and after, side by side."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

GAP = 8
"""White pixels between the two halves."""


def before_and_after(
    source: Path, upscaled: Path, target: Path, *, frame: int, zoom: int = 2
) -> None:
    """Write a PNG of one frame: enlarged by repeating pixels on the left, upscaled on the right.

    Only the middle of the frame is shown, 1 / ``zoom`` of its width and height, so that each half
    has the size of the upscaled frame.
    """
    after = _middle(_frame(upscaled, frame), zoom).repeat(zoom, 0).repeat(zoom, 1)
    before = _middle(_frame(source, frame), zoom)
    times = after.shape[0] // before.shape[0]
    before = before.repeat(times, 0).repeat(times, 1)
    gap = np.full((after.shape[0], GAP, 3), 255, np.uint8)
    write_png(target, np.concatenate([before, gap, after], axis=1))


def write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write RGB of shape (height, width, 3)."""
    encoder = av.CodecContext.create("png", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = rgb.shape[:2]
    encoder.pix_fmt = "rgb24"
    encoder.options = {"compression_level": "9", "pred": "mixed"}
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))


def _frame(path: Path, number: int) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == number:
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    raise IndexError(number)


def _middle(rgb: NDArray[np.uint8], zoom: int) -> NDArray[np.uint8]:
    height, width = rgb.shape[0] // zoom, rgb.shape[1] // zoom
    top, left = (rgb.shape[0] - height) // 2, (rgb.shape[1] - width) // 2
    return rgb[top : top + height, left : left + width]
