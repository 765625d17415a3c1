"""The runner's view of a session's finished work: sealed segments and upscaled frames."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tsuzuki.durable import Durable, sha256_of, storage_errors
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.plan import Plan, Segment
from tsuzuki.sessions.layout import (
    KEPT,
    SPOOLED,
    SessionPaths,
    number_of_frame,
    upscaled_name,
)
from tsuzuki.sessions.progress import utc_now
from tsuzuki.sessions.ranges import FrameRanges
from tsuzuki.sessions.records import (
    SegmentRecord,
    mixed_identities,
    read_records,
    tidy,
    write_record,
)


def is_frame(name: str) -> bool:
    """Tell whether a file of this name holds an extracted frame."""
    return number_of_frame(name) is not None


class Store:
    """Sealed segments and upscaled frames of one session. Frames are numbered from 0 here."""

    def __init__(self, paths: SessionPaths, *, keep_frames: bool) -> None:
        self.paths = paths
        self.suffix = KEPT if keep_frames else SPOOLED
        self.disk_used = 0
        """Bytes of segments and upscaled frames."""
        self.frames_sealed = self.frames_damaged = 0
        """Frames of sealed segments, and those among them that could not be decoded whole."""
        self._durable = Durable()
        self._folder = f"{paths.upscaled}{os.sep}"
        self._records: dict[int, SegmentRecord] = {}
        self._frames: dict[int, tuple[str, int]] = {}
        """Suffix and size in bytes of the upscaled frames on disk, by frame."""

    def load(self, segments: Sequence[Segment]) -> list[str]:
        """Find out what is there; keep aside what is damaged and say what that was."""
        found = read_records(self.paths)
        aside = tidy(self.paths, found, self._durable).aside
        for record in found.good:
            segment = segments[record.segment - 1] if record.segment <= len(segments) else None
            if segment is None or (record.first, record.last) != (segment.first + 1, segment.last):
                aside.append(self._durable.move_aside(self.paths.record(record.segment)))
            else:
                self._count(record)
        for number, path in found.spooled.items():
            self._add(number - 1, path.suffix[1:])
        return [f"{path.name} ({path.parent})" for path in aside]

    @property
    def records(self) -> list[SegmentRecord]:
        """Records of the sealed segments."""
        return list(self._records.values())

    def is_sealed(self, segment: Segment) -> bool:
        """Tell whether the segment's file and record are safe, and its kept frames are there."""
        return segment.number in self._records and (
            self.suffix != KEPT or all(self._suffix(f) == KEPT for f in segment.frames)
        )

    def frames_of(self, segment: Segment) -> list[int]:
        """Return the frames of the segment that lie upscaled on disk."""
        return [frame for frame in segment.frames if frame in self._frames]

    def file_of(self, segment: Segment) -> Path:
        """Return the file of a sealed segment."""
        return self.paths.segment(segment.number, self._records[segment.number].sha256)

    def completed(self) -> FrameRanges:
        """Return the frames (from 1) that are sealed or lie upscaled on disk."""
        ranges = FrameRanges((record.first, record.last) for record in self._records.values())
        for frame in sorted(self._frames):
            ranges.add(frame + 1)
        return ranges

    def open_frames(self, segments: Iterable[Segment], computed: FrameRanges) -> FrameRanges:
        """Return those of the frames (from 1) whose segments are not sealed."""
        sealed = (s for s in segments if s.number in self._records)
        return computed.minus(FrameRanges((s.first + 1, s.last) for s in sealed))

    def is_mixed(self, identity: str) -> bool:
        """Tell whether segments were made with other settings, models or versions than these."""
        return mixed_identities(self._records.values(), present=identity)

    def failed_frames(self) -> set[int]:
        """Return the frames, from 1, that could not be decoded whole, over all sealed segments."""
        return {f for record in self._records.values() for f in record.failed}

    def reused(self) -> float:
        """Return the share of the sealed frames' area that was taken over from frames before."""
        shares = [(r.reuse_share or 0.0, r.frames) for r in self._records.values()]
        frames = sum(count for _, count in shares)
        return sum(share * count for share, count in shares) / frames if frames else 0.0

    def seal(
        self, segment: Segment, rendered: m.SegmentRendered, plan: Plan, identity: str
    ) -> None:
        """Commit a rendered segment: its file gets its name, then its record is published."""
        path = self.paths.segment(segment.number, rendered.sha256)
        self._durable.publish_file(Path(rendered.temporary), path)
        record = SegmentRecord(
            session_id=self.paths.session_id,
            segment=segment.number,
            first=segment.first + 1,
            last=segment.last,
            size=rendered.size,
            sha256=rendered.sha256,
            frames=len(segment),
            frames_computed=rendered.frames_computed,
            failed=[frame + 1 for frame in rendered.failed],
            seconds=rendered.seconds,
            reuse_share=rendered.reused,
            device=plan.upscaling.device,
            engine=f"{plan.upscaling.engine} {plan.upscaling.engine_version}",
            cpu=plan.cpu,
            sealed_at=utc_now(),
            identity=identity,
        )
        if write_record(self.paths, record, self._durable):
            self._count(record)

    def discard(self, rendered: m.SegmentRendered) -> None:
        """Remove a rendered segment that is not needed."""
        self._durable.remove_files([Path(rendered.temporary)])

    def set_damaged_aside(
        self, segments: Iterable[Segment], check: Callable[[], None]
    ) -> list[str]:
        """Read every sealed segment; keep aside what has changed since and say what that was.

        ``check`` is called again and again and may raise, as when the user wants to stop.
        """
        aside = []
        for segment in segments:
            path = self.file_of(segment)
            with storage_errors(path):
                there = path.is_file()
            if not there or sha256_of(path, check) != self._records[segment.number].sha256:
                self.disk_used -= self._records.pop(segment.number).size
                if there:
                    self._durable.move_aside(path)
                self._durable.move_aside(self.paths.record(segment.number))
                aside.append(path.name)
        return aside

    def set_others_aside(self, identity: str) -> list[str]:
        """Keep segments aside that were made with other settings, models or versions than these."""
        others = [r for r in read_records(self.paths).good if r.identity not in {"", identity}]
        for record in others:
            self._durable.move_aside(self.paths.upscaled / record.file)
            self._durable.move_aside(self.paths.record(record.segment))
        return [record.file for record in others]

    def add_frames(self, frames: Iterable[int]) -> None:
        """Know that upscaled frames have been written.

        One that took the place of a damaged frame may have been dropped with that already: its
        segment was sealed before this was told.
        """
        for frame in frames:
            with contextlib.suppress(FileNotFoundError):
                self._add(frame, self.suffix)

    def drop_frames(self, segment: Segment) -> None:
        """Remove the spooled frames of a sealed segment; kept frames stay."""
        paths = []
        for frame in self.frames_of(segment):
            if self._suffix(frame) == SPOOLED:
                self.disk_used -= self._frames.pop(frame)[1]
                paths.append(self._path(frame, SPOOLED))
        self._durable.remove_files(paths)

    def drop_open(self, segments: Iterable[Segment]) -> int:
        """Remove the upscaled frames that lie in no sealed segment, kept ones too; say how many."""
        sealed = {f for s in segments if s.number in self._records for f in s.frames}
        paths = []
        for frame in sorted(self._frames.keys() - sealed):
            suffix, size = self._frames.pop(frame)
            self.disk_used -= size
            paths.append(self._path(frame, suffix))
        self._durable.remove_files(paths)
        return len(paths)

    def has_source(self, frames: int) -> bool:
        """Tell whether there are as many extracted frames."""
        return sum(is_frame(path.name) for path in self.paths.frames.iterdir()) == frames

    def drop_source(self) -> None:
        """Set the frame index aside and remove the extracted frames: they are of another video."""
        if self.paths.index.exists():
            self._durable.move_aside(self.paths.index)
        names = [path for path in self.paths.frames.iterdir() if is_frame(path.name)]
        self._durable.remove_files(names)

    def _count(self, record: SegmentRecord) -> None:
        self._records[record.segment] = record
        self.disk_used += record.size
        self.frames_sealed += record.frames
        self.frames_damaged += len(record.failed)

    def _add(self, frame: int, suffix: str) -> None:
        _, size_before = self._frames.get(frame, ("", 0))
        with storage_errors(self.paths.upscaled):
            # No Path: making one would take half the time of all this.
            size = os.lstat(self._folder + upscaled_name(frame + 1, suffix)).st_size
        self._frames[frame] = suffix, size
        self.disk_used += size - size_before

    def _suffix(self, frame: int) -> str | None:
        return self._frames.get(frame, (None, 0))[0]

    def _path(self, frame: int, suffix: str) -> Path:
        return self.paths.upscaled_frame(frame + 1, suffix)
