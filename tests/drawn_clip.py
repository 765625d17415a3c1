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


SHOT, STILL = 12, 7
"""Frames of a shot of the film that pans, and how many of them stand still."""
PAN_WIDTH, PAN_HEIGHT = 160, 96


def panning(number: int) -> np.ndarray:
    """Return a frame (3, height, width) of a film that pans.

    In each shot a background stands still; after a cut another one moves by three pixels a frame.
    Over both a square moves, and there is a little noise.
    """
    shot, at = divmod(number, SHOT)
    pans = at >= STILL
    size = (3, PAN_HEIGHT // 8, PAN_WIDTH // 8 + (4 if pans else 0))
    background = np.random.default_rng(2 * shot + pans).integers(40, 200, size, dtype=np.uint8)
    left = 3 * max(0, at - STILL)
    frame = background.repeat(8, axis=1).repeat(8, axis=2)[:, :, left : left + PAN_WIDTH].copy()
    frame += np.random.default_rng(100 + number).integers(0, 2, frame.shape, dtype=np.uint8)
    frame[:, 30:42, 9 * at : 9 * at + 12] = 250
    return frame


def draw_pan(path: Path, frames: int) -> Path:
    """Write the film that pans without loss, 24 frames a second, a key frame at each shot."""
    options = {"qp": "0", "g": str(SHOT), "sc_threshold": "0", "preset": "ultrafast"}
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264rgb", rate=24, options=options)
        video.width, video.height, video.pix_fmt = PAN_WIDTH, PAN_HEIGHT, "rgb24"
        for number in range(frames):
            picture = np.ascontiguousarray(panning(number).transpose(1, 2, 0))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
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
