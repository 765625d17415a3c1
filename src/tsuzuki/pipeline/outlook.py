"""What a video will be like to work on, from a few of its frames, spread over it."""

from __future__ import annotations

import io
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from statistics import fmean
from typing import NamedTuple

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.enlarge import Enlarger, reused_share
from tsuzuki.pipeline.jobs import build_index
from tsuzuki.pipeline.plan import Plan, cut_segments
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.sessions.pace import MAX_PLACES, Pace, Work, equal_parts
from tsuzuki.upscaling import AIProcessor, Changes
from tsuzuki.video.framing import Reader
from tsuzuki.video.processor import VideoProcessor

DISTANCE = 16
"""Frames between two places at least."""
TRIALS, TRIAL_FRAMES = 4, 3
"""Places where frames are upscaled for a trial, and how many after the first one in each."""


class Effort(NamedTuple):
    """How much is done to look ahead."""

    frames: int
    """Looked at in each place, beside the one before them: drawn animation often shows each picture
    for two or three frames."""
    run_up: int
    """Frames decoded at most to get to a part that has no decoding start of its own."""
    seconds_per_frame: float
    """Processor time, by the length of the video."""
    max_seconds: float
    """Processor time, however long the video is."""


QUICK = Effort(3, 16, 0.0005, 1.0)
"""Before anything is known of how long the work takes."""
THOROUGH = Effort(6, 160, 0.005, 10.0)
"""Where that is what somebody waits for, or nothing beside the work."""


def look_ahead(plan: Plan, index: FrameIndex, seconds: float | None = None) -> m.Outlook:
    """Tell how much of the area has to be computed in each part of the video.

    It looks closely for at most so many ``seconds`` of processor time; None is a glance.

    Nothing is computed but what has changed from frame to frame. Parts that there is no time for,
    or that take long to get to, are taken to be like those beside them.
    """
    if plan.upscaling.reuse is None:
        return m.Outlook(shares=[], seen=1.0)
    reader = VideoProcessor(plan.probe, plan.settings, plan.framing).reader(index)
    parts = max(1, min(MAX_PLACES, len(index) // DISTANCE))
    effort = QUICK if seconds is None else THOROUGH
    allowed = min(effort.max_seconds, effort.seconds_per_frame * len(index))
    if seconds is not None:
        allowed = min(allowed, seconds)
    deadline = time.thread_time() + allowed  # of this thread: others render meanwhile
    found: dict[int, float] = {}
    for part in _spread(parts):
        first, last = (len(index) * border // parts for border in (part, part + 1))
        begin = _place(index, first, last, effort)
        if begin is None:
            continue
        shares = []
        for share in _shares(plan, reader, begin, min(begin + effort.frames + 1, len(index))):
            if time.thread_time() > deadline:
                return _outlook(parts, found)
            shares.append(share)
        if shares:
            found[part] = fmean(shares)
    return _outlook(parts, found)


def _outlook(parts: int, found: Mapping[int, float]) -> m.Outlook:
    """Return what was found, and for the other parts what is nearest."""
    if not found:
        return m.Outlook(shares=[], seen=0.0)
    nearest = [min(found, key=lambda known: abs(known - part)) for part in range(parts)]
    return m.Outlook(shares=equal_parts(found[part] for part in nearest), seen=len(found) / parts)


def try_out(plan: Plan, on_progress: Callable[[float], None]) -> m.TriedOut:
    """Look ahead, and upscale and encode a few frames to see how long that takes."""
    index = build_index(plan, lambda _: None)
    outlook = look_ahead(plan, index, math.inf)
    pace = Pace(total=len(index), shares=outlook.shares, seen=outlook.seen)
    trial = _Trial(plan, index)
    try:
        for number in range(TRIALS + 1):
            place = len(index) * max(0, 2 * number - 1) // (2 * TRIALS)
            begin = index.start_of(place).frame
            timed = trial.run(begin, min(begin + TRIAL_FRAMES + 1, len(index)))
            if number:  # the first time, caches are cold
                for frame, (work, seconds) in enumerate(timed, begin):
                    pace.add(work, pace.expect(frame, first=frame == begin))
                    pace.add_timed(work, seconds)
            on_progress((number + 1) / (TRIALS + 1))
    finally:
        trial.close()
    segments = cut_segments(index, plan.segment_frames)
    area = sum(pace.expect(f, first=f == one.first) for one in segments for f in one.frames)
    return m.TriedOut(pace=pace, work=Work(len(index), area))


class _Trial:
    """Upscales and encodes frames, and keeps none."""

    def __init__(self, plan: Plan, index: FrameIndex) -> None:
        self._encoding = plan.encoding
        self._video = VideoProcessor(plan.probe, plan.settings, plan.framing)
        self._reader = self._video.reader(index)
        self._enlarger = Enlarger(AIProcessor(plan.upscaling), plan.probe.colour.white)
        self.close = self._enlarger.close

    def run(self, first: int, last: int) -> list[tuple[Work, float]]:
        """Return the work of each frame from first to last, and its seconds.

        The encoder runs beside the network, so that its processor time counts, on all cores.
        """
        encoder = self._video.encoder(self._encoding, io.BytesIO())
        found: list[tuple[Work, float]] = []
        encoding = 0.0
        self._enlarger.begin()
        for frame in self._reader.frames(first, last):
            began = time.perf_counter()
            reused = self._enlarger.look(frame.rgb)
            rgb = self._enlarger.start(frame.number + 1)()
            found.append((Work(1, 1 - reused), time.perf_counter() - began))
            encoding -= time.process_time()
            encoder.write(rgb)
            encoding += time.process_time()
        encoding -= time.process_time()
        encoder.close()
        encoding += time.process_time()
        each = encoding / (os.cpu_count() or 1) / len(found)
        return [(work, seconds + each) for work, seconds in found]


def _spread(count: int) -> Iterator[int]:
    """Yield 0 to ``count`` - 1, the first ones far apart: their bits are read backwards."""
    bits = max(1, (count - 1).bit_length())
    for number in range(1 << bits):
        place = int(f"{number:0{bits}b}"[::-1], 2)
        if place < count:
            yield place


def _place(index: FrameIndex, first: int, last: int, effort: Effort) -> int | None:
    """Return where to begin in a part: a decoding start in it, else its first frame.

    None where that takes too long to get to.
    """
    start = index.start_of(max(first, last - 1 - effort.frames)).frame
    if start >= first:
        return start
    return first if first - start <= effort.run_up else None


def _shares(plan: Plan, reader: Reader, first: int, last: int) -> Iterator[float]:
    """Yield the share of the area to compute of the frames after the first."""
    assert plan.upscaling.reuse is not None
    changes = Changes(plan.upscaling.reuse, plan.probe.colour.white)
    for number, frame in enumerate(reader.frames(first, last)):
        parts = changes.look(frame.rgb)
        if number:
            yield 1.0 - reused_share(parts, frame.rgb)
