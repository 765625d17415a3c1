from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tsuzuki.errors import EngineError, ModelError
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor, plan_upscaling
from tsuzuki.upscaling.cover import Rect
from tsuzuki.upscaling.tiling import Tiler

WIDTH, HEIGHT = 48, 36


def processor(size=(WIDTH, HEIGHT), **settings) -> AIProcessor:
    wish = ProcessingSettings(**{"device": "cpu", "quality": "Fast", **settings})
    width, height = size
    out = int(width * wish.scale_factor), int(height * wish.scale_factor)
    return AIProcessor(plan_upscaling(wish, width, height, *out))


@pytest.fixture(params=[(255, np.uint8), (1023, np.uint16), (65280, np.uint16)])
def frame(request, draw):
    white, kind = request.param
    return np.rint(draw(WIDTH, HEIGHT) * white).astype(kind), white


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"scale_factor": 1.5},
        {"scale_factor": 4.0},
        {"scale_factor": 1.0},
        {"scale_factor": 1.0, "noise_reduction": -1},
        {"engine": "nearest", "scale_factor": 2.5},
        {"quality": "Balanced", "scale_factor": 3.0},
        {"quality": "Quality"},
    ],
)
def test_type_white_and_size_come_out_as_planned(frame, settings) -> None:
    rgb, white = frame
    upscaler = processor(**settings)
    out = upscaler.process_frame(rgb, white)
    plan = upscaler.plan
    assert out.shape == (3, plan.out_height, plan.out_width)
    assert out.dtype == rgb.dtype
    assert out.flags.c_contiguous
    assert out.max() <= white
    assert abs(out.mean() / white - rgb.mean() / white) < 0.02
    upscaler.close()


def test_deep_frames_keep_their_depth(draw) -> None:
    planes = draw(WIDTH, HEIGHT)
    upscaler = processor()
    shallow = upscaler.process_frame(np.rint(planes * 255).astype(np.uint8), 255) / 255
    deep = upscaler.process_frame(np.rint(planes * 65280).astype(np.uint16), 65280) / 65280
    assert np.abs(shallow - deep).max() < 0.02
    assert len(np.unique(deep)) > 4 * 256


def test_equal_frames_give_equal_frames_from_any_processor(draw) -> None:
    rgb = np.rint(draw(WIDTH, HEIGHT) * 255).astype(np.uint8)
    first, second = processor(), processor()
    expected = first.process_frame(rgb, 255)
    first.process_frame(255 - rgb, 255)
    assert np.array_equal(first.process_frame(rgb, 255), expected)
    assert np.array_equal(second.process_frame(rgb, 255), expected)


def test_no_network_and_no_resizing_copies(draw) -> None:
    rgb = np.rint(draw(WIDTH, HEIGHT) * 255).astype(np.uint8)
    out = processor(scale_factor=1.0, noise_reduction=-1).process_frame(rgb, 255)
    assert np.array_equal(out, rgb)
    assert out is not rgb


def test_values_are_rounded_and_limited(monkeypatch) -> None:
    wanted = np.float32([-1, 0, 0.4, 0.499, 0.5, 254.49, 254.5, 255, 300, 1e9]) / np.float32(255)
    size = (len(wanted), 1)
    out = np.tile(wanted, (3, 2, 2)).astype(np.float32)
    place = Rect(0, 0, 2, out.shape[2])
    monkeypatch.setattr(Tiler, "pieces", lambda self, planes, part, border: [(place, out.copy())])
    upscaler = processor(size)
    got = upscaler.process_frame(np.zeros((3, 1, 10), dtype=np.uint8), 255)
    assert got[0, 0, :10].tolist() == [0, 0, 0, 0, 1, 254, 255, 255, 255, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("scale", [2.0, 1.5])
def test_values_that_are_no_numbers_stop_the_run(monkeypatch, value, scale) -> None:
    upscaler = processor(scale_factor=scale)
    original = Tiler.pieces

    def spoilt(self, planes, part, border):
        for place, piece in original(self, planes, part, border):
            piece[1, 5, 5] = value
            yield place, piece

    monkeypatch.setattr(Tiler, "pieces", spoilt)
    rgb = np.zeros((3, HEIGHT, WIDTH), dtype=np.uint8)
    with pytest.raises(EngineError, match=r"Frame 17 .*driver"):
        upscaler.process_frame(rgb, 255, number=17)


def test_another_size_than_planned_is_refused() -> None:
    with pytest.raises(EngineError, match="size midway"):
        processor().process_frame(np.zeros((3, HEIGHT, WIDTH + 1), dtype=np.uint8), 255)
    with pytest.raises(EngineError, match="float32"):
        processor().process_frame(np.zeros((3, HEIGHT, WIDTH), dtype=np.float32), 255)


def test_other_model_files_than_planned_are_refused() -> None:
    plan = processor().plan
    step = msgspec.structs.replace(plan.passes[0], digest="0" * 64)
    with pytest.raises(ModelError, match="not those that this session began with"):
        AIProcessor(msgspec.structs.replace(plan, passes=(step,)))


def test_passes_that_share_a_network_share_its_engine() -> None:
    upscaler = processor(scale_factor=8.0, noise_reduction=-1)
    assert len(upscaler.plan.passes) == 3
    assert len(upscaler._engines) == 1


@pytest.mark.slow  # the engine alone is compared, too
def test_the_gpu_gives_nearly_the_same_frames(draw, vulkan) -> None:
    rgb = np.rint(draw(WIDTH, HEIGHT) * 255).astype(np.uint8)
    here = processor().process_frame(rgb, 255).astype(int)
    there = processor(device=vulkan).process_frame(rgb, 255).astype(int)
    assert np.abs(here - there).max() <= 4
    assert np.abs(here - there).mean() < 0.2
