"""Finding what is damaged, missing or strange in a session, and clearing it out of the way."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from tsuzuki.durable import Durable, is_other_kind, is_temporary, storage_errors
from tsuzuki.errors import SessionDamagedError
from tsuzuki.sessions import summary
from tsuzuki.sessions.cleanup import has_work
from tsuzuki.sessions.frame_index import decode_index
from tsuzuki.sessions.index import read_index_as
from tsuzuki.sessions.layout import (
    KEPT,
    SessionPaths,
    frame_name,
    number_of_frame,
    number_of_record,
    number_of_segment,
    number_of_upscaled,
)
from tsuzuki.sessions.lock import SessionLock, left_alone
from tsuzuki.sessions.progress import MAX_RANGES, ProgressData
from tsuzuki.sessions.ranges import FrameRanges
from tsuzuki.sessions.records import Damage, read_records, tidy
from tsuzuki.sessions.sealed import NotSealedError
from tsuzuki.sessions.stamp import check_frame

_ASIDE = re.compile(r".+\.damaged-[0-9]+", re.DOTALL)
_SHOWN_RANGES = 8
_OTHER_KIND = "it is no ordinary file"
_ALL_EXTRACTED = "failed_frames"
"""Is remembered by the extract step once it has written every frame."""


class Report(msgspec.Struct, frozen=True):
    """What was found in a session."""

    session_id: str
    problems: list[Damage] = []
    """Files that are damaged or missing."""
    notes: list[Damage] = []
    """Files that do no harm and are not used."""


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a session, and what is left to do."""

    session_id: str
    aside: list[Path]
    """Where the damaged files are now."""
    removed: list[Path]
    """Files that belonged to nothing: unfinished ones, and segments that no record names."""
    rebuilt: bool
    """Whether the summary was made anew."""
    frames_again: int
    """Frames that had been finished, as far as is known, and have to be computed again."""
    frames_done: int
    """Frames that are sealed or spooled."""
    frames_total: int | None
    """Frames in all; None where the index has to be made again."""
    completed: bool
    """Whether the output is complete, so that nothing is computed any more."""


def check(paths: SessionPaths, *, read_data: bool = False) -> Report:
    """Say what is damaged, missing or strange; nothing is changed, moved or decoded.

    Without ``read_data`` segments and single frames are judged by their sizes; with it every bit
    of them is compared with what was written. Raises `SessionBusyError` while somebody works on
    the session, `SessionNotFoundError` where there is none, `SessionError` for one of a newer
    version, and `StorageError` where the disk refuses to read.
    """
    _open(paths)
    with left_alone(paths):
        found = _Look(paths, read_data=read_data)
    return Report(paths.session_id, found.problems, found.notes)


def repair(paths: SessionPaths, durable: Durable | None = None) -> Repaired:
    """Clear the way for the next run: whatever is damaged is set aside and kept.

    Every bit is read. The summary is made anew where it is damaged or missing, and says afterwards
    what is there. A kill in the midst of it does no harm; repairing again goes on. Raises as
    `check` does, and `SessionDamagedError` where the summary cannot be made anew.
    """
    durable = durable or Durable()
    _open(paths)
    with SessionLock(paths, durable) as lock:
        found = _Look(paths, read_data=True)
        if found.progress is None and found.frames is None and summary.is_lost(paths):
            raise summary.lost(paths)
        for folder in paths.folders:
            durable.make_folder(folder)
        aside = lock.aside + [durable.move_aside(path) for path in found.bad]
        tidied = tidy(paths, found.records, durable)
        aside += tidied.aside
        if found.progress is None and os.path.lexists(paths.progress):
            aside.append(durable.move_aside(paths.progress))
        progress = summary.load(paths, durable)
        left = _Look(paths, read_data=False)
        if progress is not None and left.problems:
            _correct(progress, left)
            summary.save(paths, progress, durable)
    return Repaired(
        session_id=paths.session_id,
        aside=aside,
        removed=tidied.removed,
        rebuilt=found.progress is None and progress is not None,
        frames_again=len(found.finished_once().minus(left.done)),
        frames_done=len(left.done),
        frames_total=left.frames,
        completed=found.is_completed,
    )


class _Look:
    """One look at every file of a session."""

    def __init__(self, paths: SessionPaths, *, read_data: bool) -> None:
        self._paths = paths
        self._read_data = read_data
        self.problems: list[Damage] = []
        self.notes: list[Damage] = []
        self.bad: list[Path] = []
        """Files to set aside; damaged records come apart, with their segments."""
        self.has_begun = has_work(paths) or os.path.lexists(paths.index)
        self.progress = self._look_at_summary()
        self.frames = self._look_at_index()
        self.records = read_records(paths, verify_data=read_data)
        self.problems += self.records.damaged
        self.done = self.records.completed()
        self._sources = FrameRanges()
        self._look_at_folders()
        self.lost = self._claimed().minus(self.done)
        """Frames that the summary has for finished and that are not there."""
        self.lost_sources = self._find_lost_sources()
        self._tell_what_is_missing()

    @property
    def is_completed(self) -> bool:
        """Whether only kept frames are left, beside a complete output."""
        return self.progress is not None and self.progress["status"] == "completed"

    def finished_once(self) -> FrameRanges:
        """Return the frames that were finished at some time, as far as that is known."""
        frames = self._claimed()
        reached = self._remembered("upscale").get("reached", 0)
        # Frames are computed in order.
        if furthest := max((reached, *(last for _, last in self.done.ranges()))):
            frames.add(1, furthest)
        for damage in self.records.damaged:
            if damage.frames is not None:
                frames.add(*damage.frames)
        for path in self.bad:
            if (number := number_of_upscaled(path.name)) is not None:
                frames.add(number)
        return frames

    def _look_at_summary(self) -> ProgressData | None:
        path = self._paths.progress
        try:
            return summary.read(self._paths)
        except FileNotFoundError:
            if self.has_begun:
                self.problems.append(Damage(path, "it is missing"))
            else:
                self.notes.append(Damage(path, "it is missing, and nothing has been done yet"))
        except SessionDamagedError as error:
            self.problems.append(Damage(path, _reason(error)))
        return None

    def _look_at_index(self) -> int | None:
        """Return the number of frames in the index, where it is sound."""
        path = self._paths.index
        try:
            index = read_index_as(self._paths, decode_index)
        except SessionDamagedError as error:
            self._is_bad(path, error)
            return None
        if index is None and self._is_extracted():
            self.problems.append(Damage(path, "it is missing"))
        return None if index is None else len(index)

    def _look_at_folders(self) -> None:
        paths = self._paths
        for folder in paths.folders[1:]:
            if not folder.is_dir() and self.progress is not None:
                self.problems.append(Damage(folder, "the folder is missing"))
        if is_other_kind(paths.lock):
            self.problems.append(Damage(paths.lock, f"{_OTHER_KIND}; remove it"))
        if is_other_kind(paths.owner):
            self.problems.append(Damage(paths.owner, _OTHER_KIND))
        known = {p.name for p in (*paths.folders, paths.progress, paths.lock, paths.owner)}
        for path in _files(paths.folder):
            if path.name not in known:
                self._is_stray(path)
        for path in _files(paths.frames):
            number = number_of_frame(path.name)
            if number is not None and path.name == frame_name(number):
                self._sources.add(number)
                self._look_at_frame(path)
            elif path != paths.index:
                self._is_stray(path)
        self._look_at_upscaled()

    def _look_at_upscaled(self) -> None:
        named = {record.file for record in self.records.good}
        damaged = {damage.segment for damage in self.records.damaged}
        for path in _files(self._paths.upscaled):
            segment = number_of_segment(path.name)
            if number_of_upscaled(path.name) is not None:
                self._look_at_frame(path)
            elif segment is None and number_of_record(path.name) is None:
                self._is_stray(path)
            elif segment is None or path.name in named or segment in damaged:
                continue
            elif is_other_kind(path):
                self.problems.append(Damage(path, _OTHER_KIND))
            else:
                self.notes.append(Damage(path, "no record names this segment"))

    def _look_at_frame(self, path: Path) -> None:
        try:
            check_frame(path, self._paths.session_id, read_data=self._read_data)
        except (NotSealedError, SessionDamagedError) as error:
            self._is_bad(path, error)

    def _is_bad(self, path: Path, error: Exception) -> None:
        self.bad.append(path)
        self.problems.append(Damage(path, _reason(error)))

    def _is_stray(self, path: Path) -> None:
        if is_temporary(path.name):
            self.notes.append(Damage(path, "it was being written when the program ended"))
        elif _ASIDE.fullmatch(path.name):
            self.notes.append(Damage(path, "it was damaged and set aside earlier"))
        else:
            self.notes.append(Damage(path, "it is not known here"))

    def _remembered(self, step: str) -> dict[str, Any]:
        steps: Any = {} if self.progress is None else self.progress["steps"]
        data: dict[str, Any] = steps.get(step, {}).get("data", {})
        return data

    def _is_extracted(self) -> bool:
        if self.progress is None or self.is_completed:
            return False
        return self.progress["steps"]["extract"]["status"] == "completed"

    def _claimed(self) -> FrameRanges:
        return FrameRanges((a, b) for a, b in self._remembered("upscale").get("completed", ()))

    def _keeps_frames(self) -> bool:
        return self.progress is not None and bool(self.progress["settings"].get("keep_frames"))

    def _find_lost_sources(self) -> FrameRanges:
        """Return the extracted frames that are not there though all were written."""
        if not (
            self._keeps_frames() and self.frames and _ALL_EXTRACTED in self._remembered("extract")
        ):
            return FrameRanges()
        return FrameRanges([(1, self.frames)]).minus(self._sources)

    def _tell_what_is_missing(self) -> None:
        if self.lost:
            reason = f"finished frames are missing: {_shown(self.lost)}"
            self.problems.append(Damage(self._paths.upscaled, reason))
        if self.lost_sources:
            reason = f"extracted frames are missing: {_shown(self.lost_sources)}"
            self.problems.append(Damage(self._paths.frames, reason))
        if self._keeps_frames():
            sealed = FrameRanges((record.first, record.last) for record in self.records.good)
            kept = FrameRanges((n, n) for n in sorted(self._kept))
            if unkept := sealed.minus(kept):
                reason = f"sealed frames are not kept as {KEPT} yet: {_shown(unkept)}"
                self.notes.append(Damage(self._paths.upscaled, reason))

    @property
    def _kept(self) -> list[int]:
        files = self.records.spooled.items()
        return [number for number, path in files if path.suffix == f".{KEPT}"]


def _open(paths: SessionPaths) -> None:
    if not paths.exists():
        raise paths.missing()
    paths.check()


def _correct(progress: ProgressData, left: _Look) -> None:
    """Have a sound summary say no more than what is left."""
    extract, upscale = progress["steps"]["extract"], progress["steps"]["upscale"]
    if left.lost:
        upscale["data"]["completed"] = left.done.to_list(MAX_RANGES)
        if left.frames:
            upscale["progress"] = 100 * len(left.done) / left.frames
    if left.lost_sources:
        del extract["data"][_ALL_EXTRACTED]
    if left.is_completed:
        return
    progress["status"] = "in_progress"
    if left.lost_sources or (left.frames is None and extract["status"] == "completed"):
        extract["status"], extract["progress"] = "in_progress", 0.0
    if left.lost:
        upscale["status"] = "in_progress"


def _reason(error: Exception) -> str:
    details = error.details if isinstance(error, SessionDamagedError) else {}
    return str(details.get("reason", error))


def _files(folder: Path) -> list[Path]:
    with storage_errors(folder):
        return sorted(folder.iterdir()) if folder.is_dir() else []


def _shown(frames: FrameRanges) -> str:
    ranges = [str(a) if a == b else f"{a}-{b}" for a, b in frames.ranges()]
    return ", ".join(ranges[:_SHOWN_RANGES]) + (" …" if len(ranges) > _SHOWN_RANGES else "")
