"""The contract of engines: each test holds for every one that a run can choose."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from tsuzuki.settings import ENGINES as NAMES
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import ENGINES, AIProcessor, Engine, find, plan_upscaling

CHOICES = [(name, device) for name in NAMES for device in ("cpu", "vulkan")]


def upscaler(engine: str, device: str, width: int = 40, height: int = 30) -> AIProcessor:
    """An upscaler as a run makes it."""
    wish = ProcessingSettings(engine=engine, device=device, model="realesr-animevideov3-2x")
    return AIProcessor(plan_upscaling(wish, width, height, 2 * width, 2 * height))


@pytest.fixture(scope="module")
def upscale():
    """Upscale a frame; all of one size by the same upscaler: making one takes long on Vulkan."""
    made = functools.cache(upscaler)
    used = set()

    def process(choice: tuple[str, str], frame: np.ndarray) -> np.ndarray:
        processor = made(*choice, frame.shape[2], frame.shape[1])
        used.add(processor)
        return processor.process_frame(frame, 255)

    yield process
    for processor in used:
        processor.close()


@pytest.fixture(params=CHOICES, ids=" on ".join)
def choice(request):
    """Engine and device, Vulkan where there is such a device."""
    engine, device = request.param
    return engine, request.getfixturevalue("vulkan") if device == "vulkan" else device


@pytest.fixture(scope="session")
def frame(draw):
    def drawn(width: int, height: int, seed: int = 0) -> np.ndarray:
        return np.rint(draw(width, height, seed) * 255).astype(np.uint8)

    return drawn


def test_every_engine_of_the_settings_is_there() -> None:
    assert {*ENGINES, "nearest"} == set(NAMES)


@pytest.mark.parametrize("name", ENGINES)
def test_it_has_what_an_engine_has_and_can_be_closed_twice(name) -> None:
    kind = ENGINES[name]
    network = find("waifu2x-upconv7-anime-2x-n0")
    made = kind(network, "cpu", options=kind.options_for("cpu"))
    assert isinstance(made, Engine)
    made.close()
    made.close()


def test_the_plan_says_what_runs_where(choice) -> None:
    plan = upscaler(*choice).plan
    assert plan.engine == choice[0]
    assert plan.device == ("cpu" if choice[0] == "nearest" else choice[1])
    assert plan.engine_version


@pytest.mark.parametrize(("width", "height"), [(16, 16), (33, 20), (9, 41)])
def test_the_output_is_twice_as_large_and_contiguous(upscale, choice, frame, width, height) -> None:
    out = upscale(choice, frame(width, height))
    assert out.shape == (3, 2 * height, 2 * width)
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous


def test_equal_input_gives_equal_bits_and_outputs_belong_to_the_caller(
    upscale, choice, frame
) -> None:
    given = frame(40, 30)
    first = upscale(choice, given)
    kept = first.copy()
    upscale(choice, frame(40, 30, seed=9))
    assert np.array_equal(first, kept)
    assert np.array_equal(upscale(choice, given), kept)
    other = upscaler(*choice)
    assert np.array_equal(other.process_frame(given, 255), kept)
    other.close()


def test_the_input_is_left_as_it_was(upscale, choice, frame) -> None:
    given = frame(40, 30)
    before = given.copy()
    upscale(choice, given)
    assert np.array_equal(given, before)


def test_the_picture_is_the_same_but_larger(upscale, choice, frame) -> None:
    given = frame(40, 30)
    out = upscale(choice, given)
    reduced = out.reshape(3, 30, 2, 40, 2).mean(axis=(2, 4))
    assert np.sqrt(np.mean((reduced - given) ** 2)) < 0.08 * 255


def test_colours_keep_their_order(upscale, choice) -> None:
    given = np.zeros((3, 30, 40), dtype=np.uint8)
    given[0], given[1], given[2] = 230, 128, 26
    means = upscale(choice, given)[:, 16:-16, 16:-16].mean(axis=(1, 2))
    assert np.abs(means - (230, 128, 26)).max() < 8
