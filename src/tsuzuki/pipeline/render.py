"""Rendering: (source, plan, range of frames) to an encoded segment.

Decoding, the network and encoding overlap in three threads joined by short queues, across the
borders of segments, so memory does not grow with the length of the video.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from tsuzuki.durable import PendingFile, sha256_of
from tsuzuki.frame import Rgb
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.alpha import enlarged
from tsuzuki.pipeline.assembling import assemble
from tsuzuki.pipeline.computing import Computing
from tsuzuki.pipeline.enlarge import Enlarged
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.plan import cut_segments
from tsuzuki.pipeline.priority import give_way
from tsuzuki.pipeline.reading_back import ReadingBack
from tsuzuki.pipeline.spooler import Finished, Spooler
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.upscaling import FRAMES_AT_ONCE
from tsuzuki.video.alpha import Alpha
from tsuzuki.video.decode import Frame
from tsuzuki.video.framing import Reader
from tsuzuki.video.processor import VideoProcessor
from tsuzuki.video.slice import Slice, SliceError, SliceFile
from tsuzuki.video.source import standing_in

QUEUE_FRAMES = 2
"""Frames in memory that wait between two threads at most; more would only cost memory."""


class _Work:
    """A segment on its way through the threads."""

    def __init__(self, request: m.Render) -> None:
        self.request = request
        self.on_disk = frozenset(request.upscaled)
        self.failed: list[int] = []
        self.computed: set[int] = set()
        self.reused: list[float] = []
        """Share of each frame that was taken over from the one before."""
        self.seconds = {"decode": 0.0, "network": 0.0, "encode": 0.0}
        self.stages: dict[str, tuple[int, int]] = {}
        """When each of them began and ended, in ns since 1970."""

    def spend(self, stage: str, seconds: float) -> None:
        """Count time that a stage has spent on it until now."""
        now = time.time_ns()
        begin, _ = self.stages.get(stage, (now - int(seconds * 1e9), now))
        self.stages[stage] = begin, now
        self.seconds[stage] += seconds


class _Started(NamedTuple):
    """A frame that the network is at."""

    work: _Work
    frame: Frame
    enlarged: Enlarged
    begin: float
    reused: float


_Upscaled = tuple[_Work, Rgb | int | None, Alpha | None]
"""A segment, a frame of it (or its number, or None after the last) and its alpha as decoded."""


class Renderer:
    """Renders segments of one session, one after another."""

    def __init__(
        self,
        job: m.Open,
        send: Callable[[m.Message], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._job = job
        self._plan = job.plan
        self._send = send
        self._failed = failed
        self._video = VideoProcessor(job.plan.probe, job.plan.settings, job.plan.framing)
        self._paths = SessionPaths(Path(job.root), job.session_id)
        self._files = FrameFiles(
            self._paths,
            job.plan,
            keep_frames=job.keep_frames,
            on_damage=lambda message: send(m.Notice(code="damaged-frame", message=message)),
        )
        self.spooler = Spooler(
            self._spool, budget=job.loss_budget or 0, keep_all=job.keep_frames, failed=failed
        )
        self._computing = Computing(job, self._paths, self._files)
        self._back = ReadingBack(
            job, self._video, self._files, self._computing, lambda frame: self._spool([frame])
        )
        self._spools = job.loss_budget is not None
        self._requests: queue.SimpleQueue[m.Render] = queue.SimpleQueue()
        self._decoded: queue.Queue[tuple[_Work, Frame | None]] = queue.Queue(QUEUE_FRAMES)
        self._upscaled: queue.SimpleQueue[_Upscaled] = queue.SimpleQueue()
        self._room = threading.Semaphore(QUEUE_FRAMES)
        self._ended = 0.0
        """When the network was done with the last frame."""
        self._running = False
        self._head = job.head
        self._reuses = job.plan.upscaling.reuse is not None
        """Whether every frame of a segment has to be looked at, be it on disk or not."""

    def submit(self, request: m.Render) -> None:
        """Render a segment after those submitted before; the answer is sent when it is done."""
        self._requests.put(request)
        if not self._running:
            self._running = True
            for stage in (self._decode, self._upscale, self._encode):
                threading.Thread(
                    target=self._guarded, args=(stage,), name=stage.__name__, daemon=True
                ).start()

    def extract(self, progress: Callable[[float], None]) -> list[int]:
        """Write all source frames as PNG; return those that failed to decode."""
        index = self._job.index
        reader = self._video.reader(index)
        failed = []
        # Segment by segment, so that damage is concealed as it is where they are rendered.
        for segment in cut_segments(index, self._plan.segment_frames):
            for frame in reader.frames(segment.first, segment.last):
                if frame.failed:
                    failed.append(frame.number)
                if not self._files.has_source(frame.number):
                    self._files.write_source(frame)
                progress((frame.number + 1) / len(index))
        return failed

    def cut(self, request: m.Cut) -> m.SliceCut:
        """Cut what reading a range of frames takes from the video, beside what opening it does."""
        if self._head is None:
            self._head = self._video.head()
        if request.first == request.last:
            return m.SliceCut(slice=self._head)
        part = self._video.cut(self._job.index, request.first, request.last, request.margin)
        return m.SliceCut(slice=part.without(self._head))

    def combine(self, request: m.Combine, progress: Callable[[float], None]) -> m.Combined:
        """Join segments and streams to a finished file beside the output's final path."""
        return assemble(self._job, self._video, request, progress)

    # --- the three threads ------------------------------------------------------------------------

    def _guarded(self, stage: Callable[[], None]) -> None:
        if stage != self._upscale:
            give_way()
        try:
            stage()
        except BaseException as error:  # noqa: BLE001 - outermost layer of a thread
            self._failed(error)

    def _decode(self) -> None:
        reader = self._video.reader(self._job.index)
        while True:
            work = _Work(self._requests.get())
            frames = self._source_frames(reader, work)
            if work.request.slice is not None:
                frames = self._sliced(work, work.request.slice)
            frame: Frame | None = None
            while True:
                begin = time.perf_counter()
                frame = next(frames, None)
                work.spend("decode", time.perf_counter() - begin)
                self._decoded.put((work, frame))
                if frame is None:
                    break

    def _upscale(self) -> None:
        enlarger = self._computing.enlarger()
        started: deque[_Started] = deque()
        while True:
            work, frame = self._decoded.get()
            if frame is None or frame.number in work.on_disk:
                while started:
                    self._finish(started.popleft())
            if frame is None:
                enlarger.begin()
                self._upscaled.put((work, None, None))
                continue
            begin = time.perf_counter()
            work.reused.append(enlarger.look(frame.rgb))
            if frame.number in work.on_disk:  # read in its turn: the network does not wait for it
                enlarger.skip(partial(self._read, work, frame.number))
                self._upscaled.put((work, frame.number, frame.alpha))
                continue
            enlarged = enlarger.start(frame.number + 1)
            started.append(_Started(work, frame, enlarged, begin, work.reused[-1]))
            if len(started) == FRAMES_AT_ONCE:
                self._finish(started.popleft())

    def _finish(self, started: _Started) -> None:
        """Wait for a frame from the network and hand it on."""
        work, frame = started.work, started.frame
        asked = time.perf_counter()
        rgb = self._computing.checked(started.enlarged, frame)
        work.computed.add(frame.number)
        begin = max(started.begin, self._ended)  # what the frames before took, is theirs
        self._ended = max(begin, started.enlarged.ended)
        # Without the time in which it lay there because the encoder is slower.
        seconds = self._ended - begin + time.perf_counter() - max(asked, self._ended)
        work.spend("network", seconds)
        if self._spools:
            self.spooler.add(Finished(frame.number, rgb, seconds))
        self._send(
            m.FrameDone(frame=frame.number, seconds=seconds, computed=True, reused=started.reused)
        )
        self._room.acquire()
        self._upscaled.put((work, rgb, frame.alpha))

    def _encode(self) -> None:
        while True:
            work, rgb, alpha = self._next_upscaled()
            target = self._paths.segment_temporary(work.request.segment)
            with PendingFile(target) as pending:
                encoder = self._video.encoder(self._plan.encoding, cast(BinaryIO, pending.file))
                while rgb is not None:
                    begin = time.perf_counter()
                    encoder.write(rgb, self._enlarged(alpha))
                    work.spend("encode", time.perf_counter() - begin)
                    work, rgb, alpha = self._next_upscaled()
                begin = time.perf_counter()
                encoder.close()
                size = pending.finish()
                self._video.check_segment(pending.path, work.request.last - work.request.first)
                work.spend("encode", time.perf_counter() - begin)
            self._send(
                m.SegmentRendered(
                    segment=work.request.segment,
                    temporary=str(pending.path),
                    size=size,
                    sha256=sha256_of(pending.path),
                    frames_computed=len(work.computed),
                    failed=work.failed,
                    seconds=work.seconds,
                    stages=work.stages,
                    reused=sum(work.reused) / len(work.reused),
                )
            )

    # --- one frame --------------------------------------------------------------------------------

    def _source_frames(self, reader: Reader, work: _Work) -> Iterator[Frame]:
        number, last = work.request.first, work.request.last
        kept = self._job.keep_frames and not self._video.keeps_alpha  # PNGs there have none
        while kept and number < last:
            rgb = self._files.read_source(number)
            if rgb is None:
                break
            yield Frame(number, rgb, failed=False)
            number += 1
        if number == last:
            return
        # From the segment's first frame, so that damage is concealed as in any other run.
        unseen = frozenset[int]() if self._reuses else work.on_disk
        for frame in reader.frames(work.request.first, last, without=unseen):
            if frame.number >= number:
                if frame.failed:
                    work.failed.append(frame.number)
                yield frame

    def _sliced(self, work: _Work, part: Slice) -> Iterator[Frame]:
        """Yield the frames of a segment whose video is not here but for a slice."""
        assert self._head is not None, "no head was sent"
        file = SliceFile(self._plan.probe.path, self._head.joined(part))
        with standing_in(self._plan.probe.path, file):
            yield from self._source_frames(self._video.reader(self._job.index), work)
        if file.lacking:  # then damage may be none
            raise SliceError("Reading the segment took bytes that its slice lacks.")

    def _next_upscaled(self) -> tuple[_Work, Rgb | None, Alpha | None]:
        """Wait for the next frame to encode, and its alpha as decoded; None after the last."""
        work, item, alpha = self._upscaled.get()
        if isinstance(item, int):
            return work, self._from_disk(work, item), alpha
        if item is not None:
            self._room.release()
        return work, item, alpha

    def _enlarged(self, alpha: Alpha | None) -> Alpha | None:
        encoding = self._plan.encoding
        return enlarged(alpha, encoding.source_colour.depth, encoding.width, encoding.height)

    def _from_disk(self, work: _Work, number: int) -> Rgb:
        begin = time.perf_counter()
        rgb = self._read(work, number)
        seconds = time.perf_counter() - begin
        if self._spools and not self._files.is_kept(number):
            self.spooler.add(Finished(number, rgb, seconds))
        self._send(m.FrameDone(frame=number, seconds=seconds, computed=number in work.computed))
        return rgb

    def _read(self, work: _Work, number: int) -> Rgb:
        return self._back.read(work.request.first, number, work.computed)

    def _spool(self, group: list[Finished]) -> None:
        self._files.write_upscaled(group)
        self._send(m.Spooled(frames=[finished.frame for finished in group]))
