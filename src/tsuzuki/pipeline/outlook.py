"""What a video will be like to work on, from a few of its frames, spread over it."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from statistics import fmean

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.enlarge import Enlarger, reused_share
from tsuzuki.pipeline.jobs import build_index
from tsuzuki.pipeline.plan import Plan, cut_segments
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.sessions.pace import MAX_PLACES, Pace, Work, equal_parts
from tsuzuki.upscaling import AIProcessor, Changes
from tsuzuki.video.framing import Reader
from tsuzuki.video.processor import VideoProcessor

FRAMES = 6
"""Frames looked at in each place, beside the one before them: drawn animation often shows each
picture for two or three frames, so six show what a scene is like."""
DISTANCE = 16
"""Frames between two places at least."""
RUN_UP = 48
"""Frames decoded to get to the middle of a part at most; a decoding start will do as well."""
SECONDS_PER_FRAME, MAX_SECONDS = 0.005, 10.0
"""Processor time to spend on looking, by the length of the video."""
TRIALS, TRIAL_FRAMES = 4, 3
"""Places where frames are upscaled for a trial, and how many after the first one in each."""


def look_ahead(plan: Plan, index: FrameIndex) -> list[float]:
    """Return the share of the area to compute in each of so many equal parts of the video.

    Nothing is computed but what has changed from frame to frame. Where that would take too long,
    some parts are taken to be like those beside them. Empty where every frame is computed whole.
    """
    if plan.upscaling.reuse is None:
        return []
    reader = VideoProcessor(plan.probe, plan.settings, plan.framing).reader(index)
    parts = max(1, min(MAX_PLACES, len(index) // DISTANCE))
    deadline = time.process_time() + min(MAX_SECONDS, SECONDS_PER_FRAME * len(index))
    found: dict[int, float] = {}
    for part in _spread(parts):
        if found and time.process_time() > deadline:
            break
        begin = _place(index, len(index) * part // parts, len(index) * (part + 1) // parts)
        shares = list(_shares(plan, reader, begin, min(begin + FRAMES + 1, len(index))))
        found[part] = fmean(shares) if shares else 1.0
    return equal_parts(
        found[min(found, key=lambda known: abs(known - part))] for part in range(parts)
    )


def try_out(plan: Plan, on_progress: Callable[[float], None]) -> m.TriedOut:
    """Look ahead, and upscale and encode a few frames to see how long that takes."""
    index = build_index(plan, lambda _: None)
    pace = Pace(total=len(index), shares=look_ahead(plan, index))
    video = VideoProcessor(plan.probe, plan.settings, plan.framing)
    reader, white = video.reader(index), plan.probe.colour.white
    enlarger = Enlarger(AIProcessor(plan.upscaling), white)
    cores = os.cpu_count() or 1
    try:
        for trial in range(TRIALS + 1):
            place = len(index) * max(0, 2 * trial - 1) // (2 * TRIALS)
            begin = _place(index, place, min(place + RUN_UP, len(index)))
            encoder = video.encoder(plan.encoding, io.BytesIO())
            enlarger.begin()
            frames = reader.frames(begin, min(begin + TRIAL_FRAMES + 1, len(index)))
            for number, frame in enumerate(frames):
                began = time.perf_counter()
                reused = enlarger.look(frame.rgb)
                rgb = enlarger.start(frame.number + 1)()
                network, busy = time.perf_counter() - began, time.process_time()
                encoder.write(rgb)
                seconds = network + (time.process_time() - busy) / cores
                if trial:  # the first time, caches are cold
                    work = Work(1, 1 - reused)
                    pace.add(work, pace.expect(begin + number, first=not number))
                    pace.add_timed(work, seconds)
            encoder.close()
            on_progress((trial + 1) / (TRIALS + 1))
    finally:
        enlarger.close()
    segments = cut_segments(index, plan.segment_frames)
    area = sum(pace.expect(f, first=f == one.first) for one in segments for f in one.frames)
    return m.TriedOut(pace=pace, work=Work(len(index), area))


def _spread(count: int) -> Iterator[int]:
    """Yield 0 to ``count`` - 1, the first ones far apart: their bits are read backwards."""
    bits = max(1, (count - 1).bit_length())
    for number in range(1 << bits):
        place = int(f"{number:0{bits}b}"[::-1], 2)
        if place < count:
            yield place


def _place(index: FrameIndex, first: int, last: int) -> int:
    """Return where to begin in a part: its middle, or a decoding start if that is far from one."""
    middle = max(first, (first + last - FRAMES) // 2)
    start = index.start_of(middle).frame
    return start if middle - start > RUN_UP and start >= first else middle


def _shares(plan: Plan, reader: Reader, first: int, last: int) -> Iterator[float]:
    """Yield the share of the area to compute of the frames after the first."""
    assert plan.upscaling.reuse is not None
    changes = Changes(plan.upscaling.reuse, plan.probe.colour.white)
    for number, frame in enumerate(reader.frames(first, last)):
        parts = changes.look(frame.rgb)
        if number:
            yield 1.0 - reused_share(parts, frame.rgb)
