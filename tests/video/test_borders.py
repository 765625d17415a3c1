from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki.video.borders import find_borders
from tsuzuki.video.facts import Crop
from tsuzuki.video.probe import probe

WIDTH, HEIGHT, FRAMES = 160, 120, 96
Draw = Callable[[int, np.ndarray], None]
NOISE = np.random.default_rng(5).integers(40, 255, (HEIGHT // 4, WIDTH // 4, 3), np.uint8)
NOISE = NOISE.repeat(4, axis=0).repeat(4, axis=1)


def make(path: Path, draw: Draw, *, keys: int = 8, codec: str = "libx264") -> Path:
    """Encode frames of noise in analogue black, over which ``draw`` may draw."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            codec, rate=24, options={"preset": "veryfast", "crf": "10"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = keys
        grain = np.random.default_rng(1)
        for number in range(FRAMES):
            picture = grain.integers(0, 8, (HEIGHT, WIDTH, 3), np.uint8)
            draw(number, picture)
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def window(crop: Crop, number: int, picture: np.ndarray) -> None:
    part = slice(crop.top, crop.top + crop.height), slice(crop.left, crop.left + crop.width)
    picture[part] = np.roll(NOISE, 3 * number, axis=1)[part]


@pytest.mark.parametrize(
    "crop",
    [
        Crop(160, 88, 0, 16),  # letterbox
        Crop(120, 120, 20, 0),  # pillarbox
        Crop(96, 72, 30, 28),  # both
        Crop(148, 120, 0, 0),  # on one side
    ],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.h264"])
def test_borders_are_found(tmp_path: Path, crop: Crop, name: str) -> None:
    path = make(tmp_path / name, lambda number, picture: window(crop, number, picture))
    found = find_borders(probe(path))
    assert found == crop == find_borders(probe(path))


def test_an_odd_border_keeps_the_whole_picture(tmp_path: Path) -> None:
    odd = Crop(151, 101, 5, 13)
    path = make(tmp_path / "odd.mp4", lambda number, picture: window(odd, number, picture))
    found = find_borders(probe(path))
    assert found is not None
    assert all(side % 2 == 0 for side in found)
    assert (found.left, found.top) == (4, 12)
    assert (found.left + found.width, found.top + found.height) == (156, 114)


def test_a_picture_without_borders_has_none(tmp_path: Path) -> None:
    whole = Crop(WIDTH, HEIGHT, 0, 0)
    path = make(tmp_path / "whole.mp4", lambda number, picture: window(whole, number, picture))
    assert find_borders(probe(path)) is None


def test_dark_scenes_do_not_make_borders(tmp_path: Path) -> None:
    def draw(number: int, picture: np.ndarray) -> None:
        part = Crop(WIDTH, HEIGHT, 0, 0) if number % 32 < 20 else Crop(60, 60, 40, 20)
        window(part, number, picture)

    assert find_borders(probe(make(tmp_path / "dark.mp4", draw))) is None


def test_subtitles_keep_their_border(tmp_path: Path) -> None:
    def draw(number: int, picture: np.ndarray) -> None:
        window(Crop(160, 80, 0, 20), number, picture)
        if number > 60:
            picture[104:112, 60:100] = 255

    assert find_borders(probe(make(tmp_path / "text.mp4", draw))) == Crop(160, 92, 0, 20)


@pytest.mark.parametrize("shown", [Crop(0, 0, 0, 0), Crop(40, 8, 60, 56)])
def test_black_and_a_few_words_on_black_are_left_alone(tmp_path: Path, shown: Crop) -> None:
    path = make(tmp_path / "black.mp4", lambda number, picture: window(shown, number, picture))
    assert find_borders(probe(path)) is None


def test_one_key_frame_is_enough_to_look_at_the_whole_film(tmp_path: Path) -> None:
    def draw(number: int, picture: np.ndarray) -> None:
        window(Crop(160, 88, 0, 16) if number < 48 else Crop(160, 120, 0, 0), number, picture)

    path = make(tmp_path / "long.mkv", draw, keys=FRAMES)
    assert find_borders(probe(path)) is None
    assert find_borders(probe(path), end=Fraction(3, 2)) == Crop(160, 88, 0, 16)
    assert find_borders(probe(path), Fraction(5, 2)) is None


@pytest.mark.parametrize(
    ("name", "crop"),
    [
        ("bbb_180p_20s.mp4", None),
        ("elf_live_action.mp4", Crop(704, 480, 8, 0)),
        ("androidx_long_1080p_lowbitrate.mp4", None),
    ],
)
def test_real_clips(media: Path, name: str, crop: Crop | None) -> None:
    assert find_borders(probe(media / name)) == crop
