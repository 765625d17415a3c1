from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tsuzuki.frame import Rgb
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor, implausible, plan_upscaling
from tsuzuki.upscaling.resample import nearest


def drawn(width: int = 96, height: int = 64) -> Rgb:
    """A ramp with a bright disc and a dark bar: contrast, edges, flat areas."""
    y, x = np.mgrid[:height, :width]
    ramp = 60 + 120 * x / width + 0 * y
    ramp[(x - 30) ** 2 + (y - 30) ** 2 < 200] = 250
    ramp[y > height - 10] = 5
    return np.stack([ramp, ramp * 0.8, 255 - ramp]).astype(np.uint8)


def twice(rgb: Rgb) -> Rgb:
    return nearest(rgb, 2 * rgb.shape[2], 2 * rgb.shape[1])


@pytest.mark.parametrize("quality", ["Fast", "Balanced"])
@pytest.mark.parametrize("seed", [0, 1])
def test_what_networks_make_of_frames_is_plausible(quality: str, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-40, 40, (3, 64, 96))
    for frame in (drawn(), np.clip(drawn() + noise, 0, 255).astype(np.uint8)):
        settings = ProcessingSettings(quality=quality, device="cpu")
        processor = AIProcessor(plan_upscaling(settings, 96, 64, 192, 128))
        assert implausible(frame, processor.process_frame(frame, 255), 255) is None
        processor.close()


@pytest.mark.parametrize("level", [0, 3, 16, 128, 255])
def test_black_frames_and_fades_are_plausible(level: int) -> None:
    flat = np.full((3, 64, 96), level, np.uint8)
    assert implausible(flat, twice(flat), 255) is None
    faded = (drawn() * (level / 255)).astype(np.uint8)
    assert implausible(faded, twice(faded), 255) is None


def test_sixteen_bits_count_by_their_white() -> None:
    deep = drawn().astype(np.uint16) << 4
    assert implausible(deep, twice(deep), 255 << 4) is None
    assert implausible(deep, np.zeros_like(twice(deep)), 255 << 4) is not None


def one_tile(out: Rgb) -> Rgb:
    out[:, :40, :60] = 255 - out[:, :40, :60]
    return out


BROKEN: dict[str, Callable[[Rgb], Rgb]] = {
    "black": np.zeros_like,
    "white": lambda out: np.full_like(out, 255),
    "grey": lambda out: np.full_like(out, 128),
    "noise": lambda out: np.random.default_rng(0).integers(0, 256, out.shape).astype(np.uint8),
    "negative": lambda out: 255 - out,
    "upside down": lambda out: out[:, ::-1],
    "one tile is negative": one_tile,
    "rows shuffled": lambda out: np.random.default_rng(0).permutation(out, axis=1),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_broken_devices_give_is_not(broken: str) -> None:
    assert implausible(drawn(), BROKEN[broken](twice(drawn())), 255) is not None


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (33, 19)])
def test_any_size(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (3, *size), dtype=np.uint8)
    assert implausible(frame, twice(frame), 255) is None
