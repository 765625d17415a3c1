from __future__ import annotations

import math
from pathlib import Path

import pytest

from tsuzuki.errors import InputNotFoundError, SettingsError
from tsuzuki.pipeline.quality import measure
from tsuzuki.settings import ProcessingSettings

SETTINGS = {"model": "waifu2x-upconv7-anime-2x-n1", "device": "cpu", "range_end": 1}


@pytest.fixture
def forked_workers() -> None:
    """Not here: threads of a network may not work in a copy of a process."""


def test_every_frame_with_reuse_is_compared_with_the_one_without(clip: Path) -> None:
    done: list[float] = []
    found = measure(clip, ProcessingSettings.from_dict(SETTINGS), done.append)
    assert found.frames == 24
    assert 0.1 < found.reused < 0.9
    assert 50 < found.worst_psnr <= found.mean_psnr
    assert 0.99 < found.worst_ssim <= found.mean_ssim <= 1.0
    assert 1 <= found.worst_frame <= 24
    assert done == sorted(done)
    assert done[-1] == 1.0


def test_some_frames_of_the_same_run_may_be_compared(clip: Path) -> None:
    settings = ProcessingSettings.from_dict(SETTINGS)
    every = measure(clip, settings, lambda _: None)
    some = measure(clip, settings, lambda _: None, every=5)
    assert some.frames == 4
    assert some.reused == every.reused, "all are computed with reuse"
    assert some.worst_frame % 5 == 0
    assert some.worst_psnr >= every.worst_psnr
    assert measure(clip, settings, lambda _: None, every=100).frames == 1


def test_exact_gives_what_was_there_but_for_roundings(clip: Path) -> None:
    settings = ProcessingSettings.from_dict({**SETTINGS, "reuse": "exact"})
    found = measure(clip, settings, lambda _: None)
    assert found.worst_psnr > 75 or math.isinf(found.worst_psnr)


def test_without_reuse_there_is_nothing_to_compare(clip: Path) -> None:
    settings = ProcessingSettings.from_dict({**SETTINGS, "reuse": "off"})
    with pytest.raises(SettingsError, match="no difference"):
        measure(clip, settings, lambda _: None)


def test_what_opening_the_video_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError):
        measure(tmp_path / "none.mp4", ProcessingSettings.from_dict(SETTINGS), lambda _: None)
