"""Records of sealed segments. A record is the commit: what none of them names does not count."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from tsuzuki.durable import Durable, is_other_kind, read_bounded, sha256_of, storage_errors
from tsuzuki.errors import SessionDamagedError
from tsuzuki.sessions.layout import (
    KEPT,
    MAX_FRAMES,
    MAX_SEGMENTS,
    SessionPaths,
    number_of_record,
    number_of_segment,
    number_of_upscaled,
    segment_name,
)
from tsuzuki.sessions.ranges import FrameRanges
from tsuzuki.sessions.sealed import seal, unseal

MAX_RECORD_BYTES = 1 << 20

_Count = Annotated[int, Meta(ge=0, le=MAX_FRAMES)]
_Frame = Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
_Seconds = Annotated[float, Meta(ge=0, le=1e9)]
_Word = Annotated[str, Meta(max_length=200)]


class SegmentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed segment. Frames and segments are numbered from 1."""

    session_id: str
    segment: Annotated[int, Meta(ge=1, le=MAX_SEGMENTS)]
    first: _Frame
    """First frame."""
    last: _Frame
    """Last frame, included."""
    size: Annotated[int, Meta(ge=1, le=1 << 50)]
    """Bytes of the file."""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """Of the file."""
    frames: _Count
    """Number of frames in the file."""
    frames_computed: _Count
    """Frames of it that the sealing run computed; the others were read from spooled frames."""
    failed: list[_Frame] = []
    """Frames that could not be decoded whole: patched, or repeating a neighbour; rising."""
    seconds: dict[_Word, _Seconds] = {}
    """Time that each part of the work took."""
    reuse_share: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Share of the picture's area that was taken from earlier frames."""
    device: _Word = ""
    """Device that rendered it, such as ``cpu`` or ``gpu:0``."""
    engine: _Word = ""
    """Engine that rendered it, with its version."""
    cpu: Annotated[str, Meta(max_length=2000)] = ""
    """Instruction sets of the processor, which may change the last bits."""
    sealed_at: _Word = ""
    """ISO 8601."""
    identity: Annotated[str, Meta(pattern=r"^[0-9a-f]{0,64}\Z")] = ""
    """`identity_digest` of the settings, models and versions that made it; empty if unknown."""
    file: str = ""
    """Name of the segment's file. It is computed; a record that states another one is refused."""

    def __post_init__(self) -> None:
        if self.last < self.first or self.frames != self.last - self.first + 1:
            raise ValueError("its number of frames does not agree with its range")
        if self.frames_computed > self.frames:
            raise ValueError("it computed more frames than it has")
        if any(not self.first <= number <= self.last for number in self.failed):
            raise ValueError("a failed frame lies outside its range")
        name = segment_name(self.segment, self.sha256)
        if not self.file:
            msgspec.structs.force_setattr(self, "file", name)
        elif self.file != name:
            raise ValueError("its file has a name that is not its own")


class Damage(msgspec.Struct, frozen=True):
    """A file of a session that is damaged or missing, and in what way."""

    path: Path
    reason: str
    segment: int | None = None
    """Number of the segment that has to be rendered again."""
    frames: tuple[int, int] | None = None
    """First and last frame of it, where they are known."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Records(msgspec.Struct, frozen=True):
    """What the folder of upscaled frames holds."""

    good: list[SegmentRecord]
    """Segments that count, in rising order and without overlap."""
    damaged: list[Damage]
    """What was found damaged or missing and is not used."""
    spooled: dict[int, Path]
    """Files of single upscaled frames, by number from 1, contents unverified."""

    def completed(self) -> FrameRanges:
        """Return the frames that are sealed or spooled."""
        ranges = FrameRanges((record.first, record.last) for record in self.good)
        for number in sorted(self.spooled):
            ranges.add(number)
        return ranges


def write_record(
    paths: SessionPaths, record: SegmentRecord, durable: Durable | None = None
) -> bool:
    """Commit a segment whose file is durable. False if it is committed already; the first wins."""
    if record.session_id != paths.session_id:
        raise ValueError("The record belongs to another session.")
    return (durable or Durable()).publish(
        paths.record(record.segment), seal(msgspec.json.encode(record))
    )


def read_records(paths: SessionPaths, *, verify_data: bool = False) -> Records:
    """Return what is sealed and spooled; only good records count, the others are listed.

    With ``verify_data`` every segment is read and its digest compared, which takes long. Raises
    `StorageError` where the disk refuses to read: that says nothing about the records.
    """
    paths.check()
    numbers, sizes, spooled = _list(paths.upscaled)
    records = Records([], [], spooled)
    for number in sorted(numbers):
        path, frames = paths.record(number), None
        try:
            record = _read(paths, path, number)
            frames = record.first, record.last
            _check_file(record, sizes.get(record.file))
            _check_order(records.good, record)
            if verify_data:
                _check_data(paths, record)
        except FileNotFoundError:
            continue
        except (ValueError, SessionDamagedError) as error:
            records.damaged.append(Damage(path, str(error), number, frames))
        else:
            records.good.append(record)
    return records


def mixed_identities(records: Iterable[SegmentRecord], present: str = "") -> bool:
    """Whether segments were made with different settings, models or versions.

    ``present`` is the digest of what the next segments are made with. Records that do not say it
    do not count.
    """
    return len({present, *(record.identity for record in records)} - {""}) > 1


class Tidied(NamedTuple):
    """What was cleared out of the way."""

    aside: list[Path]
    """Where the damaged files, and folders or links in the place of files, are now."""
    removed: list[Path]
    """Files that belonged to nothing."""


def tidy(paths: SessionPaths, records: Records, durable: Durable | None = None) -> Tidied:
    """Clear the way for the next run.

    Damaged records, and segment files of theirs, are renamed and kept; so is whatever has a
    segment's name and is no ordinary file. Segment files that no record names, and what dead
    processes left under temporary names, are removed. For the holder of the session's lock.
    """
    durable = durable or Durable()
    removed: list[Path] = []
    for folder in (paths.folder, paths.frames, paths.upscaled):
        with contextlib.suppress(FileNotFoundError):
            removed += durable.sweep_temporary(folder)
    named = {record.file for record in records.good}
    damaged = {damage.segment for damage in records.damaged}
    with storage_errors(paths.upscaled):
        segments = [e.name for e in _entries(paths.upscaled) if number_of_segment(e.name)]
    aside, garbage = [], []
    for path in (paths.upscaled / name for name in sorted(segments) if name not in named):
        if number_of_segment(path.name) in damaged or is_other_kind(path):
            aside.append(durable.move_aside(path))
        else:
            garbage.append(path)
    durable.remove_files(garbage)
    # The records go last: until then a kill leaves the damage as plain to see as it was.
    aside += [durable.move_aside(damage.path) for damage in records.damaged]
    return Tidied(aside, removed + garbage)


def _read(paths: SessionPaths, path: Path, number: int) -> SegmentRecord:
    try:
        body = unseal(read_bounded(path, MAX_RECORD_BYTES))
        record = _decoder.decode(body)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if record.session_id != paths.session_id or record.segment != number:
        raise ValueError("it belongs to another segment or session")
    return record


def _check_file(record: SegmentRecord, size: int | None) -> None:
    if size is None:
        raise ValueError(f"its file {record.file} is missing")
    if size != record.size:
        raise ValueError(f"its file {record.file} has {size} bytes, not {record.size}")


def _check_order(good: list[SegmentRecord], record: SegmentRecord) -> None:
    if good and record.first <= good[-1].last:
        raise ValueError("its frames belong to the segment before it as well")


def _check_data(paths: SessionPaths, record: SegmentRecord) -> None:
    if sha256_of(paths.upscaled / record.file) != record.sha256:
        raise ValueError(f"the contents of {record.file} have changed")


def _list(folder: Path) -> tuple[list[int], dict[str, int], dict[int, Path]]:
    """Return the numbers of records, the sizes of segments, and the files of single frames."""
    numbers: list[int] = []
    sizes: dict[str, int] = {}
    spooled: dict[int, Path] = {}
    with storage_errors(folder):
        for entry in _entries(folder):
            if (record := number_of_record(entry.name)) is not None:
                numbers.append(record)
            elif (frame := number_of_upscaled(entry.name)) is not None:
                # A kept frame is worth more than a spooled one of the same number.
                better = frame not in spooled or entry.name.endswith(KEPT)
                if better and entry.is_file(follow_symlinks=False):
                    spooled[frame] = Path(entry.path)
            elif number_of_segment(entry.name) is not None:
                sizes |= _size(entry)
    return numbers, sizes, spooled


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _size(entry: os.DirEntry[str]) -> dict[str, int]:
    """Return name and bytes of an ordinary file; nothing for others and where it is gone."""
    try:
        facts = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return {}
    return {entry.name: facts.st_size} if stat.S_ISREG(facts.st_mode) else {}


_decoder = msgspec.json.Decoder(SegmentRecord)
