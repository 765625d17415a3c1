from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tsuzuki import pipeline
from tsuzuki.errors import Cancelled
from tsuzuki.pipeline import Result, events

FRAMES = 96
"""Eight segments of twelve frames."""


@pytest.fixture(autouse=True)
def surroundings(forked_workers: None) -> None:
    """Workers are copies of this process, which is quick; `golden` comes of a real one.

    Where the process is the point, a module has a `forked_workers` of its own that does nothing.
    """


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory, draw_clip: Callable[..., Path]) -> Path:
    return draw_clip(tmp_path_factory.mktemp("drawn") / "clip.mp4", FRAMES)


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
