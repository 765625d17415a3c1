from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsuzuki.frame import Rgb
from tsuzuki.pipeline.enlarge import Enlarger
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import STILL, AIProcessor, Changes, Rect, plan_upscaling
from tsuzuki.upscaling.plan import BLOCK, ReusePlan
from tsuzuki.upscaling.planning import plan_reuse

WIDTH, HEIGHT = 100, 76  # neither is a multiple of a block
REACH = 7


def picture(seed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> Rgb:
    noise = np.random.default_rng(seed).integers(0, 200, (3, height // 8 + 1, width // 8 + 1))
    smooth = noise.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    return np.ascontiguousarray(smooth.astype(np.uint8))


def looked(plan: ReusePlan | None = None) -> tuple[Changes, Rgb]:
    changes, rgb = Changes(plan or plan_reuse(6.0, REACH), 255), picture()
    assert changes.look(rgb) is None, "the first frame is computed as a whole"
    return changes, rgb


def changed(rgb: Rgb, *places: tuple[int, int], by: int = 50) -> Rgb:
    new = rgb.copy()
    for y, x in places:
        new[:, y, x] += np.uint8(by)
    return new


def test_nothing_is_computed_where_nothing_has_changed() -> None:
    changes, rgb = looked()
    assert changes.look(rgb.copy()) == []
    assert changes.look(changed(rgb, (30, 40), by=6)) == []
    assert np.array_equal(changes.kept, rgb)


@pytest.mark.parametrize(("y", "x"), [(0, 0), (30, 40), (HEIGHT - 1, WIDTH - 1), (39, 8)])
def test_a_changed_pixel_has_all_that_it_reaches_computed(y: int, x: int) -> None:
    changes, rgb = looked()
    new = changed(rgb, (y, x))
    parts = changes.look(new)
    assert parts is not None
    computed = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for part in parts:
        assert part.bottom <= HEIGHT
        assert part.right <= WIDTH
        computed[part.rows, part.columns] = True
    reached = computed[max(0, y - REACH) : y + REACH + 1, max(0, x - REACH) : x + REACH + 1]
    assert reached.all()
    assert computed.mean() < 0.2
    assert np.array_equal(changes.kept, new)


def test_far_changes_are_computed_apart() -> None:
    changes, rgb = looked()
    parts = changes.look(changed(rgb, (3, 3), (70, 95)))
    assert parts is not None
    assert len(parts) == 2


def test_a_new_scene_is_computed_as_a_whole() -> None:
    changes, _ = looked()
    other = picture(2)
    assert changes.look(other) is None
    assert np.array_equal(changes.kept, other)


def test_what_changes_slowly_is_not_held_back() -> None:
    """The comparison is with what the output shows, so that small differences add up."""
    changes, rgb = looked()
    for step in range(1, 40):
        now = rgb + np.uint8(step)
        changes.look(now)
        behind = np.abs(changes.kept.astype(int) - now).max()
        assert behind <= 1, step


def test_exact_computes_every_difference() -> None:
    changes, rgb = looked(plan_reuse(0.0, REACH))
    assert changes.look(rgb.copy()) == []
    assert changes.look(changed(rgb, (30, 40), by=1))


def test_a_network_that_looks_at_the_whole_frame_computes_all_or_nothing() -> None:
    changes, rgb = looked(plan_reuse(6.0, None))
    assert changes.look(rgb.copy()) == []
    new = changed(rgb, (30, 40))
    assert changes.look(new) is None
    assert np.array_equal(changes.kept, new)


def test_deep_frames_are_measured_in_parts_of_their_white() -> None:
    changes = Changes(plan_reuse(6.0, REACH), 1023)
    rgb = picture().astype(np.uint16) * 4
    changes.look(rgb)
    near, far = rgb.copy(), rgb.copy()
    near[:, 30, 40] += 24
    far[:, 30, 40] += 25
    assert changes.look(near) == []
    assert changes.look(far)


def pan(rows: int, columns: int, height: int = HEIGHT, width: int = WIDTH) -> Rgb:
    """What a camera sees that has moved so far over a large picture."""
    large = picture(7, 3 * width, 3 * height)
    top, left = height + rows, width + columns
    return np.ascontiguousarray(large[:, top : top + height, left : left + width])


def moving(step: int) -> ReusePlan:
    return msgspec.structs.replace(plan_reuse(6.0, REACH, near=True), step=step, ends=REACH)


@pytest.mark.parametrize("by", [(0, 3), (0, -9), (5, 0), (-4, 6)])
def test_a_pan_computes_what_comes_in_and_both_ends(by: tuple[int, int]) -> None:
    changes = Changes(moving(1), 255)
    size = 2 * HEIGHT, 2 * WIDTH
    assert changes.look(pan(0, 0, *size)) is None
    parts = changes.look(pan(*by, *size))
    assert changes.motion == (-by[0], -by[1])
    assert parts is not None
    assert np.array_equal(changes.kept, pan(*by, *size))
    computed = np.zeros(size, dtype=bool)
    for part in parts:
        computed[part.rows, part.columns] = True
    for axis, length in enumerate(size):
        if by[axis]:
            low, high = (REACH, abs(by[axis]) + REACH)[:: 1 if by[axis] > 0 else -1]
            assert computed.take(np.r_[:low, length - high : length], axis).all()
    assert computed.mean() < 0.5


def test_motion_is_followed_by_whole_steps_alone() -> None:
    for step in (0, 2):
        changes = Changes(moving(step), 255)
        changes.look(pan(0, 0))
        assert changes.look(pan(0, 3)) is None
        assert changes.motion == STILL
    assert changes.look(pan(0, 5))
    assert changes.motion == (0, -2)


# --- with networks --------------------------------------------------------------------------------

NETWORKS: dict[str, dict[str, Any]] = {
    "one pass": {"model": "waifu2x-upconv7-anime-2x-n1"},
    "two passes": {"model": "waifu2x-upconv7-anime-2x-n1", "scale_factor": 4.0},
    "resized": {"model": "waifu2x-upconv7-anime-2x-n1", "scale_factor": 1.7},
    "resized after two passes": {"model": "waifu2x-upconv7-anime-2x-n1", "scale_factor": 2.9},
    "other reach": {"model": "realesr-animevideov3-2x", "reuse": "exact"},
    "tiles": {"model": "waifu2x-upconv7-anime-2x-n1", "tile_size": 32},
    "pooling": {"model": "waifu2x-cunet-2x-n1"},
}


def size_of(scale: float) -> tuple[int, int, int, int]:
    return WIDTH, HEIGHT, round(WIDTH * scale / 2) * 2, round(HEIGHT * scale / 2) * 2


@pytest.fixture(scope="module", params=NETWORKS)
def processor(request: pytest.FixtureRequest) -> AIProcessor:
    settings = ProcessingSettings(device="cpu", **NETWORKS[request.param])
    return AIProcessor(plan_upscaling(settings, *size_of(settings.scale_factor)))


def test_the_output_is_that_of_the_frame_of_the_kept_blocks(processor: AIProcessor) -> None:
    assert processor.plan.reuse is not None
    changes, rgb = Changes(processor.plan.reuse, 255), picture()
    dice = np.random.default_rng(3)
    out: Rgb | None = None
    partly = 0
    for _ in range(6):
        parts = changes.look(rgb)
        if parts is None or out is None:
            out = processor.process_frame(changes.kept, 255)
        else:
            partly += bool(parts)
            out = processor.start(changes.kept, 255, parts).finish(lambda before=out: before)
        whole = processor.process_frame(changes.kept, 255)
        # A region computed alone differs by a millionth, which may be a step when rounded.
        assert np.abs(out.astype(int) - whole).max() <= 1
        assert (out != whole).mean() < 0.001
        y, x = int(dice.integers(0, HEIGHT - 12)), int(dice.integers(0, WIDTH - 12))
        rgb = rgb.copy()
        rgb[:, y : y + 12, x : x + 12] = dice.integers(0, 255, (3, 12, 12))
    assert partly == (0 if processor.plan.reuse.reach is None else 5)


PANS: dict[str, tuple[dict[str, Any], int]] = {
    "nothing padded": ({"model": "waifu2x-upconv7-anime-2x-n1"}, 1),
    "padded": ({"model": "realesr-animevideov3-2x"}, 1),
    "resized": ({"model": "waifu2x-upconv7-anime-2x-n1", "scale_factor": 1.5}, 2),
}


@pytest.mark.parametrize(
    ("case", "by"),
    [
        ("nothing padded", (0, -8)),
        ("nothing padded", (-4, 6)),
        ("padded", (0, 8)),
        ("padded", (-3, 0)),
        ("resized", (4, -6)),
    ],
)
def test_a_long_pan_looks_as_the_network_makes_it(case: str, by: tuple[int, int]) -> None:
    chosen, step = PANS[case]
    settings = ProcessingSettings(device="cpu", **chosen)
    scale = settings.scale_factor
    height, width = 3 * HEIGHT, 3 * WIDTH
    size = width, height, round(width * scale), round(height * scale)
    processor = AIProcessor(plan_upscaling(settings, *size))
    assert processor.plan.reuse is not None
    assert processor.plan.reuse.step == step
    enlarger, reused = Enlarger(processor, 255), []
    enlarger.begin()
    for number in range(10):
        frame = pan(number * by[0], number * by[1], height, width)
        reused.append(enlarger.look(frame))
        out = enlarger.start(number)()
    assert min(reused[1:]) > 0.4
    whole = processor.process_frame(frame, 255)
    error = np.mean((out.astype(float) - whole) ** 2)
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > 50


@pytest.fixture(scope="module")
def whole(processor: AIProcessor) -> Rgb:
    return processor.process_frame(picture(), 255)


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_any_part_is_that_part_of_the_whole(
    processor: AIProcessor, whole: Rgb, data: st.DataObject
) -> None:
    if processor.plan.reuse is None or processor.plan.reuse.reach is None:
        return
    top = data.draw(st.integers(0, HEIGHT // BLOCK - 1)) * BLOCK
    left = data.draw(st.integers(0, WIDTH // BLOCK - 1)) * BLOCK
    bottom = min(HEIGHT, top + BLOCK * data.draw(st.integers(1, 6)))
    right = min(WIDTH, left + BLOCK * data.draw(st.integers(1, 6)))
    part = Rect(top, left, bottom, right)
    out = processor.start(picture(), 255, [part]).finish(lambda: np.zeros_like(whole))
    scale = processor.plan.out_height / HEIGHT
    inside = out[:, round(top * scale) : round(bottom * scale), round(left * scale) :]
    inside = inside[:, :, : round((right - left) * scale)]
    assert inside.any()
    assert np.abs(out.astype(int) - whole)[out > 0].max() <= 1


def test_what_could_be_seen_is_computed_around_a_change(draw: Any) -> None:
    chosen = {"device": "cpu", "model": "realesr-animevideov3-2x"}
    plans = [
        plan_upscaling(ProcessingSettings(**chosen, reuse=reuse), *size_of(2.0))  # type: ignore[arg-type]
        for reuse in ("exact", "visual")
    ]
    assert [plan.reuse and plan.reuse.reach for plan in plans] == [20, 8]
    visual = AIProcessor(plans[1])
    drawn = np.rint(draw(WIDTH, HEIGHT) * 255).astype(np.uint8)
    whole = visual.process_frame(drawn, 255)
    part = Rect(16, 24, 40, 64)
    out = visual.start(drawn, 255, [part]).finish(lambda: np.zeros_like(whole))
    differences = np.abs(out.astype(int) - whole)[:, 32:80, 48:128]
    assert 0 < differences.mean() < 0.5
    assert differences.max() <= 8


@pytest.mark.parametrize(
    ("chosen", "tolerance"), [({"reuse": "visual"}, 6.0), ({"reuse": "exact"}, 0.0)]
)
def test_the_settings_choose_the_tolerance(chosen: dict[str, Any], tolerance: float) -> None:
    plan = plan_upscaling(ProcessingSettings(device="cpu", **chosen), *size_of(2.0))
    assert plan.reuse is not None
    assert plan.reuse.tolerance == tolerance


@pytest.mark.parametrize("chosen", [{"reuse": "off"}, {"engine": "nearest"}])
def test_nothing_is_reused_where_nothing_is_saved(chosen: dict[str, Any]) -> None:
    plan = plan_upscaling(ProcessingSettings(device="cpu", **chosen), *size_of(2.0))
    assert plan.reuse is None
