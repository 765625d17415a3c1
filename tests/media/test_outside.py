"""What other programs say of what each encoder makes, in each container that takes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.media.outside import complaints

from tsuzuki import pipeline

pytestmark = pytest.mark.usefixtures("forked_workers")

MADE = {
    "x264": ("mp4", "mov", "mkv"),
    "x265": ("mp4", "mov", "mkv"),
    "svt-av1": ("mp4", "mkv", "webm"),
    "vp9": ("mp4", "mkv", "webm"),
    "prores": ("mov", "mkv"),
    "ffv1": ("mkv",),
}
PRESETS = {"x264": "ultrafast", "x265": "ultrafast", "svt-av1": "12", "vp9": "5"}

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="there is no ffmpeg")


@needs_ffmpeg
@pytest.mark.parametrize(
    ("encoder", "container"), [(one, kind) for one, kinds in MADE.items() for kind in kinds]
)
def test_other_programs_find_no_fault(
    draw_clip: Callable[..., Path], tmp_path: Path, encoder: str, container: str
) -> None:
    settings: dict[str, Any] = {"engine": "nearest", "encoder": encoder, "segment_frames": 12}
    settings |= {"preset": PRESETS.get(encoder)}
    clip = draw_clip(tmp_path / "clip.mp4", 26, sound=container != "webm")  # which holds no AAC
    output = tmp_path / f"out.{container}"
    pipeline.upscale(clip, settings, output=output, sessions_dir=tmp_path / "s", allow_sleep=True)
    assert complaints(output) == ""


@needs_ffmpeg
def test_they_do_find_faults(draw_clip: Callable[..., Path], tmp_path: Path) -> None:
    data = bytearray(draw_clip(tmp_path / "clip.mp4", 26).read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    (tmp_path / "broken.mp4").write_bytes(data)
    assert complaints(tmp_path / "broken.mp4")
