from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsuzuki.frame import Rgb
from tsuzuki.upscaling.motion import FURTHEST, STILL, Motion, motion_between

HEIGHT, WIDTH = 76, 100
AROUND = FURTHEST


def window(rows: int, columns: int, dtype: str = "uint8") -> Rgb:
    """A frame of a larger picture that has moved so far."""
    size = HEIGHT + 2 * AROUND, WIDTH + 2 * AROUND
    cells = np.random.default_rng(5).integers(0, 200, (3, size[0] // 5 + 1, size[1] // 5 + 1))
    picture = cells.repeat(5, axis=1).repeat(5, axis=2).astype(dtype)
    top, left = AROUND - rows, AROUND - columns
    return np.ascontiguousarray(picture[:, top : top + HEIGHT, left : left + WIDTH])


MOTIONS = (
    st.tuples(st.integers(-6, 6), st.integers(-6, 6))
    | st.tuples(st.just(0), st.integers(-24, 24))
    | st.tuples(st.integers(-18, 18), st.just(0))
)


@settings(max_examples=40, deadline=None)
@given(MOTIONS)
def test_a_moved_picture_is_found_and_followed(by: tuple[int, int]) -> None:
    rows, columns = by
    before, after = window(0, 0), window(rows, columns)
    motion = motion_between(before, after)
    assert motion == (rows, columns)
    moved = motion.of(before)
    inside = (
        slice(None),
        slice(max(0, rows), HEIGHT + min(0, rows)),
        slice(max(0, columns), WIDTH + min(0, columns)),
    )
    assert np.array_equal(moved[inside], after[inside])


def test_the_same_is_found_in_deep_frames_with_noise() -> None:
    dice = np.random.default_rng(2)
    before, after = window(0, 0, "uint16") * 4, window(3, -7, "uint16") * 4
    after += dice.integers(0, 12, after.shape, dtype=np.uint16)
    assert motion_between(before, after) == (3, -7)


@pytest.mark.parametrize("height", [1, 3, 8])
def test_frames_of_hardly_any_size_do_not_move(height: int) -> None:
    frame = np.zeros((3, height, 2), np.uint8)
    assert motion_between(frame, frame) == STILL


def test_what_does_not_move_is_the_same() -> None:
    assert motion_between(window(0, 0), window(0, 0)) == STILL
    assert np.array_equal(STILL.of(window(0, 0)), window(0, 0))


def test_a_motion_is_larger_in_a_larger_frame() -> None:
    assert Motion(-4, 6).times(100, 200, 150, 400) == (-6, 12)
