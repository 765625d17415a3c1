"""What a video will be like to work on, from a few of its frames, spread over it."""

from __future__ import annotations

import io
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from statistics import fmean
from typing import NamedTuple

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.enlarge import Enlarger, reused_share
from tsuzuki.pipeline.jobs import build_index
from tsuzuki.pipeline.plan import Plan, cut_segments
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.sessions.pace import MAX_PARTS, Pace, Work, equal_parts, together
from tsuzuki.upscaling import AIProcessor, Changes
from tsuzuki.video.processor import VideoProcessor

DISTANCE = 16
"""Frames from the begin of one place to that of the next."""
TRIALS, TRIAL_FRAMES = 4, 3
"""Places where frames are upscaled for a trial, and how many after the first one in each."""
GLANCE_SHARE, LONGEST_GLANCE = 0.0005, 1.0
"""Seconds of processor time for a glance, a frame of the video and at most."""
WAIT_SHARE, LONGEST_LOOK = 0.005, 10.0
"""The same where somebody waits for what was seen, and at most where nobody does."""


class Effort(NamedTuple):
    """How much is done to look at a place."""

    frames: int
    """Looked at, beside the one before them: drawn animation often shows each picture for two or
    three frames."""
    run_up: int
    """Frames decoded at most to get to a place that has no decoding start of its own."""


QUICK, CLOSE, FAR = Effort(3, 16), Effort(6, 16), Effort(6, 250)
"""Before anything is known of how long the work takes, and after that; encoders mostly have a key
frame every 250 frames at least."""


class Lookout:
    """Tells how much of the area has to be computed in each part of a video.

    Nothing is computed but what has changed from frame to frame. Parts that there is no time for,
    or that take long to get to, are taken to be like those beside them. What was seen once is kept
    for the next look.
    """

    def __init__(self, plan: Plan, index: FrameIndex) -> None:
        self._plan = plan
        self._index = index
        self._places = max(1, len(index) // DISTANCE)
        self._found: dict[int, float] = {}
        """Share of the area to compute, by the place where it was seen."""
        self._whole: frozenset[int] = frozenset()
        """Frames that segments begin with."""
        self._deadline = 0.0

    def glance(self) -> m.Outlook:
        """Look for next to no time."""
        seconds = min(LONGEST_GLANCE, GLANCE_SHARE * len(self._index))
        return self._look(0, seconds, [QUICK])

    def look(self, first: int, seconds: float) -> m.Outlook:
        """Look at the frames from ``first`` on for at most so many seconds of processor time.

        A few frames of each place, those first that are soon got to, but late and early ones alike;
        and if that leaves time, all of them in their order.
        """
        seconds = min(seconds, LONGEST_LOOK)
        return self._look(first, seconds, [CLOSE, FAR], then_at_all=True)

    def _look(
        self, first: int, seconds: float, efforts: Sequence[Effort], *, then_at_all: bool = False
    ) -> m.Outlook:
        if self._plan.upscaling.reuse is None:
            return m.Outlook(shares=[], seen=1.0)
        segments = cut_segments(self._index, self._plan.segment_frames)
        self._whole = frozenset(segment.first for segment in segments)
        first = min(first, len(self._index) - 1)
        self._deadline = time.thread_time() + seconds  # of this thread: others render meanwhile
        ahead = next((n for n in range(self._places) if self._borders(n)[1] > first), 0)
        try:
            for effort in efforts:
                for place in _spread(self._places):
                    if place >= ahead and place not in self._found:
                        self._sample(place, effort)
            if then_at_all:
                self._look_at_all(ahead)
        except _TimeIsUpError:
            pass
        return self._outlook(first)

    def _sample(self, place: int, effort: Effort) -> None:
        """See a few frames of a place: its first ones.

        A decoding start in it is where to begin only if those take long to get to: the frame there
        often changes much, and where there are many such they need their share of what is seen.
        """
        begin, last = self._borders(place)
        first = begin
        if first - self._index.start_of(first).frame > effort.run_up:
            first = self._index.start_of(max(begin, last - 1 - effort.frames)).frame
        if first >= begin:
            end = min(first + effort.frames + 1, len(self._index))
            self._find(place, self._shares(first, end))

    def _look_at_all(self, ahead: int) -> None:
        """See every frame from a place on."""
        begin = max(0, self._borders(ahead)[0] - 1)
        shares = self._shares(begin, len(self._index))
        for place in range(ahead, self._places):
            first, last = self._borders(place)
            self._find(place, islice(shares, last - max(first, begin + 1)))

    def _find(self, place: int, shares: Iterable[float | None]) -> None:
        if seen := [share for share in shares if share is not None]:
            self._found[place] = fmean(seen)

    def _shares(self, first: int, last: int) -> Iterator[float | None]:
        """Yield the share of the area to compute of the frames after the first.

        None is that of a segment's first frame, which is whole in any case. Raises
        `_TimeIsUpError`.
        """
        plan = self._plan
        assert plan.upscaling.reuse is not None
        changes = Changes(plan.upscaling.reuse, plan.probe.colour.white)
        reader = VideoProcessor(plan.probe, plan.settings, plan.framing).reader(self._index)
        for number, frame in enumerate(reader.frames(first, last), first):
            parts = changes.look(frame.rgb)
            if time.thread_time() > self._deadline:
                raise _TimeIsUpError
            if number > first:
                yield None if number in self._whole else 1.0 - reused_share(parts, frame.rgb)

    def _borders(self, place: int) -> tuple[int, int]:
        """Return the first frame of a place and the one after its last."""
        total = len(self._index)
        return total * place // self._places, total * (place + 1) // self._places

    def _outlook(self, first: int) -> m.Outlook:
        """Return what was found, and for the other parts what is nearest."""
        if not self._found:
            return m.Outlook(shares=[], seen=0.0)
        parts = min(MAX_PARTS, self._places)
        by_part: defaultdict[int, list[float]] = defaultdict(list)
        for place, share in self._found.items():
            by_part[place * parts // self._places].append(share)
        ahead = [part for part in range(parts) if len(self._index) * (part + 1) // parts > first]
        nearest = [min(by_part, key=lambda known: abs(known - part)) for part in range(parts)]
        return m.Outlook(
            shares=equal_parts(fmean(by_part[part]) for part in nearest),
            seen=sum(part in by_part for part in ahead) / len(ahead),
        )


class _TimeIsUpError(Exception):
    """So much time as was allowed has passed."""


def try_out(plan: Plan, on_progress: Callable[[float], None]) -> m.TriedOut:
    """Look ahead, and upscale and encode a few frames to see how long that takes."""
    index = build_index(plan, lambda _: None)
    outlook = Lookout(plan, index).look(0, WAIT_SHARE * len(index))
    pace = Pace(total=len(index), shares=outlook.shares, seen=outlook.seen)
    trial = _Trial(plan, index)
    try:
        for number in range(TRIALS + 1):
            place = len(index) * max(0, 2 * number - 1) // (2 * TRIALS)
            begin = index.start_of(place).frame
            timed = trial.run(begin, min(begin + TRIAL_FRAMES + 1, len(index)))
            if number:  # the first time, caches are cold
                for frame, (work, seconds) in enumerate(timed, begin):
                    pace.add(pace.expect(frame, first=frame == begin), work.area)
                    pace.add_timed(work, seconds)
            on_progress((number + 1) / (TRIALS + 1))
    finally:
        trial.close()
    segments = cut_segments(index, plan.segment_frames)
    work = together(pace.expect(f, first=f == one.first) for one in segments for f in one.frames)
    return m.TriedOut(pace=pace, work=work)


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
