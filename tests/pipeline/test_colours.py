"""Flat patches and ramps through the whole program, against values by the standards' formulas."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki import pipeline

WEIGHTS = {6: (0.299, 0.114), 1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
"""Weights of red and blue by the matrix's number: BT.601, BT.709, BT.2020 (ITU-T H.273)."""
TAGS = {6: (6, 6), 1: (1, 1), 9: (9, 14)}
"""Primaries and transfer that go with each."""
BARS = [tuple(0.75 * channel for channel in bar) for bar in product((1, 0), repeat=3)]
PATCH, FRAMES = 16, 3
SETTINGS = {"engine": "nearest", "encoder": "ffv1", "container": "mkv"}


def yuv(rgb: tuple[float, ...], matrix: int, depth: int, *, full: bool) -> list[int]:
    """Return the code values of a colour (ITU-R BT.601, 709, 2020)."""
    red, green, blue = rgb
    kr, kb = WEIGHTS[matrix]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    unit = 1 << (depth - 8)
    if full:
        most = (1 << depth) - 1
        values = [most * luma, *(128 * unit + most * part for part in chroma)]
    else:
        values = [(16 + 219 * luma) * unit, *((128 + 224 * part) * unit for part in chroma)]
    return [min(round(value), (1 << depth) - 1) for value in values]


def view(frame: av.VideoFrame, plane: int) -> np.ndarray:
    part: Any = frame.planes[plane]
    dtype = np.dtype("<u2" if "10" in frame.format.name else "u1")
    rows = np.frombuffer(part, dtype).reshape(part.height, part.line_size // dtype.itemsize)
    return rows[:, : part.width]


def write(path: Path, pixel_format: str, fill: Any, *, matrix: int, full: bool, width: int) -> Path:
    """Write a lossless video of equal frames; ``fill`` gets each plane."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, 2 * PATCH, pixel_format
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_primaries, context.color_trc = TAGS[matrix]
        for number in range(FRAMES):
            frame = av.VideoFrame(width, 2 * PATCH, pixel_format)
            for plane in range(len(frame.planes)):
                view(frame, plane)[:] = fill(plane)
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def upscaled(source: Path) -> list[av.VideoFrame]:
    output = source.with_name("out.mkv")
    root = source.with_name("sessions")
    pipeline.upscale(source, SETTINGS, output=output, sessions_dir=root, allow_sleep=True)
    with av.open(str(output)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize(
    ("matrix", "full", "depth", "chroma"),
    list(product(WEIGHTS, (False, True), (8, 10), ("420", "422", "444"))),
)
def test_bars_keep_their_values(
    tmp_path: Path, matrix: int, full: bool, depth: int, chroma: str
) -> None:
    name = f"yuv{chroma}p" + ("10le" if depth == 10 else "")
    values = np.array([yuv(bar, matrix, depth, full=full) for bar in BARS])
    across = [1, *[2 if chroma != "444" else 1] * 2]

    def fill(plane: int) -> np.ndarray:
        return np.repeat(values[:, plane], PATCH // across[plane])[None]

    source = write(
        tmp_path / "bars.mkv", name, fill, matrix=matrix, full=full, width=PATCH * len(BARS)
    )
    frames = upscaled(source)
    assert len(frames) == FRAMES
    for frame in frames:
        assert frame.format.name == name
        assert frame.color_range == (2 if full else 1)
        for plane, factor in enumerate(across):
            size = 2 * PATCH // factor
            row = view(frame, plane)[len(view(frame, plane)) // 2].astype(int)
            inside = row[size // 2 :: size]
            assert np.abs(inside - values[:, plane]).max() <= (1 if depth == 8 else 2)


@pytest.mark.parametrize(("full", "least"), [(True, 901), (False, 850)], ids=["full", "limited"])
def test_a_ramp_of_ten_bits_keeps_its_levels(tmp_path: Path, full: bool, least: int) -> None:
    levels = np.arange(1024) if full else np.arange(64, 941)
    width = len(levels) + len(levels) % 2
    ramp = np.pad(levels, (0, width - len(levels)), mode="edge")

    def fill(plane: int) -> np.ndarray:
        return ramp[None] if plane == 0 else np.full((1, 1), 512)

    source = write(tmp_path / "ramp.mkv", "yuv420p10le", fill, matrix=1, full=full, width=width)
    for frame in upscaled(source):
        assert len(np.unique(view(frame, 0)[PATCH])) >= least
