"""Transparency from source to output: kept to the value, dropped when asked, never lost unasked."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.pipeline.conftest import Runner

from tsuzuki.errors import SettingsError
from tsuzuki.pipeline import events
from tsuzuki.upscaling.resample import bicubic
from tsuzuki.video.alpha import alpha_decoder, alpha_of

COUNT, WIDTH, HEIGHT = 30, 48, 36
SOURCES = {
    "vp9.webm": ("libvpx-vp9", "yuva420p", {"lossless": "1"}),
    "ffv1.mkv": ("ffv1", "yuva444p10le", {}),
    "rgba.mkv": ("ffv1", "bgra", {}),
    "prores.mov": ("prores_ks", "yuva444p10le", {"profile": "4444"}),
    "a.apng": ("apng", "rgba", {}),
}
KEEPING = [("ffv1", "mkv"), ("prores", "mov"), ("vp9", "webm"), ("vp9", "mkv"), ("png", "png")]


def shape_of(number: int) -> NDArray[np.uint8]:
    """The alpha of a frame: a soft slope that moves, with nothing to the left and all to the right.

    The colours do not move, so that frames are taken over from the ones before.
    """
    columns = np.arange(WIDTH)[None].repeat(HEIGHT, 0)
    return np.clip((columns - number) * 16, 0, 255).astype(np.uint8)


def make_source(path: Path) -> Path:
    codec, form, options = SOURCES[path.name]
    rows = np.arange(HEIGHT)[:, None].repeat(WIDTH, 1).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, form
        for number in range(COUNT):
            rgba = np.stack([rows * 5, rows * 3, 255 - rows, shape_of(number)], axis=-1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgba), "rgba")
            frame = frame.reformat(format=form)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alpha")
    for name in SOURCES:
        make_source(folder / name)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    runner = Runner(tmp_path / "unused", tmp_path)
    runner.settings = {"engine": "nearest", "segment_frames": 12}  # type: ignore[misc]
    return runner


def alphas(path: Path) -> list[NDArray[np.float64]]:
    """Return the alpha of every frame as a player decodes it, 0 to 1."""
    if path.is_dir():
        return [alpha for file in sorted(path.iterdir()) for alpha in alphas(file)]
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder: Any = alpha_decoder(stream) or stream.codec_context
        for packet in container.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                alpha = alpha_of(frame)
                deep = 10 if "10" in frame.format.name else 16
                found.append(alpha[0] / (255.0 if alpha.dtype == np.uint8 else 2.0**deep - 1))
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_keeps_its_alpha(
    run: Runner, sources: Path, tmp_path: Path, source: str
) -> None:
    run(clip=sources / source, output=tmp_path / "out.mkv", settings={"encoder": "ffv1"})
    made = alphas(tmp_path / "out.mkv")
    assert len(made) == COUNT
    for number, alpha in enumerate(made):
        wanted = bicubic(shape_of(number)[None].astype(np.float32), 2 * WIDTH, 2 * HEIGHT)[0]
        assert np.abs(alpha - np.clip(wanted / 255, 0, 1)).max() < 0.006


@pytest.mark.parametrize(("encoder", "container"), KEEPING)
def test_every_keeping_output(
    run: Runner, sources: Path, tmp_path: Path, encoder: str, container: str
) -> None:
    output = tmp_path / ("out/%03d.png" if container == "png" else f"out.{container}")
    run(clip=sources / "rgba.mkv", output=output, settings={"encoder": encoder})
    made = alphas(output.parent if container == "png" else output)
    if container == "webm":
        assert b"\x53\xc0\x81\x01" in output.read_bytes()  # the element that browsers look at
    loss = 0.12 if encoder == "vp9" else 0.006
    assert len(made) == COUNT
    for number, alpha in enumerate(made):
        wanted = bicubic(shape_of(number)[None].astype(np.float32), 2 * WIDTH, 2 * HEIGHT)[0]
        assert np.abs(alpha - np.clip(wanted / 255, 0, 1)).max() < loss


@pytest.mark.parametrize(
    ("output", "settings"),
    [
        ("out.mkv", {}),
        ("out.mp4", {"encoder": "x265"}),
        ("out.mp4", {"encoder": "vp9"}),
        ("out.mov", {"encoder": "prores", "preset": "hq"}),
        ("out.mkv", {"encoder": "ffv1", "pixel_format": "yuv444p"}),
    ],
)
def test_it_is_refused_where_it_would_be_lost(
    run: Runner, sources: Path, tmp_path: Path, output: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError, match=r"transparency.*ffv1 \(in mkv\).*--alpha drop"):
        run(clip=sources / "rgba.mkv", output=tmp_path / output, settings=settings)
    assert not list(run.sessions.glob("*/progress.json"))


def test_dropped_it_is_shown_on_black(run: Runner, sources: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    run(clip=sources / "rgba.mkv", output=output, settings={"encoder": "ffv1", "alpha": "drop"})
    assert any("shown on black" in event.message for event in run.of(events.Warned))
    with av.open(str(output)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert frame[:, :2].max() == 0
    assert frame[0, -1].tolist() == [0, 0, 255]
    seen = shape_of(0)[0].repeat(2).astype(int)
    assert np.abs(frame[0, :, 2] - seen).max() <= 1


def test_an_animation_that_is_opaque_has_nothing_to_lose(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "a.apng"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("apng", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 36, "rgba"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((36, 48, 4), 255, np.uint8), "rgba")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert run(clip=path, output=tmp_path / "out.mp4").frames == 3


def test_a_transparent_picture_becomes_one(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    rgba = np.dstack([np.full((HEIGHT, WIDTH, 3), 200, np.uint8), shape_of(3)])
    with av.open(str(path), "w", format="image2") as container:
        stream: Any = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "rgba"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, "rgba")))
        container.mux(stream.encode(None))
    (alpha,) = alphas(run(clip=path, output=None).output)
    wanted = bicubic(shape_of(3)[None].astype(np.float32), 2 * WIDTH, 2 * HEIGHT)[0]
    assert np.abs(alpha - np.clip(wanted / 255, 0, 1)).max() < 0.006


@pytest.mark.parametrize("settings", [{}, {"keep_frames": True}, {"reuse": "off"}])
def test_the_same_bytes_after_a_stop(
    run: Runner, sources: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    chosen = {"encoder": "ffv1", **settings, "loss_budget": 0.0}
    run.output = tmp_path / "whole.mkv"
    run(clip=sources / "vp9.webm", settings=chosen)
    whole = run.digest()
    run.output = tmp_path / "out.mkv"
    run.stop_after(events.SegmentSealed, 1, clip=sources / "vp9.webm", settings=chosen)
    run(clip=sources / "vp9.webm", settings=chosen)
    assert run.of(events.SessionOpened)[0].resumed
    assert run.digest() == whole


def test_the_same_bytes_after_a_kill(run: Runner, sources: Path, tmp_path: Path) -> None:
    clip, chosen = sources / "rgba.mkv", {"encoder": "ffv1", "loss_budget": 0.0}
    run(clip=clip, output=tmp_path / "whole.mkv", settings=chosen)
    run.output = tmp_path / "out.mkv"
    arguments = ["upscale", str(clip), "-o", str(run.output), "--sessions-dir", str(run.sessions)]
    arguments += ["--encoder", "ffv1", "--engine", "nearest", "--segment-frames", "12"]
    with subprocess.Popen(
        [sys.executable, "-m", "tsuzuki", *arguments, "--loss-budget", "0"],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as victim:
        while victim.poll() is None and len(list(run.sessions.glob("*/upscaled/frame_*"))) < 5:
            time.sleep(0.005)
        os.killpg(victim.pid, signal.SIGKILL)
    assert not run.output.exists()
    run(clip=clip, settings=chosen)
    assert run.of(events.SessionOpened)[0].frames_done > 0
    assert run.digest() == hashlib.sha256((tmp_path / "whole.mkv").read_bytes()).hexdigest()
