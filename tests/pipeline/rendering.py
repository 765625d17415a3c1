"""The worker's renderer in this process, on one segment of a clip."""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from typing import Any

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.enlarge import Enlarger
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.render import Renderer
from tsuzuki.pipeline.spooler import Finished
from tsuzuki.sessions.layout import SessionPaths, number_of_upscaled
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor
from tsuzuki.video.decode import FrameReader

FRAMES, SPOOLED = 40, 20


class KilledError(Exception):
    """The worker is gone."""


class Bench:
    """A renderer on the drawn clip, whose messages are kept, and a folder for its session."""

    def __init__(self, clip: Path, folder: Path, **chosen: Any) -> None:
        settings = ProcessingSettings(**{"engine": "nearest", "preset": "ultrafast", **chosen})
        self.plan: Plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
        self.index = build_index(self.plan, lambda _: None)
        self.paths = SessionPaths(folder / "sessions", "0" * 12)
        for path in self.paths.folders:
            path.mkdir(parents=True)
        self.told: list[m.Message] = []

    def spool(self, frames: int = SPOOLED) -> None:
        files = FrameFiles(self.paths, self.plan, keep_frames=False, on_damage=print)
        white = self.plan.probe.colour.white
        enlarger = Enlarger(AIProcessor(self.plan.upscaling), white)
        enlarger.begin()
        for frame in FrameReader(self.plan.probe, self.index).frames(0, frames):
            enlarger.look(frame.rgb)
            files.write_upscaled([Finished(frame.number, enlarger.start(0)(), 0.1)])

    def damage(self, frame: int) -> None:
        path = self.paths.upscaled_frame(frame + 1, "nut")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    def render(
        self, upscaled: list[int], accepted: tuple[int, ...] = (), *, frames: int = FRAMES
    ) -> m.SegmentRendered:
        told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        renderer = Renderer(self._job(accepted), told.put, told.put)
        renderer.submit(m.Render(segment=1, first=0, last=frames, upscaled=upscaled))
        self.told = []
        while not isinstance(message := told.get(timeout=30), m.SegmentRendered):
            if isinstance(message, BaseException):
                raise message
            self.told.append(message)
        return message

    def kill_after(self, frame: int, upscaled: list[int], *, frames: int = FRAMES) -> None:
        """Render with every frame spooled, up to the moment at which this one is safe."""
        over = threading.Event()

        def send(message: m.Message) -> None:
            if isinstance(message, m.Spooled) and frame in message.frames:
                over.set()
            if over.is_set():
                raise KilledError  # which ends the thread that tells something

        renderer = Renderer(self._job(loss_budget=0.0), send, lambda _: None)
        renderer.submit(m.Render(segment=1, first=0, last=frames, upscaled=upscaled))
        assert over.wait(30)

    def on_disk(self) -> list[int]:
        """Return the frames that lie spooled."""
        names = (path.name for path in self.paths.folder.rglob("*"))
        found = (number_of_upscaled(name) for name in names)
        return sorted(number - 1 for number in found if number is not None)

    def _job(self, accepted: tuple[int, ...] = (), loss_budget: float = 3600.0) -> m.Open:
        return m.Open(
            session_id=self.paths.session_id,
            root=str(self.paths.root),
            plan=self.plan,
            index=self.index,
            keep_frames=False,
            loss_budget=loss_budget,
            accepted=frozenset(accepted),
        )

    def done(self, *, computed: bool) -> list[int]:
        frames = [t for t in self.told if isinstance(t, m.FrameDone)]
        return [frame.frame for frame in frames if frame.computed is computed]
