"""Alpha out of, and into, frames of every layout."""

from __future__ import annotations

import av
import numpy as np
import pytest

from tsuzuki.video.alpha import alpha_of, has_alpha, over_black, set_alpha

FORMATS = {
    "yuva420p": 8,
    "yuva422p": 8,
    "yuva444p10le": 10,
    "gbrap": 8,
    "gbrap10le": 10,
    "rgba": 8,
    "bgra": 8,
    "rgba64be": 16,
    "rgba64le": 16,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("depth", [8, 10, 16])
def test_what_is_written_is_read(name: str, depth: int) -> None:
    own = FORMATS[name]
    kind = np.uint8 if depth == 8 else np.uint16
    alpha = np.linspace(0, (1 << depth) - 1, 47 * 13).astype(kind).reshape(1, 13, 47)
    frame = av.VideoFrame(47, 13, name)
    set_alpha(frame, alpha, depth)  # type: ignore[arg-type]
    read = alpha_of(frame)
    assert read.dtype == (np.uint8 if own == 8 else np.uint16)
    shares = read / ((1 << own) - 1) - alpha / ((1 << depth) - 1)
    assert np.abs(shares).max() <= 0.5001 / ((1 << own) - 1)
    set_alpha(frame, None, depth)
    assert (alpha_of(frame) == (1 << own) - 1).all()


@pytest.mark.parametrize("name", ["yuv420p", "rgb24", "gray", "yuv444p10le"])
def test_without_alpha_all_is_opaque(name: str) -> None:
    assert not has_alpha(name)
    deep = "10" in name
    assert (alpha_of(av.VideoFrame(8, 8, name)) == (1023 if deep else 255)).all()


def test_black_shows_through() -> None:
    rgb = np.full((3, 1, 3), 4080, np.uint16)
    alpha = np.array([[[0, 512, 1023]]], np.uint16)
    assert over_black(rgb, alpha, 10)[0, 0].tolist() == [0, 2042, 4080]
