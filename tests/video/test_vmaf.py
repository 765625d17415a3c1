from __future__ import annotations

import tempfile
from pathlib import Path

import av
import numpy as np
import pytest

from tsuzuki.frame import Rgb
from tsuzuki.video.colour import colour_of, to_rgb
from tsuzuki.video.vmaf import LEAST_SIDE, Vmaf, can_judge, has_vmaf

COLOURS = {
    name: colour_of(name, 1280, 720, tags=(1, 1, 1, 1), location=1)
    for name in ("yuv420p", "yuv420p10le")
}
needs_vmaf = pytest.mark.skipif(
    not has_vmaf(), reason=f"FFmpeg of PyAV {av.__version__} has no libvmaf; from 19 on it has"
)


def frames(form: str) -> list[Rgb]:
    """Return blurred noise that moves."""
    white = COLOURS[form].white
    small = np.random.default_rng(5).integers(0, 255, (3, 20, 32))
    smooth = small.repeat(8, axis=1).repeat(8, axis=2).astype(float)
    for axis in (1, 2):
        smooth = sum(np.roll(smooth, shift, axis) for shift in range(8)) / 8
    kind = np.uint8 if white < 256 else np.uint16
    return [np.roll(smooth * white / 255, 2 * n, axis=2).astype(kind) for n in range(5)]


def scores(form: str, amount: float) -> list[float]:
    grain, white = np.random.default_rng(1), COLOURS[form].white
    with Vmaf(256, 160, COLOURS[form]) as vmaf:
        for one in frames(form):
            noisy = one + grain.normal(0, amount * white, one.shape)
            vmaf.add(one, noisy.clip(0, white).astype(one.dtype))
        return vmaf.finish()


def test_whether_it_can_be_measured_depends_on_the_build() -> None:
    assert has_vmaf() == ("libvmaf" in av.filter.filters_available)


def test_small_pictures_are_not_judged() -> None:
    assert not can_judge(LEAST_SIDE - 1, 480)
    assert not can_judge(640, LEAST_SIDE - 1)


@needs_vmaf
def test_the_smallest_pictures_that_are_judged() -> None:
    assert can_judge(LEAST_SIDE, LEAST_SIDE)
    grain = np.random.default_rng(5).integers(0, 255, (3, LEAST_SIDE, LEAST_SIDE), np.uint8)
    with Vmaf(LEAST_SIDE, LEAST_SIDE, COLOURS["yuv420p"]) as vmaf:
        vmaf.add(grain, grain)
        assert len(vmaf.finish()) == 1


@needs_vmaf
@pytest.mark.parametrize("form", COLOURS)
def test_it_falls_with_the_difference(form: str) -> None:
    same, near, far = (np.mean(scores(form, amount)) for amount in (0, 0.02, 0.1))
    assert same > 95
    assert same > near > far
    assert far < same - 10


@needs_vmaf
def test_every_frame_has_its_score_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = scores("yuv420p", 0.02)
    assert len(found) == 5
    assert found == scores("yuv420p", 0.02)
    with Vmaf(256, 160, COLOURS["yuv420p"]) as unused:
        assert unused.finish() == []
    assert list(tmp_path.iterdir()) == []


@needs_vmaf
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_light_is_what_the_decoder_gave(matrix: int) -> None:
    colour = colour_of("yuv444p", 1280, 720, tags=(matrix, 1, 1, 1))
    source = av.VideoFrame(256, 160, "yuv444p")
    shades = np.random.default_rng(2).integers(110, 145, (3, 160, 256), np.uint8)
    for plane, samples in zip(source.planes, shades, strict=True):
        plane.update(samples.tobytes())
    with Vmaf(256, 160, colour) as vmaf:
        frame = vmaf._frame(to_rgb(source, colour))
    light = np.frombuffer(bytes(frame.planes[0]), np.uint8).reshape(160, -1)[:, :256]
    assert np.abs(light.astype(int) - shades[0]).max() <= 1
