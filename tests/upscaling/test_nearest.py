from __future__ import annotations

import numpy as np
import pytest

from tsuzuki.errors import EngineError
from tsuzuki.upscaling import NearestEngine
from tsuzuki.upscaling.nearest import enlarge


@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_every_pixel_becomes_a_square(scale, draw) -> None:
    planes = draw(7, 5)
    large = NearestEngine(scale).run(planes)
    assert large.shape == (3, 5 * scale, 7 * scale)
    for dy in range(scale):
        for dx in range(scale):
            assert np.array_equal(large[:, dy::scale, dx::scale], planes)


def test_the_type_stays() -> None:
    assert enlarge(np.zeros((3, 2, 2), dtype=np.uint16), 2).dtype == np.uint16


def test_it_has_no_pooling(draw) -> None:
    with pytest.raises(EngineError, match="run"):
        NearestEngine().begin(draw(4, 4))
