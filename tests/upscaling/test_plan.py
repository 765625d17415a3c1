from __future__ import annotations

import msgspec
import pytest

from tsuzuki.errors import DeviceError, ModelError
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import UpscalePlan, find, plan_upscaling


def plan(width=100, height=60, out=None, **settings) -> UpscalePlan:
    wish = ProcessingSettings(**{"device": "cpu", **settings})
    scale = wish.scale_factor
    out_width, out_height = out or (round(width * scale), round(height * scale))
    return plan_upscaling(wish, width, height, out_width, out_height)


@pytest.mark.parametrize(
    "settings", [{}, {"engine": "nearest"}, {"scale_factor": 8.0}, {"quality": "Quality"}]
)
def test_a_plan_survives_json(settings) -> None:
    original = plan(**settings)
    assert msgspec.json.decode(msgspec.json.encode(original), type=UpscalePlan) == original


def test_equal_wishes_give_equal_plans() -> None:
    assert plan() == plan()
    assert plan() != plan(quality="Fast")
    assert plan() != plan(tile_size=32)


def test_the_plan_names_the_files_by_digest() -> None:
    (step,) = plan(quality="Fast").passes
    assert step.digest == find(step.network).digest()


def test_small_frames_are_not_cut_and_large_ones_are() -> None:
    assert plan(100, 60).passes[0].tile == 100
    (large,) = plan(1280, 720, quality="Fast").passes
    assert large.tile < 720
    assert plan(1280, 720, quality="Fast", tile_size=64).passes[0].tile == 64


def test_each_pass_gets_tiles_for_its_own_size() -> None:
    chosen = {"model": "realesr-animevideov3-2x", "scale_factor": 4.0}
    first, second = plan(400, 400, **chosen).passes
    assert first.tile == 400
    assert second.tile < 800


def test_tiles_are_those_that_are_fastest_on_the_device() -> None:
    (only,) = plan(300, 300, quality="Fast", device="cpu").passes
    assert only.tile == find(only.network).cpu_tile == 96


def test_the_result_is_resized_only_where_sizes_differ() -> None:
    assert plan().resize == "none"
    assert plan(scale_factor=1.5).resize == "bicubic"
    assert plan(101, 61, out=(200, 120)).resize == "bicubic"
    assert plan(engine="nearest").resize == "nearest"
    assert plan(scale_factor=1.0, noise_reduction=-1).passes == ()


def test_what_is_missing_is_refused() -> None:
    with pytest.raises(DeviceError, match="gpu:99"):
        plan(device="gpu:99")
    with pytest.raises(ModelError):
        plan(model="nothing-like-it")


def test_the_processor_computes_in_32_bits() -> None:
    options = plan().options
    assert not options["use_fp16_storage"]
    assert not options["use_vulkan_compute"]
