from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tsuzuki.upscaling.cover import Costs, Mask, Rect, cover

COSTS = Costs(border=1.0, each=4.0)


def filled(rows: int, columns: int, *rects: Rect) -> Mask:
    mask = np.zeros((rows, columns), dtype=bool)
    for rect in rects:
        mask[rect.rows, rect.columns] = True
    return mask


def cost(rects: list[Rect], costs: Costs = COSTS) -> float:
    return sum(float(costs.of(rect.height, rect.width)) for rect in rects)


MASKS = arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))
BORDERS = st.sampled_from([0.0, 0.5, 2.25])


@given(mask=MASKS, border=BORDERS, each=st.sampled_from([0.0, 3.0, 40.0]))
def test_every_set_cell_lies_in_one_rectangle(mask: Mask, border: float, each: float) -> None:
    rects = cover(mask, Costs(border=border, each=each))
    count = np.zeros(mask.shape, dtype=int)
    for rect in rects:
        assert 0 <= rect.top < rect.bottom <= mask.shape[0]
        assert 0 <= rect.left < rect.right <= mask.shape[1]
        count[rect.rows, rect.columns] += 1
        assert mask[rect.rows, rect.columns].any()
    assert count.max(initial=0) <= 1
    assert count[mask].all()


@given(mask=MASKS, border=BORDERS, each=st.sampled_from([0.0, 3.0, 40.0]))
def test_it_costs_at_most_the_rectangle_around_all(mask: Mask, border: float, each: float) -> None:
    costs = Costs(border=border, each=each)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    rects = cover(mask, costs)
    if rows.size:
        around = costs.of(int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1))
        assert cost(rects, costs) <= float(around) + 1e-6
    else:
        assert rects == []


@pytest.mark.parametrize(
    "rects",
    [
        [Rect(0, 0, 1, 1)],
        [Rect(2, 3, 9, 7)],
        [Rect(0, 0, 3, 3), Rect(20, 20, 24, 24)],
        [Rect(0, 5, 24, 8), Rect(3, 15, 6, 24), Rect(20, 12, 24, 20)],
        [Rect(0, 0, 3, 3), Rect(0, 10, 3, 13), Rect(0, 20, 3, 23), Rect(12, 10, 20, 13)],
    ],
)
def test_what_lies_apart_is_covered_apart(rects: list[Rect]) -> None:
    found = cover(filled(24, 24, *rects), COSTS)
    assert sorted(found, key=lambda r: (r.top, r.left)) == rects


def test_what_lies_near_is_computed_together() -> None:
    near = filled(24, 24, Rect(4, 4, 8, 8), Rect(4, 9, 8, 13))
    assert cover(near, COSTS) == [Rect(4, 4, 8, 13)]


def test_a_picture_frame_is_covered_by_its_sides() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[:2] = mask[-3:] = True
    mask[:, :1] = mask[:, -2:] = True
    rects = cover(mask, Costs(border=0.5, each=3.0))
    assert sorted((r.top, r.left, r.bottom, r.right) for r in rects) == [
        (0, 0, 2, 30),
        (2, 0, 17, 1),
        (2, 28, 17, 30),
        (17, 0, 20, 30),
    ]


def test_a_rectangle_costs_its_area_with_a_border() -> None:
    assert COSTS.of(3, 5) == 5 * 7 + 4
    assert COSTS.of(0, 5) == 0


def test_a_rectangle_grows_and_shrinks_within_the_frame() -> None:
    rect = Rect(1, 4, 6, 10)
    assert rect.grown(2, 7, 20) == Rect(0, 2, 7, 12)
    assert Rect(0, 4, 7, 10).shrunk(2, 7, 20) == Rect(0, 6, 7, 8)
    thin = Rect(0, 4, 1, 10).shrunk(2, 7, 20)  # a slice to -1 would be nearly all
    assert thin.bottom == thin.top == 0
    assert rect.times(3) == Rect(3, 12, 18, 30)
    assert rect.moved(-1, 2) == Rect(0, 6, 5, 12)
    assert (rect.height, rect.width) == (5, 6)
