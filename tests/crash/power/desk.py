"""A worker without a process and without video, for the real runner: small frames, made up."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tsuzuki.durable import PendingFile, usual_mode
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.plan import Plan, Segment, cut_segments
from tsuzuki.pipeline.spooler import Finished
from tsuzuki.sessions import SessionPaths
from tsuzuki.sessions.frame_index import FrameIndex, Start
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling.plan import UpscalePlan
from tsuzuki.video.facts import Colour, EncodePlan, Probe

SETTINGS = {"scale_factor": 2.0}
VIDEO_INFO: Any = {
    "width": 8,
    "height": 4,
    "duration": 0.25,
    "frame_rate": 24.0,
    "frame_count": 6,
    "codec_name": "h264",
    "size": 5,
    "format": "matroska",
}
WIDTH, HEIGHT = 16, 8
COLOUR = Colour(
    matrix=1,
    primaries=1,
    transfer=1,
    full_range=False,
    chroma_location=1,
    depth=8,
    rgb_format="gbrp",
    white=255,
)
PLAN = Plan(
    settings=ProcessingSettings.from_dict(SETTINGS),
    probe=Probe(
        path="",
        size=5,
        format="matroska",
        container="mkv",
        duration=0.25,
        width=8,
        height=4,
        pixel_format="yuv420p",
        codec="h264",
        profile=None,
        frame_rate=(24, 1),
        frame_count=6,
        time_base=(1, 24),
        stream=0,
        sample_aspect_ratio=(1, 1),
        rotation=0,
        interlaced=False,
        alpha=False,
        colour=COLOUR,
        streams=(),
        chapters=0,
    ),
    video_info=VIDEO_INFO,
    upscaling=UpscalePlan(
        engine="nearest",
        engine_version="1",
        device="cpu",
        device_title="cpu",
        passes=(),
        options={},
        resize="nearest",
        width=8,
        height=4,
        out_width=WIDTH,
        out_height=HEIGHT,
    ),
    encoding=EncodePlan(
        encoder="x264",
        library="libx264",
        version="1",
        options={},
        pixel_format="yuv420p",
        width=WIDTH,
        height=HEIGHT,
        frame_rate=(24, 1),
        sample_aspect_ratio=(1, 1),
        source_colour=COLOUR,
        matrix=1,
        primaries=1,
        transfer=1,
        full_range=False,
        chroma_location=1,
        container="mkv",
        threads=1,
    ),
    segment_frames=3,
    versions={},
    cpu="",
)
INDEX = FrameIndex(
    time_base=(1, 24),
    pts=list(range(6)),
    end=6,
    starts=[Start(0, 0, 0, 0, None, 1)],
    packets=list(range(6)),
)
SEGMENTS = cut_segments(INDEX, PLAN.segment_frames)
SPOOLED = {1: [0, 1], 2: [3]}
"""Frames of each segment that are spooled before it is rendered."""


def picture(frame: int) -> np.ndarray:
    """Return the upscaled frame."""
    return np.arange(3 * HEIGHT * WIDTH, dtype=np.uint8).reshape(3, HEIGHT, WIDTH) ^ (37 * frame)


def encoded(frames: Iterable[np.ndarray]) -> list[bytes]:
    """Return a segment in the pieces it is written in: its head, two for each frame."""
    body = [part for rgb in frames for part in (rgb.tobytes() * 11, rgb.tobytes() * 2)]
    return [hashlib.sha256(b"".join(body)).digest(), *body]


SEGMENT_BYTES = [b"".join(encoded(map(picture, segment.frames))) for segment in SEGMENTS]
OUTPUT = b"".join(SEGMENT_BYTES)


class Desk:
    """What `Supervisor` is to a run; what its worker would write it writes itself, when asked.

    Of single frames nothing is told, as that is saved by the clock.
    """

    def __init__(self, video: Path) -> None:
        probe = msgspec.structs.replace(PLAN.probe, path=str(video))
        self._plan = msgspec.structs.replace(PLAN, probe=probe)
        self._reports: deque[Iterator[m.Message]] = deque()
        self._paths: SessionPaths
        self._files: FrameFiles

    def check_cancel(self) -> None:
        """Nobody wishes to stop."""

    def begin_to_stop(self) -> None:
        """There is nothing to save."""

    def stop(self, _on_report: Callable[[m.Message], None]) -> None:
        """There is nothing to end."""

    def open(self, job: m.Open) -> None:
        """Work on a session."""
        self._paths = SessionPaths(Path(job.root), job.session_id)
        self._files = FrameFiles(
            self._paths, job.plan, keep_frames=job.keep_frames, on_damage=lambda _: None
        )

    def ask(self, request: m.Message, _answer: object, _on_report: object = None) -> m.Message:
        """Answer all but the rendering."""
        match request:
            case m.MakePlan():
                return m.PlanMade(plan=self._plan)
            case m.BuildIndex():
                return m.IndexBuilt(index=INDEX)
            case m.Combine():
                return self._combine(request)
        raise AssertionError(f"unexpected request {request!r}")

    def send(self, request: m.Message) -> None:
        """Take what `receive` will answer."""
        if isinstance(request, m.Render):
            self._reports.append(self._render(request))

    def receive(self) -> m.Message:
        """Go on with the first segment until there is something to tell."""
        while (report := next(self._reports[0], None)) is None:
            self._reports.popleft()
        return report

    def _render(self, request: m.Render) -> Iterator[m.Message]:
        group = [f for f in SPOOLED[request.segment] if self._files.read_upscaled(f) is None]
        if group:
            self._files.write_upscaled([Finished(f, picture(f), 1.0) for f in group])
            yield m.Spooled(frames=group)
        segment = Segment(request.segment, request.first, request.last)
        rgb = [_or(self._files.read_upscaled(f), picture(f)) for f in segment.frames]
        head, *body = encoded(rgb)
        with PendingFile(self._paths.segment_temporary(segment.number)) as pending:
            pending.file.write(bytes(len(head)))
            for part in body:
                pending.file.write(part)
            pending.file.seek(0)
            pending.file.write(head)  # a container knows its length at the end
            size = pending.finish()
        yield m.SegmentRendered(
            segment=segment.number,
            temporary=str(pending.path),
            size=size,
            sha256=hashlib.sha256(head + b"".join(body)).hexdigest(),
            frames_computed=len(segment),
            failed=[],
            seconds={},
            reused=0.0,
        )

    def _combine(self, request: m.Combine) -> m.Combined:
        owner = self._paths.session_id
        with PendingFile(Path(request.output), None, owner, mode=usual_mode()) as pending:
            for path in request.segments:
                pending.file.write(Path(path).read_bytes())
            size = pending.finish()
        digest = hashlib.sha256(pending.path.read_bytes()).hexdigest()
        return m.Combined(temporary=str(pending.path), size=size, sha256=digest)


def _or(found: np.ndarray | None, other: np.ndarray) -> np.ndarray:
    return other if found is None else found
