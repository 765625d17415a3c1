from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki.video.decode import Frame
from tsuzuki.video.probe import probe

OPEN_GOP = {
    "preset": "ultrafast",
    "threads": "1",
    "x264-params": "open-gop=1:bframes=3:keyint=24:min-keyint=24:scenecut=0:log-level=none",
}
IDR = {"preset": "ultrafast", "threads": "1", "g": "24", "x264-params": "bframes=2:scenecut=0"}

CLIPS: dict[str, tuple[str, dict[str, str], str]] = {
    "open.mp4": ("libx264", OPEN_GOP, "yuv420p"),
    "open.ts": ("libx264", OPEN_GOP, "yuv420p"),
    "open.avi": ("libx264", OPEN_GOP, "yuv420p"),
    "idr.mkv": ("libx264", IDR, "yuv420p"),
    "woven.ts": ("libx264", IDR | {"flags": "+ildct+ilme"}, "yuv420p"),
    "raw.h264": ("libx264", OPEN_GOP, "yuv420p"),
    "crowded.mpg": ("mpeg2video", {"g": "15", "bf": "2"}, "yuv420p"),
    "old.avi": ("mpeg4", {"g": "24", "bf": "2"}, "yuv420p"),
    "hidden.webm": ("libvpx-vp9", {"g": "24", "cpu-used": "8", "lag-in-frames": "16"}, "yuv420p"),
    "deep.mkv": ("ffv1", {}, "yuv422p10le"),
    "intra.mov": ("prores_ks", {}, "yuv422p10le"),
}
"""Kinds of clips: codec, options, pixel format."""

FRAMES = 400
"""Some starts lie beyond the packets that are counted rather than sought."""


def encode(
    path: Path,
    codec: str,
    options: dict[str, str],
    pixel_format: str,
    times: Iterable[int] = range(FRAMES),
    size: tuple[int, int] = (64, 48),
) -> Path:
    noise = np.random.default_rng(3).integers(0, 255, (250, 300, 3), np.uint8)
    width, height = size
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        if "bf" in options:
            stream.codec_context.max_b_frames = int(options["bf"])
        for number, pts in enumerate(times):
            top, left = number % 100, 2 * number % 200
            view = noise[top : top + height, left : left + width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(view))
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., Path]:
    """Encode a clip of noise that moves; every frame differs from every other."""
    return encode


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the clip of `CLIPS` with this name, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("clips")

    def get(name: str) -> Path:
        path = folder / name
        return path if path.exists() else encode(path, *CLIPS[name])

    return get


@pytest.fixture(scope="session", params=CLIPS)
def any_clip(request: pytest.FixtureRequest, clip: Callable[[str], Path]) -> Any:
    """The probe of each kind of clip."""
    return probe(clip(request.param))


@pytest.fixture(scope="session")
def digests() -> Callable[[Iterable[Frame]], list[tuple[int, str, bool]]]:
    """Make frames comparable: number, digest of the samples, failed."""

    def digest(frames: Iterable[Frame]) -> list[tuple[int, str, bool]]:
        return [(f.number, hashlib.sha256(f.rgb.tobytes()).hexdigest(), f.failed) for f in frames]

    return digest
