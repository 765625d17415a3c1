"""A small animation, drawn here: moving shapes with outlines, gradients, strokes, and a tone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 180
RATE = 24
FRAMES = 72
SAMPLE_RATE = 44100

Coverage = NDArray[np.float32]
"""How much of every pixel a shape covers, (height, width), 0 to 1."""
Canvas = NDArray[np.float32]
"""RGB of shape (height, width, 3), 0 to 1."""
Rgb = tuple[float, float, float]

INK: Rgb = (0.12, 0.09, 0.20)
LETTERS = {
    "T": ("00 40", "20 26"),
    "S": ("40 10 01 02 13 33 44 45 36 06",),
    "U": ("00 05 16 36 45 40",),
    "Z": ("00 40 06 46",),
    "K": ("00 06", "40 03 46"),
    "I": ("20 26",),
}
"""Strokes as points of a grid of 5 by 7."""

_Y, _X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) + np.float32(0.5)


def draw(number: int) -> NDArray[np.uint8]:
    """Return frame ``number`` (from 0) as RGB of shape (height, width, 3)."""
    time = number / RATE
    canvas = _sky().copy()
    _sun(canvas, time)
    for depth, colour in enumerate(((0.42, 0.62, 0.55), (0.27, 0.50, 0.42), (0.16, 0.36, 0.33))):
        _hill(canvas, depth, time, colour)
    _write(canvas, "TSUZUKI", left=26.0, top=22.0, time=time)
    _kite(canvas, time)
    _ball(canvas, time)
    return (canvas * 255 + 0.5).astype(np.uint8)


def write_clip(path: Path, frames: int = FRAMES) -> None:
    """Encode the animation to an MP4 of H.264 and AAC."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", RATE, {"crf": "20", "g": "24"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.thread_count = 1  # the same clip on any machine
        audio = container.add_stream("aac", SAMPLE_RATE)
        audio.layout = "mono"
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(picture))
            container.mux(audio.encode(_tone(number)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _tone(number: int) -> av.AudioFrame:
    """Return the sound of one frame: a chime that falls with every bounce of the ball."""
    length = SAMPLE_RATE // RATE
    time = (number * length + np.arange(length)) / SAMPLE_RATE
    loudness = 0.2 * np.exp(-4 * (time % 0.75))
    samples = (loudness * np.sin(2 * np.pi * 523.25 * time)).astype(np.float32)
    sound = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    sound.sample_rate, sound.pts = SAMPLE_RATE, number * length
    sound.time_base = Fraction(1, SAMPLE_RATE)
    return sound


@cache
def _sky() -> Canvas:
    share = (_Y / HEIGHT)[..., None]
    top, bottom = np.array([[0.30, 0.50, 0.86], [0.99, 0.86, 0.70]], np.float32)
    return np.asarray(top + (bottom - top) * share, np.float32)


def _sun(canvas: Canvas, time: float) -> None:
    distance = _disc(252.0, 52.0 + 3 * time, 24.0)
    _fill(canvas, distance, (1.0, 0.83, 0.35), outline=1.6)
    for ray in range(12):
        angle = ray * np.pi / 6 + 0.2 * time
        x, y = 252 + 34 * np.cos(angle), 52 + 3 * time + 34 * np.sin(angle)
        end = (252 + 42 * np.cos(angle), 52 + 3 * time + 42 * np.sin(angle))
        _stroke(canvas, ((x, y), end), 1.2, (0.90, 0.55, 0.20))


def _hill(canvas: Canvas, depth: int, time: float, colour: Rgb) -> None:
    speed, height = 5.0 * (depth + 1), 112.0 + 20 * depth
    wave = 12 * np.sin((_X + speed * time) / (34 - 6 * depth)) + 5 * np.sin(_X / 13 + depth)
    _fill(canvas, (height + wave - _Y) * np.float32(0.9), colour, outline=1.4)


def _kite(canvas: Canvas, time: float) -> None:
    x, y = 196 - 14 * time, 84 + 7 * np.sin(3 * time)
    corners = [(x, y - 15), (x + 11, y), (x, y + 19), (x - 11, y)]
    distance = np.max(
        [_beside(a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)], axis=0
    )
    _fill(canvas, distance, (0.88, 0.30, 0.36), outline=1.5)
    _stroke(canvas, corners[::2], 0.6)
    _stroke(canvas, corners[1::2], 0.6)
    _stroke(canvas, [(x + 5 * np.sin(4 * time + k), y + 19 + 5 * k) for k in range(7)], 0.7)


def _ball(canvas: Canvas, time: float) -> None:
    """A ball with a face that bounces along the ground."""
    x, y = 40 + 62 * time, 140 - 46 * abs(np.sin(time * np.pi / 0.75))
    _fill(canvas, _disc(x, y, 17.0), (0.96, 0.62, 0.22), outline=1.8)
    _paint(canvas, _cover(_disc(x - 6, y - 7, 4.0)) * np.float32(0.6), (1.0, 0.93, 0.75))
    for side in (-6, 6):
        _fill(canvas, _disc(x + side, y - 2, 4.2), (1.0, 1.0, 1.0), outline=1.0)
        _paint(canvas, _cover(_disc(x + side + 1.2, y - 2, 1.8)), INK)
    _stroke(canvas, [(x - 6, y + 6), (x - 3, y + 8.5), (x + 3, y + 8.5), (x + 6, y + 6)], 0.8)


def _write(canvas: Canvas, text: str, *, left: float, top: float, time: float) -> None:
    for place, letter in enumerate(text):
        y = top + 2.5 * np.sin(2.5 * time + place)
        for line in LETTERS[letter]:
            points = [
                (left + 19 * place + 2.6 * int(point[0]), y + 3.2 * int(point[1]))
                for point in line.split()
            ]
            _stroke(canvas, points, 1.5)


def _stroke(
    canvas: Canvas, points: Sequence[tuple[float, float]], radius: float, colour: Rgb = INK
) -> None:
    """Draw a line with round ends through the points."""
    for (ax, ay), (bx, by) in pairwise(points):
        box = _box((ax, bx), (ay, by), radius + 1)
        x, y, dx, dy = _X[box] - ax, _Y[box] - ay, bx - ax, by - ay
        share = np.clip((x * dx + y * dy) / (dx * dx + dy * dy), 0, 1)
        distance = np.hypot(x - share * dx, y - share * dy) - radius
        _paint(canvas[box], _cover(distance.astype(np.float32)), colour)


def _box(xs: tuple[float, float], ys: tuple[float, float], margin: float) -> tuple[slice, slice]:
    """Return the rows and columns that lie within ``margin`` of a line."""
    left, top = (max(0, int(min(v) - margin)) for v in (xs, ys))
    return slice(top, int(max(ys) + margin) + 1), slice(left, int(max(xs) + margin) + 1)


# Distances to the edge of a shape in pixels, negative inside.


def _disc(x: float, y: float, radius: float) -> Coverage:
    return np.asarray(np.hypot(_X - x, _Y - y) - radius, np.float32)


def _beside(a: tuple[float, float], b: tuple[float, float]) -> Coverage:
    dx, dy = b[0] - a[0], b[1] - a[1]
    return np.asarray(((_X - a[0]) * dy - (_Y - a[1]) * dx) / np.hypot(dx, dy), np.float32)


def _cover(distance: Coverage) -> Coverage:
    return np.asarray(np.clip(0.5 - distance, 0, 1), np.float32)


def _fill(canvas: Canvas, distance: Coverage, colour: Rgb, *, outline: float) -> None:
    _paint(canvas, _cover(distance - np.float32(outline / 2)), INK)
    _paint(canvas, _cover(distance + np.float32(outline / 2)), colour)


def _paint(canvas: Canvas, cover: Coverage, colour: Rgb) -> None:
    canvas += (np.array(colour, np.float32) - canvas) * cover[..., None]
