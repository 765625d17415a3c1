from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.frame import Rgb
from tsuzuki.video.colour import (
    check_matrix,
    chroma_location,
    colour_of,
    from_rgb,
    planes,
    rgb_frame,
    to_rgb,
)
from tsuzuki.video.facts import Colour


def yuv(depth: int, *, full: bool, matrix: int = 1, chroma: str = "444") -> tuple[str, Colour]:
    name = f"yuv{chroma}p" + ("" if depth == 8 else f"{depth}le")
    return name, colour_of(name, 1280, 720, tags=(matrix, 1, 1, 2 if full else 1), location=1)


def samples(frame: av.VideoFrame, depth: int) -> list[np.ndarray[Any, Any]]:
    kind = np.uint8 if depth == 8 else np.uint16
    found = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
        found.append(rows[:, : plane.width].astype(int))
    return found


def patch(colour: Colour, *levels: float) -> Rgb:
    kind = np.uint8 if colour.white < 256 else np.uint16
    rgb = np.empty((3, 16, 16), kind)
    for plane, level in zip(rgb, levels, strict=True):
        plane[:] = round(level * colour.white)
    return rgb


@pytest.mark.parametrize("matrix", [1, 5, 6, 7, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("depth", "tolerance"), [(8, 1), (10, 2)])
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_round_trip_of_colours(
    matrix: int, full: bool, depth: int, tolerance: int, chroma: str
) -> None:
    name, colour = yuv(depth, full=full, matrix=matrix, chroma=chroma)
    for levels in np.ndindex(3, 3, 3):
        rgb = patch(colour, *(level / 2 for level in levels))
        first = from_rgb(rgb, colour, name, matrix, full, 1)
        again = from_rgb(to_rgb(first, colour), colour, name, matrix, full, 1)
        for before, after in zip(samples(first, depth), samples(again, depth), strict=True):
            assert np.abs(before - after).max() <= tolerance


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("full", [False, True])
def test_black_and_white_have_their_values(depth: int, full: bool) -> None:
    name, colour = yuv(depth, full=full)
    unit = 1 << depth - 8
    black, white = (0, (1 << depth) - 1) if full else (16 * unit, 235 * unit)
    for level, luma in ((0, black), (1, white)):
        frame = from_rgb(patch(colour, level, level, level), colour, name, 1, full, 1)
        assert set(samples(frame, depth)[0].ravel()) == {luma}
        back = to_rgb(frame, colour)
        assert np.abs(back.astype(int) - level * colour.white).max() <= (colour.white >> 9)


@pytest.mark.parametrize("depth", [8, 10])
def test_limited_grey_ramps_survive_exactly(depth: int) -> None:
    name, colour = yuv(depth, full=False)
    unit = 1 << depth - 8
    ramp = np.arange(16 * unit, 235 * unit + 1)
    frame = av.VideoFrame(len(ramp), 16, name)
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8 if depth == 8 else np.uint16).reshape(16, -1)
        rows[:, : len(ramp)] = 128 * unit if number else ramp
    rgb = to_rgb(frame, colour)
    assert np.array_equal(rgb[0], rgb[1])
    assert len(np.unique(rgb)) == len(ramp)
    again = from_rgb(rgb, colour, name, 1, False, 1)
    assert np.array_equal(samples(again, depth)[0][0], ramp)


def test_matrix_matters() -> None:
    _, colour = yuv(8, full=False)
    red = patch(colour, 1, 0, 0)
    lumas = {
        m: samples(from_rgb(red, colour, "yuv444p", m, False, 1), 8)[0][0, 0] for m in (1, 6, 9)
    }
    assert lumas == {1: 63, 6: 81, 9: 74}  # 16 + 219 Kr; Kr = 0.2126, 0.299, 0.2627


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 40), st.sampled_from(["gbrp", "gbrp12le", "gbrp16le"]))
def test_planes_and_frames_are_inverse(width: int, height: int, name: str) -> None:
    kind = np.uint8 if name == "gbrp" else np.uint16
    rgb = np.random.default_rng(width).integers(0, 250, (3, height, width)).astype(kind)
    assert np.array_equal(planes(rgb_frame(rgb, name)), rgb)


def test_rgb_is_in_the_order_red_green_blue() -> None:
    rgb = np.zeros((3, 4, 4), np.uint8)
    rgb[0] = 200
    seen = rgb_frame(rgb, "gbrp").to_ndarray(format="rgb24")
    assert seen[0, 0].tolist() == [200, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (33, 17), (321, 181), (16, 16)])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "nv12", "gray", "yuyv422"])
def test_any_size(size: tuple[int, int], name: str) -> None:
    if name == "yuyv422" and size[0] % 2:
        pytest.skip("a packed format of pairs")
    width, height = size
    colour = colour_of(name, width, height, tags=(1, 1, 1, 1))
    frame = av.VideoFrame(width, height, name)
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 2
    assert to_rgb(frame, colour).shape == (3, height, width)


@pytest.mark.parametrize("name", ["rgb24", "bgra", "gbrp", "pal8", "rgb48le", "gbrp10le"])
def test_rgb_sources_keep_their_values(name: str) -> None:
    colour = colour_of(name, 64, 48, tags=(2, 2, 2, 0))
    assert (colour.matrix, colour.full_range) == (0, True)
    frame = av.VideoFrame(16, 16, name)
    value = {"pal8": 0, "gbrp10le": 3, "rgb48le": 0x4040}.get(name, 0x40)
    for plane in frame.planes:
        deep = name in {"gbrp10le", "rgb48le"}
        np.frombuffer(plane, np.uint16 if deep else np.uint8)[:] = value
    expected = {"gbrp10le": 12, "pal8": 0}.get(name, value)
    assert set(to_rgb(frame, colour).ravel().tolist()) == {expected}


def test_chroma_location_moves_chroma() -> None:
    rgb = np.zeros((3, 32, 32), np.uint8)
    rgb[0, :, 15:] = 255
    _, colour = yuv(8, full=False, chroma="420")
    made = {n: samples(from_rgb(rgb, colour, "yuv420p", 1, False, n), 8)[2] for n in (1, 2)}
    assert not np.array_equal(made[1], made[2])


def test_chroma_location_is_found(tmp_path: Any) -> None:
    for number, told in ((0, 1), (1, 2), (2, 3)):  # H.264 counts from 0
        path = tmp_path / f"{number}.mkv"
        with av.open(str(path), "w") as out:
            options = {"threads": "1", "x264-params": f"chromaloc={number}"}
            stream: Any = out.add_stream("libx264", rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
            out.mux(stream.encode(None))
        with av.open(str(path)) as container:
            found = chroma_location(next(container.decode(video=0)))
        assert found in ({told} if told != 2 else {0, 2})


@pytest.mark.parametrize(
    ("size", "matrix", "primaries"),
    [
        ((720, 480), 6, 6),
        ((1024, 576), 5, 5),
        ((1024, 577), 1, 1),
        ((1278, 536), 6, 6),
        ((1280, 536), 1, 1),  # a film of 720 lines without its black borders
        ((720, 1280), 1, 1),
    ],
)
def test_guess_by_size_as_players_have_it(
    size: tuple[int, int], matrix: int, primaries: int
) -> None:
    colour = colour_of("yuv420p", *size, tags=(2, 2, 2, 0))
    assert (colour.matrix, colour.primaries) == (matrix, primaries)
    assert not colour.full_range
    assert colour.chroma_location == 1


def test_jpeg_formats_are_full_range() -> None:
    colour = colour_of("yuvj420p", 640, 480, tags=(5, 1, 1, 0))
    assert colour.full_range
    assert "full_range" not in colour.guessed


@pytest.mark.parametrize("matrix", [8, 10, 14, 99])
def test_refused_matrices(matrix: int) -> None:
    with pytest.raises(UnsupportedVideoError, match="BT"):
        check_matrix(matrix)


@pytest.mark.parametrize("name", ["bayer_rggb8", "xyz12le", "gbrpf32le"])
def test_refused_layouts(name: str) -> None:
    with pytest.raises(UnsupportedVideoError, match=name):
        colour_of(name, 640, 480, tags=(2, 2, 2, 0))
