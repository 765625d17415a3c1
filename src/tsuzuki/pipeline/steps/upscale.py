"""Render the segments that are not sealed, and seal them."""

from __future__ import annotations

from collections import deque

from tsuzuki.pipeline import events
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.meter import Meter
from tsuzuki.pipeline.plan import Segment
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.supervisor import WorkerRestartedError

SEGMENTS_AHEAD = 2
"""Segments asked for at once, so that the worker always has the next one at hand."""


def is_done(run: Run) -> bool:
    """Tell whether every segment is sealed."""
    return all(run.store.is_sealed(segment) for segment in run.segments)


def upscale(run: Run) -> None:
    """Seal every segment that is not sealed yet."""
    run.open_worker()
    work = _Upscaling(run)
    run.on_report = work.handle  # also for what the worker says while it is being stopped
    work.until_done()


class _Upscaling:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._store = run.store
        self._todo: deque[Segment] = deque()
        self._asked: dict[int, Segment] = {}
        for segment in run.segments:
            if self._store.is_sealed(segment):
                self._store.drop_frames(segment)
            else:
                self._todo.append(segment)
        open_frames = sum(map(len, self._todo))
        self._meter = Meter(len(run.index) - open_frames, len(run.index))

    def until_done(self) -> None:
        """Ask, listen and commit until nothing is left to do."""
        while self._todo or self._asked:
            try:
                self._ask_ahead()
                self.handle(self._run.supervisor.receive())
            except WorkerRestartedError:
                self._todo.extendleft(reversed(self._asked.values()))
                self._asked.clear()
                self._meter.done = len(self._run.index) - sum(map(len, self._todo))

    def handle(self, message: m.Message) -> None:
        """Act on a report of the worker."""
        match message:
            case m.FrameDone():
                self._count(message)
            case m.Spooled():
                self._keep(message.frames)
            case m.SegmentRendered():
                self._seal(self._asked.pop(message.segment), message)
            case _:
                self._run.note(message)

    def _ask_ahead(self) -> None:
        while self._todo and len(self._asked) < SEGMENTS_AHEAD:
            segment = self._todo.popleft()
            self._asked[segment.number] = segment
            self._run.supervisor.send(
                m.Render(
                    segment=segment.number,
                    first=segment.first,
                    last=segment.last,
                    upscaled=self._store.frames_of(segment),
                )
            )

    def _count(self, done: m.FrameDone) -> None:
        if done.computed:
            self._run.frames_computed += 1
            self._run.frames_reused += done.reused
            remembered = self._run.remembered("upscale")
            remembered["reached"] = max(remembered.get("reached", 0), done.frame + 1)
        self._meter.add(computed=done.computed)
        self._run.progress("upscale", self._meter)

    def _keep(self, frames: list[int]) -> None:
        self._store.add_frames(frames)
        self._run.frames_safe(frames)
        self._run.emit(
            events.FramesSpooled(
                session_id=self._run.session_id, first=frames[0] + 1, last=frames[-1] + 1
            )
        )
        for number in {self._run.segment_of(frame).number for frame in frames}:
            segment = self._run.segments[number - 1]
            if number not in self._asked and self._store.is_sealed(segment):
                self._store.drop_frames(segment)  # written while their segment was being sealed

    def _seal(self, segment: Segment, rendered: m.SegmentRendered) -> None:
        self._store.seal(segment, rendered, self._run.plan, self._run.identity_digest)
        self._run.supervisor.send(m.Committed(last=segment.last))
        self._run.frames_safe(segment.frames)
        self._store.drop_frames(segment)
        self._run.emit(
            events.SegmentSealed(
                session_id=self._run.session_id,
                segment=segment.number,
                first=segment.first + 1,
                last=segment.last,
                size=rendered.size,
                frames_computed=rendered.frames_computed,
                reused=rendered.reused,
            )
        )
