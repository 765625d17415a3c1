from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsuzuki.upscaling.resample import bicubic, nearest

sizes = st.integers(1, 40)


@settings(deadline=None)
@given(sizes, sizes, sizes, sizes, st.floats(0, 1, width=32))
def test_a_flat_frame_stays_flat(width, height, new_width, new_height, value) -> None:
    planes = np.full((3, height, width), value, dtype=np.float32)
    out = bicubic(planes, new_width, new_height)
    assert out.shape == (3, new_height, new_width)
    assert np.abs(out - value).max() < 1e-6


@settings(deadline=None)
@given(sizes, sizes, sizes, sizes)
def test_mirrored_frames_give_mirrored_results(width, height, new_width, new_height) -> None:
    planes = np.random.default_rng(1).random((3, height, width), dtype=np.float32)
    out = bicubic(planes, new_width, new_height)
    mirrored = bicubic(np.ascontiguousarray(planes[:, ::-1, ::-1]), new_width, new_height)
    assert np.abs(mirrored[:, ::-1, ::-1] - out).max() < 1e-5


def test_a_gradient_stays_a_gradient() -> None:
    ramp = np.tile(np.arange(60, dtype=np.float32), (3, 10, 1))
    out = bicubic(ramp, 40, 10)
    expected = (np.arange(40) + 0.5) * 1.5 - 0.5
    assert np.abs(out[0, 0, 5:-5] - expected[5:-5]).max() < 0.05


def test_fine_stripes_do_not_alias() -> None:
    stripes = np.zeros((3, 8, 300), dtype=np.float32)
    stripes[:, :, ::2] = 1
    out = bicubic(stripes, 100, 8)
    assert np.abs(out[:, :, 4:-4] - 0.5).max() < 0.03


def test_the_same_size_changes_nothing(draw) -> None:
    planes = draw(20, 10)
    assert bicubic(planes, 20, 10) is planes


def test_the_bits_are_those_of_any_processor() -> None:
    planes = (np.arange(3 * 30 * 40, dtype=np.int64) * 7919 % 256).reshape(3, 30, 40)
    out = bicubic(planes.astype(np.float32) / np.float32(255), 27, 53)
    digest = hashlib.sha256(out.astype("<f4").tobytes()).hexdigest()
    assert digest == "bffcf77d9cb222fb4d3fc9f63be53d8268e51951cf959fac3f56f00c8214507e"


@given(sizes, sizes, st.integers(1, 4))
def test_nearest_repeats_pixels_for_whole_scales(width, height, scale) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (3, height, width), dtype=np.uint8)
    out = nearest(frame, width * scale, height * scale)
    assert np.array_equal(out, frame.repeat(scale, axis=1).repeat(scale, axis=2))


@pytest.mark.parametrize("size", [(5, 7), (30, 3), (1, 1)])
def test_nearest_invents_no_values(size) -> None:
    frame = np.arange(3 * 12 * 10, dtype=np.uint16).reshape(3, 12, 10)
    out = nearest(frame, *size)
    assert out.shape == (3, size[1], size[0])
    assert set(out.ravel()) <= set(frame.ravel())
