"""Render the segments that are not sealed, and seal them."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from tsuzuki import tracing
from tsuzuki.errors import DamagedFramesError
from tsuzuki.pipeline import events
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.meter import FrameMeter
from tsuzuki.pipeline.plan import Segment
from tsuzuki.pipeline.resume_point import is_repeatable, points_of
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.supervisor import WorkerGivenUpError, WorkerLostError
from tsuzuki.pipeline.team import Worker, Workers

SEGMENTS_AHEAD = 2
"""Segments asked for at once, so that each worker always has the next one at hand."""

KNOWN_BY, LOOK_SHARE, LEAST_LOOK = 24, 0.02, 0.05
"""After so many computed frames it is known about how long the rest takes; so much of that may be
spent to know it better, unless it is less than these seconds."""

LEAST_DAMAGED, MOST_DAMAGED = 48, 0.1
"""So many damaged frames that are so large a share of those done make the run stop and ask."""


def is_done(run: Run) -> bool:
    """Tell whether every segment is sealed."""
    return all(run.store.is_sealed(segment) for segment in run.segments)


def upscale(run: Run) -> None:
    """Seal every segment that is not sealed yet."""
    run.open_worker()
    run.know_pace()
    work = _Upscaling(run)
    run.on_report = work.handle  # also for what the workers say while they are being stopped
    with run.workers(work.segments_left) as workers:
        work.until_done(workers)


class _Asked(NamedTuple):
    segment: Segment
    workers: list[Worker]
    """Those that render it: one, or a second one that may be quicker."""


class _Upscaling:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._store = run.store
        self._todo: deque[Segment] = deque()
        self._asked: dict[int, _Asked] = {}
        for segment in run.segments:
            if self._store.is_sealed(segment):
                self._store.drop_frames(segment)
            else:
                self._todo.append(segment)
        open_frames = sum(map(len, self._todo))
        self._meter = FrameMeter(
            len(run.index) - open_frames, run.pace, [segment.first for segment in run.segments]
        )
        self._points = self._quicker_points()
        """Frame from which on an open segment is computed again, by its number, until it is."""
        self._computed: dict[int, list[int]] = {}
        """First and last frame (from 1) that were computed of each open segment, by its number."""
        self._looking: Worker | None = None
        """Who looks at what the frames will be like."""
        self._has_looked_closely = False
        self._expect()

    @property
    def segments_left(self) -> int:
        """Number of segments that nobody was asked for."""
        return len(self._todo)

    def until_done(self, workers: Workers) -> None:
        """Ask, listen and commit until nothing is left to do."""
        self._has_looked_closely = not workers.share_disk  # of a cluster only the workers are heard
        self._tell_of_unused(workers)
        while self._todo or self._asked:
            try:
                self._ask_ahead(workers)
                _, message = workers.receive()
                self.handle(message)
            except WorkerLostError as error:
                if isinstance(error, WorkerGivenUpError):
                    self._run.warn("worker-given-up", str(error))
                self._take_back(error.worker)

    def handle(self, message: m.Message) -> None:
        """Act on a report of a worker."""
        match message:
            case m.FrameDone():
                self._count(message)
            case m.Spooled():
                self._keep(message.frames)
            case m.SegmentRendered():
                self._seal(message)
            case m.Outlook():
                self._look_ahead(message)
            case _:
                self._run.note(message)

    def _tell_of_unused(self, workers: Workers) -> None:
        if workers.share_disk:
            return
        unused = sum(len(self._store.frames_of(segment)) for segment in self._todo)
        if unused:
            self._run.warn(
                "spooled-unused",
                f"Finished frames of open segments that lie here are not sent to the cluster, "
                f"which computes them again: {unused}.",
            )
            self._meter.done -= unused

    def _ask_ahead(self, workers: Workers) -> None:
        """Give every worker something to do; in turn, so that early segments come first."""
        for ahead in range(1, SEGMENTS_AHEAD + 1):
            for worker in workers.members:
                busy = sum(worker in asked.workers for asked in self._asked.values())
                if busy >= ahead or (busy and not workers.has_room):
                    continue
                if self._todo:
                    segment = self._todo.popleft()
                    self._asked[segment.number] = _Asked(segment, [])
                    self._ask(worker, segment, workers)
                elif workers.may_race and not busy:
                    self._race(worker, workers)

    def _race(self, worker: Worker, workers: Workers) -> None:
        """Have a worker that is free render what another one is at longest."""
        alone = [asked for asked in self._asked.values() if len(asked.workers) == 1]
        if alone:
            self._ask(worker, alone[0].segment, workers)

    def _ask(self, worker: Worker, segment: Segment, workers: Workers) -> None:
        self._asked[segment.number].workers.append(worker)
        used = self._used(segment) if workers.share_disk else []
        self._points.pop(segment.number, None)  # if it is asked again, what was spooled then counts
        worker.send(
            m.Render(segment=segment.number, first=segment.first, last=segment.last, upscaled=used)
        )

    def _quicker_points(self) -> dict[int, int]:
        """Return from where on segments are quicker computed again than read back.

        None are where that might give other bytes, or frames are to be kept as they are.
        """
        run, plan = self._run, self._run.plan
        open_ones = [one for one in self._todo if self._store.frames_of(one)]
        if not open_ones or run.keep_frames or not is_repeatable(plan.upscaling.device):
            return {}
        on_disk = {frame for one in open_ones for frame in self._store.frames_of(one)}
        points = points_of(open_ones, on_disk, self._store.records, run.pace, plan.raw_frame_bytes)
        if points:
            listed = ", ".join(str(point + 1) for point in sorted(points.values()))
            run.warn(
                "again", f"Finished frames are computed again, from {listed} on: it is quicker."
            )
        return points

    def _used(self, segment: Segment) -> list[int]:
        """Return the frames on disk that are read back."""
        point = self._points.get(segment.number, segment.last)
        return [frame for frame in self._store.frames_of(segment) if frame < point]

    def _take_back(self, worker: object) -> None:
        """Ask again for what a worker had not finished when it died."""
        lost = []
        for asked in list(self._asked.values()):
            if worker in asked.workers:
                asked.workers.remove(worker)
                if not asked.workers:
                    lost.append(self._asked.pop(asked.segment.number).segment)
        self._todo = deque(sorted((*lost, *self._todo), key=lambda segment: segment.number))
        open_frames = sum(map(len, self._todo))
        others = (frame for asked in self._asked.values() for frame in asked.segment.frames)
        self._meter.done = (
            len(self._run.index)
            - open_frames
            - sum(frame >= self._done_of(frame) for frame in others)
        )
        self._expect()
        if worker is self._looking:
            self._look_ahead(m.Outlook(shares=[], seen=0.0))

    def _look_ahead(self, outlook: m.Outlook) -> None:
        """Know what frames will be like, if that was known less well."""
        self._looking, pace = None, self._run.pace
        if pace.shares is None or (outlook.shares and outlook.seen >= pace.seen):
            pace.look_ahead(outlook.shares, outlook.seen)
            self._expect()

    def _expect(self) -> None:
        """Know what is left to do, about."""
        left = self._left()
        self._meter.expect(left, (frame for one in left for frame in self._used(one)))

    def _left(self) -> list[Segment]:
        """Return what is left of the segments under way, and the others that are left."""
        under_way = (asked.segment for asked in self._asked.values())
        left = [replace(one, first=self._done_of(one.first)) for one in under_way]
        left.extend(self._todo)
        return left

    def _done_of(self, frame: int) -> int:
        """Return the frame (from 0) after the last that was computed of its segment."""
        segment = self._run.segment_of(frame)
        return self._computed.get(segment.number, [0, segment.first])[1]

    def _count(self, done: m.FrameDone) -> None:
        if done.computed:
            self._run.on_going()
            self._run.frames_computed += 1
            self._run.frames_reused += done.reused
            if self._is_known(done.frame):
                return
            self._remember(done.frame)
            self._ask_what_comes()
        self._meter.count(
            done.frame, computed=done.computed, reused=done.reused, seconds=done.seconds
        )
        self._run.remembered("upscale")["pace"] = msgspec.to_builtins(self._run.pace)
        self._run.progress("upscale", self._meter)

    def _ask_what_comes(self) -> None:
        """Have a worker look ahead: a glance, then closely; no frame waits for that."""
        pace, first, seconds = self._run.pace, 0, None
        if self._looking is not None:
            return
        if pace.shares is not None:
            whole = not pace.shares and pace.seen == 1
            if self._has_looked_closely or whole or pace.frames < KNOWN_BY:
                return
            if (left := self._meter.forecast) is None:
                return
            self._has_looked_closely, seconds = True, LOOK_SHARE * left.seconds
            if seconds < LEAST_LOOK:
                return
            first = min(one.first for one in self._left())
        self._looking = self._run.supervisor
        self._looking.send(m.LookAhead(first=first, seconds=seconds))

    def _is_known(self, frame: int) -> bool:
        """Tell whether the quicker of two workers has come past a frame already."""
        asked = self._asked.get(self._run.segment_of(frame).number)
        return asked is None or (len(asked.workers) > 1 and frame < self._done_of(frame))

    def _remember(self, frame: int) -> None:
        """Know what a kill would cost."""
        remembered = self._run.remembered("upscale")
        remembered["reached"] = max(remembered.get("reached", 0), frame + 1)
        segment = self._run.segment_of(frame)
        computed = self._computed.setdefault(segment.number, [segment.first + 1, 0])
        computed[1] = max(computed[1], frame + 1)
        remembered["computed"] = list(self._computed.values())

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

    def _seal(self, rendered: m.SegmentRendered) -> None:
        asked = self._asked.pop(rendered.segment, None)
        if asked is None:  # the other one was quicker
            self._store.discard(rendered)
            return
        segment, workers = asked
        failed = sorted({*rendered.failed, *self._failed_before(segment)})
        rendered = replace(rendered, failed=failed)
        self._store.seal(segment, rendered, *self._run.made_with(rendered))
        for worker in workers:
            worker.send(m.Committed(first=segment.first, last=segment.last))
        self._computed.pop(segment.number, None)
        self._run.frames_safe(segment.frames)
        self._store.drop_frames(segment)
        self._tell_sealed(segment, rendered)
        tracing.record(
            "segment",
            rendered.stages,
            segment=segment.number,
            frames=len(segment),
            frames_computed=rendered.frames_computed,
        )
        self._check_damage()

    def _failed_before(self, segment: Segment) -> list[int]:
        """Return the frames that failed to decode when they were extracted, as a PNG cannot tell.

        Each once, however often it is shown.
        """
        index = self._run.index
        known = set(self._run.remembered("extract").get("failed_frames", ()))
        shown = (frame for frame in segment.frames if index.is_new(frame))
        return [frame for frame in shown if index.in_video(frame) + 1 in known]

    def _check_damage(self) -> None:
        """Raise `DamagedFramesError` for more damage than anybody would want to wait for."""
        damaged, frames = self._store.frames_damaged, self._store.frames_sealed
        if damaged < LEAST_DAMAGED or damaged <= MOST_DAMAGED * frames:
            return
        if not self._run.remembered("validate").get("accepted_damage"):
            command = self._run.store.paths.command("resume", "--accept-damage")
            raise DamagedFramesError(
                f"{damaged} of the first {frames} frames cannot be decoded whole: the video is "
                "badly damaged. Get it again from where it came; or, if there is no better one, go "
                f"on with `{command}`. What is damaged repeats the frame before.",
                damaged=damaged,
                frames=frames,
            )

    def _tell_sealed(self, segment: Segment, rendered: m.SegmentRendered) -> None:
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
