from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.upscaling import NcnnEngine, find, networks, tiling
from tsuzuki.upscaling.cover import Rect
from tsuzuki.upscaling.tiling import Tiler, default_tile, spans

WHOLE = 100_000


def run(name: str, planes: np.ndarray, tile: int) -> np.ndarray:
    network = find(name)
    engine = NcnnEngine(network)
    (_, height, width), lanes = planes.shape, ThreadPoolExecutor(2)
    tiler = Tiler(network, engine, tile, lanes)
    height, width = height * network.scale, width * network.scale
    out = tiler.run(planes, tiler.part_for(Rect(0, 0, height, width)))
    engine.close()
    return out[:, :height, :width]


@given(st.sampled_from(networks()), st.integers(1, 3000), st.integers(32, 4000))
def test_tiles_cover_the_frame_once(network, length, tile) -> None:
    stop = -(-length // network.multiple) * network.multiple
    cut = spans(network, 0, stop, length, tile, network.reach)
    assert cut[0].start == 0
    assert length <= cut[-1].stop < length + network.multiple
    assert all(a.stop == b.start for a, b in pairwise(cut))
    for span in cut:
        assert 0 < span.stop - span.start <= max(tile, network.multiple)
        assert (span.stop - span.start) % network.multiple == 0
        assert span.start % network.multiple == 0
        assert -network.margin <= span.begin <= max(span.start - network.margin, 0)
        assert span.end <= cut[-1].stop + network.margin


DEVICES = st.sampled_from(["cpu", "gpu:0"])


@given(st.sampled_from(networks()), st.integers(16, 8000), st.integers(16, 8000), DEVICES)
def test_the_default_keeps_pieces_small(network, width, height, device) -> None:
    tile = default_tile(network, width, height, device)
    pixels = 1
    for side in (width, height):
        stop = -(-side // network.multiple) * network.multiple
        cut = spans(network, 0, stop, side, tile, network.reach)
        pixels *= max(span.end - span.begin for span in cut)
    fits = pixels * network.memory <= tiling.PIECE_BYTES
    assert fits or tile <= tiling.SMALLEST_TILE


def test_frames_are_not_cut_where_they_fit() -> None:
    network = find("realesr-animevideov3-2x")
    assert default_tile(network, 720, 480, "cpu") == 720
    assert default_tile(network, 1280, 720, "cpu") < 720


@pytest.mark.parametrize(
    "name",
    [
        "waifu2x-upconv7-anime-2x-n3",
        "realesr-animevideov3-2x",
        "waifu2x-cunet-1x-n1",
        "realcugan-se-2x-n0",
        pytest.param("waifu2x-cunet-2x-n3", marks=pytest.mark.slow),
        pytest.param("realcugan-se-3x-n3", marks=pytest.mark.slow),
        "realcugan-se-4x-none",
        pytest.param("realcugan-pro-2x-n3", marks=pytest.mark.slow),
        pytest.param("realesr-animevideov3-3x", marks=pytest.mark.slow),
        pytest.param("realesr-animevideov3-4x", marks=pytest.mark.slow),
    ],
)
def test_tiles_give_the_whole_frame_without_seams(name, draw) -> None:
    planes = draw(59, 50)
    whole, tiled = run(name, planes, WHOLE), run(name, planes, 32)
    scale = find(name).scale
    assert whole.shape == tiled.shape == (3, 50 * scale, 59 * scale)
    assert np.abs(whole - tiled).max() < (1e-4 if find(name).pools else 2e-5)


def test_pooling_alone_would_show_seams(draw, monkeypatch) -> None:
    """Without synchronising, the difference is many times the tolerance above."""
    planes = draw(59, 50)
    whole = run("realcugan-se-2x-n0", planes, WHOLE)
    monkeypatch.setattr(tiling, "_synchronise", apart)
    assert np.abs(whole - run("realcugan-se-2x-n0", planes, 32)).max() > 1e-3


def apart(pool, passages, tiles, *, parked) -> None:
    for passage in passages:
        passage.set_mean(passage.features().mean(axis=(1, 2)))


def test_saving_memory_does_not_change_a_bit(draw, monkeypatch) -> None:
    planes = draw(59, 50)
    kept = run("realcugan-se-2x-n0", planes, 32)
    monkeypatch.setattr(tiling, "PARKED_BYTES", 0)
    assert np.array_equal(run("realcugan-se-2x-n0", planes, 32), kept)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["realesrgan-x4plus-anime", "realesrgan-x4plus"])
def test_the_seams_of_x4plus_are_not_seen(name, draw) -> None:
    planes = draw(140, 60)
    difference = np.abs(run(name, planes, WHOLE) - run(name, planes, 70))
    seam = difference[:, :, 4 * 70 - 2 : 4 * 70 + 2]
    assert seam.mean() < 1 / 255


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (5, 40), (17, 18)])
@pytest.mark.parametrize(
    "name", ["waifu2x-upconv7-anime-2x-n3", "realcugan-se-3x-n0", "realesr-animevideov3-2x"]
)
def test_frames_smaller_than_the_border_work(name, width, height, draw) -> None:
    out = run(name, np.full((3, height, width), 0.5, dtype=np.float32), WHOLE)
    scale = find(name).scale
    assert out.shape == (3, height * scale, width * scale)
    assert np.abs(out - 0.5).max() < 0.1


def test_odd_sizes_do_not_move_the_picture(draw) -> None:
    planes = draw(61, 47)
    even = run("waifu2x-cunet-2x-n3", np.ascontiguousarray(planes[:, :46, :60]), WHOLE)
    odd = run("waifu2x-cunet-2x-n3", planes, WHOLE)
    assert np.abs(odd[:, :40, :40] - even[:, :40, :40]).mean() < 0.01


def test_cugan_4x_adds_its_difference_to_the_enlarged_frame(draw) -> None:
    planes = draw(40, 30)
    out = run("realcugan-se-4x-none", planes, WHOLE)
    reduced = out.reshape(3, 30, 4, 40, 4).mean(axis=(2, 4))
    assert np.abs(reduced - planes).mean() < 0.05
