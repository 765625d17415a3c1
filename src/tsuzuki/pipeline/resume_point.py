"""Where to go on with a session, by what each possible frame is predicted to take.

Finished frames of an open segment lie on disk and are read back, which is nearly always quicker
than to compute them again; where a network is quick, or next to nothing changes, it is not. Frames
that turn out damaged while they are read are slow: each is computed by itself.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from tsuzuki.durable import History
from tsuzuki.errors import SessionBusyError, SessionDamagedError, TsuzukiError
from tsuzuki.pipeline.plan import Segment, cut_segments
from tsuzuki.sessions.frame_index import FrameIndex, decode_index
from tsuzuki.sessions.lock import left_alone
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.pace import Forecast, Pace, Work, together
from tsuzuki.sessions.progress import ProgressData
from tsuzuki.sessions.records import Records, SegmentRecord, read_records
from tsuzuki.sessions.runs import HISTORY
from tsuzuki.sessions.sealed import NotSealedError
from tsuzuki.sessions.stamp import check_frame

LEAST_GAIN = 0.5
"""Seconds that have to be gained before anything is computed again, as forecasts are not exact."""
BYTES_PER_SECOND = 150e6
"""Raw bytes of finished frames that are read back in a second where nobody has measured it: about
what a core of an EPYC reads of frames of 1280x720."""
START_SECONDS = 2.0
"""What starting the program and loading the network take where nobody has measured it."""
STARTS = 9
"""Latest resumed runs whose start tells how long the next one will take."""

Kind = Literal["first-missing", "segment-start", "last-verified", "between"]


class Costs(NamedTuple):
    """Seconds that parts of the work take, but those that `Pace` knows."""

    decode: float
    """Of a frame."""
    encode: float
    """Of a frame."""
    read: float
    """Of a finished frame from disk."""
    load: float
    """Until the network is ready."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A frame to go on from: finished ones before it are read, all from it on are computed."""

    frame: int
    """From 1."""
    kind: Kind
    """``first-missing``: all that lies on disk is used. ``segment-start``: nothing of the open
    segment is. ``last-verified``: the frames up to the first damaged one are."""
    left: Forecast
    """Time until all frames are done."""


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go on with a session, and why."""

    session_id: str
    frame: int
    """From 1; the number of frames and one where none is left to compute."""
    left: Forecast | None
    """Time until all frames are done; None while too little is known to tell."""
    points: list[Point] = []
    """What else is possible, the quickest first."""
    reasons: list[str] = []
    """Sentences for a person."""


class SmartResumeManager:
    """Predicts from the recorded times where a session is best gone on with; changes nothing.

    ``root`` is the folder of the sessions (see `layout.sessions_root`).
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self._manager = SessionManager(root)
        self.root = self._manager.root

    def suggest_optimal_resume_point(self, session_id: str) -> int:
        """Return the frame, from 1, to go on from: the soonest end with the very same bytes.

        Raises `SessionNotFoundError`, `SessionDamagedError` and `StorageError`.
        """
        return self.suggest(session_id).frame

    def suggest(self, session_id: str) -> Suggestion:
        """Return that frame with what every other one would take, and the reasons."""
        progress = self._manager.require_progress(session_id)
        index = self._manager.load_index(session_id, decode_index)
        validated = progress["steps"]["validate"].get("data", {})
        if index is None or "identity" not in validated:
            reason = "Nothing is finished yet: it begins with the first frame."
            return Suggestion(session_id=session_id, frame=1, left=None, reasons=[reason])
        try:
            return self._suggest(progress, index, _Work(validated["identity"]))
        except (KeyError, TypeError, ValueError) as error:
            path = self._manager.get_progress_file(session_id)
            raise SessionDamagedError(
                f"What {path} says of how the session is made cannot be understood ({error!r}).",
                path=str(path),
            ) from error

    def _suggest(self, progress: ProgressData, index: FrameIndex, work: _Work) -> Suggestion:
        session_id = progress["session_id"]
        records = read_records(self._manager.paths(session_id))
        segments = cut_segments(index, work.segment_frames)
        sealed = {record.segment for record in records.good}
        todo = [segment for segment in segments if segment.number not in sealed]
        if not todo:
            reason = "Every frame is finished and safe: only the output has to be put together."
            return Suggestion(
                session_id=session_id,
                frame=len(index) + 1,
                left=Forecast(0.0, 0.0, 0.0),
                reasons=[reason],
            )
        on_disk = {number - 1 for number in records.spooled}
        cut_off = self._is_cut_off(progress)
        frames = [frame for segment in todo for frame in segment.frames]
        damaged = _damaged(session_id, records, frames, read_data=cut_off)
        pace = known_pace(progress, records.good, len(index))
        starts = self._starts()
        costs = costs_of(records.good, pace, work.raw_frame_bytes, starts)
        open_one = next((s for s in todo if on_disk.intersection(s.frames)), todo[0])
        choice = Choice(open_one, on_disk, damaged, costs, pace)
        start = index.start_of(open_one.first).frame
        run_up = max(0, open_one.first - start) * costs.decode
        rest = _work_left([s for s in todo if s is not open_one], on_disk, pace)
        reasons = list(_reasons(choice, len(starts), run_up, cut_off))
        points = sorted(
            _points(choice, rest, run_up + costs.load), key=lambda one: one.left.seconds
        )
        point = choice.best if work.is_repeatable else choice.last
        if not work.is_repeatable and choice.best < choice.last:
            reasons.append(
                f"Computing again from frame {choice.best + 1} would be quicker, but {work.device} "
                "may give other bytes, so all that is finished is used."
            )
        left = choice.forecast(point, rest, run_up + costs.load)
        frame = choice.first_computed(point) + 1
        return Suggestion(
            session_id=session_id, frame=frame, left=left, points=points, reasons=reasons
        )

    def _is_cut_off(self, progress: ProgressData) -> bool:
        """Tell whether the last run was cut off: neither ended nor stopped, nor is it at work."""
        upscale = progress["steps"]["upscale"]
        if upscale["status"] != "in_progress" or "error" in upscale:
            return False
        try:
            with left_alone(self._manager.paths(progress["session_id"])):
                return True
        except SessionBusyError:
            return False

    def _starts(self) -> list[float]:
        """Return how long the latest resumed runs took until their work went on."""
        try:
            rows = History(self.root / HISTORY).rows() if self.root.exists() else []
        except TsuzukiError:  # a history that cannot be read only makes the forecast worse
            return []
        return [row.resume_seconds for row in rows if row.resume_seconds is not None][-STARTS:]


class Choice:
    """The points from which an open segment can be gone on with.

    At a point p (from 0) the finished frames before p are read back and all from p on are computed;
    at the segment's end all that lies on disk is used.
    """

    def __init__(
        self,
        segment: Segment,
        on_disk: Collection[int],
        damaged: Collection[int],
        costs: Costs,
        pace: Pace,
    ) -> None:
        self.segment = segment
        self.on_disk = sorted(set(on_disk).intersection(segment.frames))
        self.damaged = sorted(set(damaged).intersection(segment.frames))
        self.costs = costs
        self.pace = pace
        self.last = segment.last
        self.seconds: list[float] | None = None
        """What the segment takes from each of its points on; None where nothing is known."""
        if (speed := pace.speed) is not None:
            self.seconds = list(self._seconds(*speed))

    @property
    def best(self) -> int:
        """The quickest point; the end of the segment unless another one gains enough."""
        if self.seconds is None:
            return self.last
        quickest = min(range(len(self.seconds)), key=lambda n: (self.seconds or [])[n])
        gain = self.seconds[-1] - self.seconds[quickest]
        return self.segment.first + quickest if gain >= LEAST_GAIN else self.last

    def first_computed(self, point: int) -> int:
        """Return the first frame (from 0) that is computed at a point; the end where none is."""
        used = {frame for frame in self.on_disk if frame < point}
        return next((frame for frame in self.segment.frames if frame not in used), self.last)

    def forecast(self, point: int, rest: Work, start: float) -> Forecast | None:
        """Return how long it takes from a point on, with the rest of the work and the start."""
        if self.seconds is None:
            return None
        others = self.pace.left(rest)
        about = self.pace.left(rest.and_(Work(len(self.segment), 1.0, 1.0)))
        assert others is not None
        assert about is not None
        seconds = self.seconds[point - self.segment.first] + others.seconds + start
        share = seconds / about.seconds
        return Forecast(seconds, about.low * share, about.high * share)

    def _seconds(self, own: float, whole: float) -> Iterator[float]:
        """Yield what the segment takes from each point on, its end included."""
        costs, on_disk, damaged = self.costs, set(self.on_disk), set(self.damaged)
        first = self.segment.first
        computed = [
            max(
                own + whole * self.pace.expect(frame, first=frame == first).area,
                costs.decode,
                costs.encode,
            )
            for frame in self.segment.frames
        ]
        total = sum(computed)
        yield total
        for place, frame in enumerate(self.segment.frames):
            if frame in on_disk:
                read = max(costs.decode, costs.read + costs.encode)
                if frame in damaged:  # computed by itself, from the segment's first frame on
                    read += costs.load + place * costs.decode + own + whole
                total += read - computed[place]
            yield total


def points_of(
    segments: Iterable[Segment],
    on_disk: Collection[int],
    records: Sequence[SegmentRecord],
    pace: Pace,
    raw_frame_bytes: int,
) -> dict[int, int]:
    """Return the points of those segments, by number, of which not all on disk is to be used."""
    costs = costs_of(records, pace, raw_frame_bytes, ())
    choices = [Choice(segment, on_disk, (), costs, pace) for segment in segments]
    return {c.segment.number: c.best for c in choices if c.on_disk and c.best < c.last}


def costs_of(
    records: Sequence[SegmentRecord], pace: Pace, raw_frame_bytes: int, starts: Sequence[float]
) -> Costs:
    """Return the costs as far as they were measured, and else about what they are."""
    frames = sum(record.frames for record in records) or 1
    reading = raw_frame_bytes / BYTES_PER_SECOND
    return Costs(
        decode=sum(record.seconds.get("decode", 0.0) for record in records) / frames,
        encode=sum(record.seconds.get("encode", 0.0) for record in records) / frames,
        read=pace.read_seconds / pace.reads if pace.reads else reading,
        load=statistics.median(starts) if starts else START_SECONDS,
    )


def known_pace(progress: ProgressData, records: Sequence[SegmentRecord], total: int) -> Pace:
    """Return the pace that the session remembers, or one made from the records alone."""
    remembered = progress["steps"]["upscale"].get("data", {}).get("pace")
    pace = msgspec.convert(remembered, Pace | None)
    if pace is not None and pace.total == total and pace.speed is not None:
        return pace
    pace = Pace(total=total)
    for record in records:
        if record.frames_computed and (network := record.seconds.get("network", 0.0)):
            frames = record.frames_computed
            work = Work(frames, frames * (1.0 - (record.reuse_share or 0.0)))
            pace.add(Work(frames, frames), work.area)
            pace.add_timed(work, network)
    return pace


class _Work:
    """What of a session's identity decides how long its work takes."""

    def __init__(self, identity: dict[str, Any]) -> None:
        encoding, upscaling = identity["encoding"], identity["upscaling"]
        deep = encoding["source_colour"]["depth"] > 8
        self.raw_frame_bytes = 3 * int(encoding["width"]) * int(encoding["height"]) * (1 + deep)
        self.segment_frames = max(1, int(identity["segment_frames"]))
        self.device = str(upscaling["device"])

    @property
    def is_repeatable(self) -> bool:
        return is_repeatable(self.device)


def is_repeatable(device: str) -> bool:
    """Tell whether a frame that is computed again has the same bytes: a GPU does not promise it."""
    return device == "cpu"


def _damaged(
    session_id: str, records: Records, frames: Iterable[int], *, read_data: bool
) -> set[int]:
    """Return those of the frames that lie damaged on disk, as far as sizes, or every bit, tell."""
    found = set()
    for frame in frames:
        if (path := records.spooled.get(frame + 1)) is not None:
            try:
                check_frame(path, session_id, read_data=read_data)
            except (NotSealedError, SessionDamagedError, FileNotFoundError):
                found.add(frame)
    return found


def _work_left(segments: Sequence[Segment], on_disk: set[int], pace: Pace) -> Work:
    """Return the work of segments of which some frames are only read."""
    return together(
        Work(1, 0) if frame in on_disk else pace.expect(frame, first=frame == segment.first)
        for segment in segments
        for frame in segment.frames
    )


def _points(choice: Choice, rest: Work, start: float) -> Iterator[Point]:
    """Yield the points that a person would think of, and the best one, each frame once."""
    named: list[tuple[int, Kind]] = [(choice.last, "first-missing")]
    if choice.on_disk:
        named.append((choice.segment.first, "segment-start"))
        if choice.damaged:
            named.append((choice.damaged[0], "last-verified"))
        named.append((choice.best, "between"))
    seen: set[int] = set()
    for point, kind in named:
        frame, left = choice.first_computed(point), choice.forecast(point, rest, start)
        if left is not None and point not in seen:
            seen.add(point)
            yield Point(frame=frame + 1, kind=kind, left=left)


def _reasons(choice: Choice, starts: int, run_up: float, cut_off: bool) -> Iterator[str]:  # noqa: FBT001 - one of the facts to tell
    """Yield the sentences that a prediction rests on."""
    costs, speed, segment = choice.costs, choice.pace.speed, choice.segment
    count = len(choice.on_disk)
    if segment.first:
        yield f"The segment to go on with begins at frame {segment.first + 1}."
    if cut_off and count:
        found = f"{len(choice.damaged)} are damaged" if choice.damaged else "all are sound"
        yield f"The last run was cut off, so its {count} frames on disk were verified: {found}."
    if speed is None:
        yield "No frame was timed yet, so all that is finished is used and no time is predicted."
        return
    if count:
        how = "measured" if choice.pace.reads else "estimated"
        again = speed[0] + speed[1] * statistics.fmean(
            choice.pace.expect(frame, first=frame == segment.first).area for frame in choice.on_disk
        )
        yield (
            f"{count} of its frames lie finished on disk: reading one back takes "
            f"{1000 * costs.read:.0f} ms ({how}), computing one again {1000 * again:.0f} ms."
        )
    if run_up:
        yield f"Decoding has to begin before the segment, which takes {run_up:.1f} s."
    how = f"the median of {starts} resumed runs" if starts else "estimated"
    yield f"Starting and loading the network take {costs.load:.1f} s ({how})."
