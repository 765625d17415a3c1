"""A worker that has done everything already."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from tsuzuki.pipeline import messages as m
from tsuzuki.sessions.layout import SPOOLED, SessionPaths

FRAME_SECONDS = 0.2
GROUP = 10
PART = 10_000


class InstantWorker:
    """Stands in for `WorkerProcess` and for its inbox.

    Says at once what a worker would say, with small files that are really there; ``clock[0]`` goes
    on by 0.2 s a frame.
    """

    pid = 0

    def __init__(self, paths: SessionPaths, clock: list[float]) -> None:
        self.inbox = self
        self.spent = self.worked = 0.0
        """Seconds, and the processor's seconds, that this stand-in took for itself."""
        self.parts: list[float] = []
        """The runner's seconds on the processor up to every ten-thousandth frame."""
        self._paths = paths
        self._clock = clock
        self._says: deque[Iterator[m.Message]] = deque()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(m.Report)

    def send(self, request: m.Message) -> None:
        """Take a request."""
        self._encoder.encode(request)
        if isinstance(request, m.Open):
            self._says.append(iter([m.Opened()]))
        elif isinstance(request, m.Render):
            self._says.append(self._render(request))

    def get(self, *, block: bool, timeout: float) -> Any:  # noqa: ARG002 - it never has to wait
        """Return the next message."""
        begin, begin_work = time.perf_counter(), time.thread_time()
        message = None
        while message is None:
            if not self._says:
                raise queue.Empty
            message = next(self._says[0], None)
            if message is None:
                self._says.popleft()
        data = self._encoder.encode(message)
        self.spent += time.perf_counter() - begin
        self.worked += time.thread_time() - begin_work
        return self._decoder.decode(data)

    def close(self, timeout: float = 0.0) -> None:
        """Do nothing: there is no process."""

    def _render(self, request: m.Render) -> Iterator[m.Message]:
        group: list[int] = []
        for frame in range(request.first, request.last):
            self._clock[0] += FRAME_SECONDS
            if frame % PART == 0:
                self.parts.append(time.process_time() - self.worked)
            yield m.FrameDone(frame=frame, seconds=FRAME_SECONDS, computed=True)
            group.append(frame)
            if len(group) == GROUP:
                for number in group:
                    self._paths.upscaled_frame(number + 1, SPOOLED).write_bytes(b"spooled")
                yield m.Spooled(frames=group)
                group = []
        temporary = self._paths.upscaled / f".segment.{request.segment:016x}.tmp"
        temporary.write_bytes(b"segment")
        yield m.SegmentRendered(
            segment=request.segment, temporary=str(temporary), size=7, sha256="0" * 64,
            frames_computed=request.last - request.first, failed=[],
            seconds={"decode": 1.0, "network": 1.0, "encode": 1.0}, reused=0.0,
        )  # fmt: skip
