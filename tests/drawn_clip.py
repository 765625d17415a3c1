"""Clips whose frames tell their numbers, for every test that counts frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS = 8
"""Bars in a frame; so a clip has 256 frames at most."""


def draw_clip(path: Path, frames: int, *, sound: bool = True) -> Path:
    """Write a clip (96x54, 24 frames a second) that shows frame numbers as bars, with a tone."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=24, options={"g": "16", "bf": "2"})
        video.width, video.height, video.pix_fmt = 96, 54, "yuv420p"
        audio: Any = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(_picture(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            for block in range(frames * 2000 // 1024):
                container.mux(audio.encode(_tone(block)))
            container.mux(audio.encode(None))
    return path


def _picture(number: int) -> np.ndarray:
    picture = np.full((54, 96, 3), 32, np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            picture[10:44, 4 + 11 * bit : 12 + 11 * bit] = 224
    return picture


def _tone(block: int) -> av.AudioFrame:
    wave = np.sin(np.arange(1024) / 30 + block).astype(np.float32)[None] * 0.2
    tone = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    tone.sample_rate, tone.pts = 48000, block * 1024
    return tone


def shown_numbers(path: Path) -> list[int]:
    """Decode an output of twice the clip's size and read the number that each frame shows."""
    with av.open(str(path)) as container:
        greys = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return [sum(int(grey[54, 16 + 22 * bit] > 128) << bit for bit in range(BITS)) for grey in greys]
