"""The contract of engines: each test holds for every one of them."""

from __future__ import annotations

import numpy as np
import pytest

from tsuzuki.upscaling import Engine, NcnnEngine, NearestEngine, find

NAMES = ["nearest", "ncnn on the processor", "ncnn on vulkan"]


@pytest.fixture(scope="module", params=NAMES)
def engine(request):
    """An engine that enlarges twice and keeps the whole piece."""
    network = find("realesr-animevideov3-2x")
    if request.param == "nearest":
        made = NearestEngine(2)
    elif request.param == "ncnn on the processor":
        made = NcnnEngine(network)
    else:
        made = NcnnEngine(network, request.getfixturevalue("vulkan"))
    yield made
    made.close()


def test_it_says_who_it_is(engine) -> None:
    assert isinstance(engine, Engine)
    assert engine.name in {"ncnn", "nearest"}
    assert engine.device == "cpu" or engine.device.startswith("gpu:")
    assert engine.version


@pytest.mark.parametrize(("width", "height"), [(16, 16), (33, 20), (9, 41)])
def test_the_output_is_twice_as_large_and_contiguous(engine, draw, width, height) -> None:
    out = engine.run(draw(width, height))
    assert out.shape == (3, 2 * height, 2 * width)
    assert out.dtype == np.float32
    assert out.flags.c_contiguous


def test_equal_input_gives_equal_bits(engine, draw) -> None:
    planes = draw(40, 30)
    first = engine.run(planes)
    engine.run(draw(40, 30, seed=9))
    assert np.array_equal(engine.run(planes.copy()), first)


def test_the_input_is_left_as_it_was(engine, draw) -> None:
    planes = draw(24, 24)
    before = planes.copy()
    engine.run(planes)
    assert np.array_equal(planes, before)


def test_the_output_belongs_to_the_caller(engine, draw) -> None:
    first = engine.run(draw(24, 24))
    kept = first.copy()
    engine.run(draw(24, 24, seed=1))
    assert np.array_equal(first, kept)


def test_the_picture_is_the_same_but_larger(engine, draw) -> None:
    planes = draw(48, 48)
    out = engine.run(planes)
    reduced = out.reshape(3, 48, 2, 48, 2).mean(axis=(2, 4))
    assert np.sqrt(np.mean((reduced - planes) ** 2)) < 0.08


def test_colours_keep_their_order(engine) -> None:
    planes = np.zeros((3, 32, 32), dtype=np.float32)
    planes[0], planes[1], planes[2] = 0.9, 0.5, 0.1
    means = engine.run(planes)[:, 16:-16, 16:-16].mean(axis=(1, 2))
    assert np.abs(means - (0.9, 0.5, 0.1)).max() < 0.03


def test_it_can_be_closed_twice() -> None:
    for made in (NearestEngine(), NcnnEngine(find("waifu2x-upconv7-anime-2x-n0"))):
        made.close()
        made.close()
