from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest

from tsuzuki import pipeline
from tsuzuki.errors import Cancelled
from tsuzuki.pipeline import Result, events

FRAMES = 96
"""Eight segments of twelve frames."""


def draw_clip(path: Path, frames: int = FRAMES, *, sound: bool = True) -> Path:
    """Write a clip whose every frame shows its own number as bars, with a tone."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=24, options={"g": "16", "bf": "2"})
        video.width, video.height, video.pix_fmt = 96, 54, "yuv420p"
        audio: Any = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        for number in range(frames):
            picture = np.full((54, 96, 3), 32, np.uint8)
            for bit in range(8):
                if number >> bit & 1:
                    picture[10:44, 4 + 11 * bit : 12 + 11 * bit] = 224
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            for block in range(frames * 2000 // 1024):
                wave = np.sin(np.arange(1024) / 30 + block).astype(np.float32)[None] * 0.2
                tone = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                tone.sample_rate, tone.pts = 48000, block * 1024
                container.mux(audio.encode(tone))
            container.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_clip(tmp_path_factory.mktemp("drawn") / "clip.mp4")


@pytest.fixture
def clip(drawn: Path, tmp_path: Path) -> Path:
    """A copy of the drawn clip in the test's own folder."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(drawn.read_bytes())
    return path


class Runner:
    """Runs the pipeline on one clip with quick settings, and remembers the events."""

    settings: ClassVar[dict[str, Any]] = {
        "engine": "nearest",
        "encoder": "x264",
        "preset": "ultrafast",
        "segment_frames": 12,
    }

    def __init__(self, clip: Path, folder: Path) -> None:
        self.clip = clip
        self.output = folder / "out.mp4"
        self.sessions = folder / "sessions"
        self.events: list[events.Event] = []

    def __call__(
        self,
        *,
        on_event: Callable[[events.Event], None] = lambda _: None,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> Result:
        self.events = []

        def listen(event: events.Event) -> None:
            self.events.append(event)
            on_event(event)

        return pipeline.upscale(
            options.pop("clip", self.clip),
            {**self.settings, **(settings or {})},
            output=options.pop("output", self.output),
            on_event=listen,
            sessions_dir=self.sessions,
            **options,
        )

    def stop_after(self, kind: type[events.Event], count: int = 1, **options: Any) -> None:
        """Run until the ``count``-th event of a kind, then stop as Ctrl-C would."""
        cancel = threading.Event()
        seen = 0

        def watch(event: events.Event) -> None:
            nonlocal seen
            seen += isinstance(event, kind)
            if seen >= count:
                cancel.set()

        with pytest.raises(Cancelled):
            self(on_event=watch, cancel=cancel, **options)

    @property
    def session_id(self) -> str:
        return self.events[-1].session_id

    @property
    def folder(self) -> Path:
        return self.sessions / self.session_id

    def digest(self) -> str:
        return hashlib.sha256(self.output.read_bytes()).hexdigest()

    def of(self, kind: type[events.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def run(clip: Path, tmp_path: Path) -> Runner:
    return Runner(clip, tmp_path)


@pytest.fixture(scope="session")
def golden(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the output of an uninterrupted run."""
    run = Runner(drawn, tmp_path_factory.mktemp("golden"))
    run()
    return run.digest()
