from __future__ import annotations

import numpy as np
import pytest

from tsuzuki.frame import Rgb
from tsuzuki.video.likeness import Likeness


def noise(kind: type = np.uint8, top: int = 255) -> Rgb:
    return np.random.default_rng(5).integers(0, top, (3, 64, 96)).astype(kind)


@pytest.mark.parametrize(
    ("pixel_format", "kind", "top"), [("gbrp", np.uint8, 255), ("gbrp10le", np.uint16, 1023)]
)
def test_the_error_is_that_over_all_channels(pixel_format: str, kind: type, top: int) -> None:
    likeness = Likeness(96, 64, pixel_format)
    one = noise(kind, top)
    for amount in (0, 1, 4):
        other = one.copy()
        other[1] -= np.minimum(other[1], kind(amount))
        expected = np.mean((one.astype(float) - other) ** 2)
        assert likeness.mse(one, other) == pytest.approx(expected, rel=1e-3)


def test_likeness_falls_with_the_difference() -> None:
    likeness = Likeness(96, 64, "gbrp")
    one = noise()
    near, far = one.copy(), noise()[:, ::-1].copy()
    near[:, ::9, ::7] ^= 16
    assert likeness.ssim(one, one) == 1.0
    assert 1.0 > likeness.ssim(one, near) > likeness.ssim(one, far)
