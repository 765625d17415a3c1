"""Frames through the network, several side by side where that is faster.

Within a frame, cores wait for one another at the end of every layer; in frames of their own they
do not. Measured with upconv_7 on frames of 320x180 and two cores: 1.07 to 1.15 times the speed.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from tsuzuki.pipeline.plan import Plan
from tsuzuki.upscaling import AIProcessor
from tsuzuki.upscaling.ncnn import usable_cores
from tsuzuki.video.decode import Frame
from tsuzuki.video.facts import Rgb

TRIED = 3
"""Frames computed one after another at first, to learn how long one takes; the first is slow."""


class Computed(NamedTuple):
    """What came out of the network, and the share of the cores' time that it took."""

    rgb: Rgb
    seconds: float


class Upscaler:
    """Starts frames and promises their results.

    The network is loaded with the first frame. Frames in work are lost by a kill: there are several
    only where they take no longer together than ``at_stake``, in seconds, by the time that all
    cores took for one of the first frames.
    """

    def __init__(self, plan: Plan, *, at_stake: float) -> None:
        self._plan = plan.upscaling
        self._white = plan.probe.colour.white
        self._at_stake = at_stake
        self._processor: AIProcessor | None = None
        self._tried: list[float] = []
        self._pool: ThreadPoolExecutor | None = None
        self._free = threading.Semaphore(0)
        self.side_by_side = 1

    def start(self, frame: Frame) -> Future[Computed]:
        """Compute a frame, after waiting until one of ``side_by_side`` is free again."""
        if self._pool is None:
            return self._try(frame)
        self._free.acquire()
        assert self._processor is not None, "the first frames load it"
        return self._pool.submit(self._compute, self._processor, frame)

    def taken(self) -> None:
        """Say that a result is in other hands, so that another frame may start."""
        self._free.release()

    def _try(self, frame: Frame) -> Future[Computed]:
        """Compute one of the first frames here and now."""
        if self._processor is None:
            self._processor = AIProcessor(self._plan)
        else:
            self._free.acquire()
        future: Future[Computed] = Future()
        future.set_result(computed := self._compute(self._processor, frame))
        self._tried.append(computed.seconds)
        if len(self._tried) == TRIED:
            self._go_side_by_side(self._processor)
        return future

    def _go_side_by_side(self, processor: AIProcessor) -> None:
        self.side_by_side = self._choose(processor.frames_at_once, min(self._tried))
        if self.side_by_side > 1:
            processor.close()
            threads = usable_cores() // self.side_by_side
            self._processor = AIProcessor(self._plan, threads=threads)
        self._pool = ThreadPoolExecutor(self.side_by_side, thread_name_prefix="upscale")
        for _ in range(self.side_by_side - 1):  # the last one tried is not taken yet
            self._free.release()

    def _choose(self, fits: int, seconds: float) -> int:
        """Return how many frames to have in work: a divisor of the number of cores."""
        cores = usable_cores()
        good = (n for n in range(2, cores + 1) if cores % n == 0 and n <= fits)
        return max((n for n in good if n * seconds <= self._at_stake), default=1)

    def _compute(self, processor: AIProcessor, frame: Frame) -> Computed:
        begin = time.perf_counter()
        rgb = processor.process_frame(frame.rgb, self._white, frame.number + 1)
        return Computed(rgb, (time.perf_counter() - begin) / self.side_by_side)
