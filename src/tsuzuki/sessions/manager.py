"""Sessions on disk: making, finding, saving, loading and removing them."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, cast, overload

import msgspec

from tsuzuki.durable import Durable, read_bounded, storage_errors
from tsuzuki.errors import (
    ResourceError,
    SessionDamagedError,
    SessionDiffersError,
    SessionError,
    SettingsError,
    TsuzukiError,
)
from tsuzuki.sessions import check, cleanup, identity, moving, summary
from tsuzuki.sessions.check import Repaired, Report
from tsuzuki.sessions.identity import Difference, Settings
from tsuzuki.sessions.index import read_index_as, write_index
from tsuzuki.sessions.layout import (
    BEGUN,
    SessionPaths,
    check_root,
    is_session_id,
    make_root,
    number_of_frame,
    sessions_root,
)
from tsuzuki.sessions.live import SAVE_SECONDS, LiveProgress
from tsuzuki.sessions.lock import held_here
from tsuzuki.sessions.monitor import PerformanceMonitor
from tsuzuki.sessions.pictures import is_source
from tsuzuki.sessions.progress import (
    STATES,
    STEPS,
    ProgressData,
    StepName,
    StepStatus,
    check_progress,
    encode_progress,
    new_progress,
)
from tsuzuki.sessions.ranges import FrameRanges
from tsuzuki.sessions.records import read_records
from tsuzuki.sessions.saver import AsyncProgressSaver
from tsuzuki.sessions.search import SessionMatch, is_same_job, match_sessions
from tsuzuki.settings import ProcessingSettings

_log = logging.getLogger(__name__)

IDLE_SECONDS = 3600.0
"""Nobody takes so long to write a file that lies beside the sessions."""
_MAX_MARK_BYTES = 1024

Confirm = Callable[[ProgressData], bool]
_T = TypeVar("_T")


class SessionManager:
    """All sessions in one folder, ``root`` (see `layout.sessions_root` for the default).

    Updates of steps and frames are kept in memory and saved by a thread, every ten frames and at
    least every two seconds; `flush` waits for them. What is done is decided by records of segments
    and spooled frames, so a kill before that loses nothing. Safe to use from several threads.
    """

    def __init__(
        self, root: str | os.PathLike[str] | None = None, *, durable: Durable | None = None
    ) -> None:
        self.root = sessions_root(root)
        check_root(self.root)
        self.monitor = PerformanceMonitor()
        self._durable = durable or Durable()
        self._live: dict[str, LiveProgress] = {}
        self._saver: AsyncProgressSaver | None = None
        self._timer: threading.Timer | None = None
        self._guard = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Finding and making

    def paths(self, session_id: str) -> SessionPaths:
        """Return the paths of a session; `SessionNotFoundError` for what is no id."""
        return SessionPaths(self.root, session_id)

    def get_progress_file(self, session_id: str) -> Path:
        """Return the path of the summary."""
        return self.paths(session_id).progress

    def generate_session_id(self, video_path: str | os.PathLike[str], settings: Settings) -> str:
        """Return the id of the session for this video with these settings."""
        return identity.generate_session_id(video_path, settings)

    def create_session(
        self,
        video_path: str | os.PathLike[str],
        settings: Settings,
        video_info: Mapping[str, Any],
        *,
        output: str | os.PathLike[str] | None = None,
    ) -> str:
        """Make a session and return its id; an existing one is left as it is, with its work.

        ``output`` is where the output will go. Raises `SessionDiffersError` where that session was
        begun with other content of the same path, size and time.
        """
        path = identity.find_video(video_path).path
        session_id = self.generate_session_id(path, settings)
        paths = self.paths(session_id)
        make_root(self.root, self._durable)
        paths.check()
        for folder in paths.folders:
            self._durable.make_folder(folder)
        content = identity.fingerprint(path)
        existing = self.load_progress(session_id)
        if existing is None:
            chosen = ProcessingSettings.from_dict(settings)
            progress = new_progress(session_id, str(path), video_info, chosen, fingerprint=content)
            if output is not None:
                progress["output"] = os.fspath(output)
            summary.check(progress, session_id)
            self.adopt(session_id)
            with contextlib.suppress(FileNotFoundError):  # it has swept the session's folder
                if self._durable.publish(paths.progress, encode_progress(progress)):
                    return session_id
            existing = self.load_progress(session_id)  # another process was first
        if existing is not None and existing.get("fingerprint", content) != content:
            raise _other_content(paths, path)
        return session_id

    def is_own(self, session_id: str) -> bool:
        """Whether the session was begun in this folder, or adopted; else somebody brought it in.

        One whose folder was moved or copied counts as brought in, with its marker or without.
        """
        paths = self.paths(session_id)
        try:
            return read_bounded(paths.begun, _MAX_MARK_BYTES) == _mark(paths.folder)
        except (FileNotFoundError, SessionDamagedError):
            return False

    def adopt(self, session_id: str) -> None:
        """Take a session for one's own: what it names has been agreed to.

        Raises `SessionNotFoundError` where there is no such session.
        """
        if self.is_own(session_id):
            return
        paths = self.paths(session_id)
        try:
            mark = _mark(paths.folder)
        except FileNotFoundError:
            raise paths.missing() from None
        self._durable.write_atomic(paths.begun, mark)

    def find_sessions(
        self, video_path: str | os.PathLike[str], settings: Settings | None = None
    ) -> list[SessionMatch]:
        """Return every session of this video, by path or content, the best fit first.

        Raises `InputNotFoundError` where there is no such file.
        """
        return match_sessions(video_path, settings, self._sessions())

    def find_resumable_session(
        self, video_path: str | os.PathLike[str], settings: Settings
    ) -> ProgressData | None:
        """Return the session to go on with, if it has begun and is not done: see `is_same_job`."""
        for match in self.find_sessions(video_path, settings):
            if is_same_job(match) and self.has_begun(match.progress):
                return match.progress
        return None

    def get_all_resumable_sessions(self) -> list[ProgressData]:
        """Return the sessions that have begun, are not done, and whose video is there."""
        unfinished = self.get_unfinished_sessions()
        return [progress for progress in unfinished if is_source(progress["video_file"])]

    def get_unfinished_sessions(self) -> list[ProgressData]:
        """Return the sessions that have begun and are not done, wherever their video is now."""
        return [progress for progress in self._sessions() if self.has_begun(progress)]

    # Progress

    def load_progress(self, session_id: str) -> ProgressData | None:
        """Return the progress; None only where there is nothing and nothing can be rebuilt.

        A damaged file is reported, kept aside and rebuilt from the finished work. One of a newer
        version raises `SessionError` and stays untouched.
        """
        with self._guard:
            live = self._live.get(session_id)
            if live is not None:
                return _copy(live.present())
        return summary.load(self.paths(session_id), self._durable)

    def require_progress(self, session_id: str) -> ProgressData:
        """Return the progress as `load_progress` does.

        Raises `SessionNotFoundError` where there is no such session, and `SessionDamagedError`
        where there is work in it that cannot be made sense of any more.
        """
        progress = self.load_progress(session_id)
        if progress is None:
            paths = self.paths(session_id)
            raise summary.lost(paths) if summary.is_lost(paths) else paths.missing()
        return progress

    def save_progress(self, session_id: str, progress_data: ProgressData) -> None:
        """Save the progress; it is durable when this returns.

        Raises `SessionError` if it is not the progress of this session.
        """
        self.paths(session_id)
        summary.check(progress_data, session_id)
        with self._guard:
            live = self._live.get(session_id)
            if live is not None:
                live = LiveProgress(_copy(progress_data), live.completed)
                self._live[session_id] = live
            self._saving().save(session_id, progress_data)
        self._saving().flush()

    def state(self, session_id: str) -> ProgressData:
        """Return the progress as it will be saved next, for the runner, who may change it.

        Raises `SessionNotFoundError` where there is no such session.
        """
        return self._working(session_id).progress

    def update_step_status(
        self, session_id: str, step: StepName, status: StepStatus, *, error: str | None = None
    ) -> None:
        """Change the state of a step, with times; durable when this returns.

        ``error`` says why a step failed, or why it is paused.
        """
        if step not in STEPS:
            raise SessionError(f"There is no step {step!r}. The steps are {', '.join(STEPS)}.")
        if status not in STATES:
            raise SessionError(f"There is no state {status!r}. The states are {', '.join(STATES)}.")
        self._working(session_id).set_status(step, status, error)
        self._queue(session_id)
        self._saving().flush()

    def set_step_progress(self, session_id: str, step: StepName, percent: float) -> None:
        """Set how far a step is, 0 to 100; saved within about two seconds."""
        self._save_soon(session_id, due=self._working(session_id).set_progress(step, percent))

    def validate_session_data(self, progress_data: object) -> bool:
        """Whether this is a whole and sane progress of some session."""
        try:
            session_id = cast(Any, progress_data)["session_id"]
            check_progress(progress_data, session_id)
        except (ValueError, TypeError, LookupError, RecursionError):
            return False
        return True

    def flush(self) -> None:
        """Return when every update so far is durable; raises what went wrong with saving."""
        with self._guard:
            for session_id in self._live:
                self._queue(session_id)
            saver = self._saver
        if saver is not None:
            saver.flush()

    def close(self) -> None:
        """Save everything and end the saving thread."""
        self.flush()
        with self._guard:
            saver, self._saver = self._saver, None
            timer, self._timer = self._timer, None
            self._live.clear()
        if timer is not None:
            timer.cancel()
        if saver is not None:
            saver.close()

    # Frames

    def add_completed_frame(self, session_id: str, frame_path: str) -> None:
        """Note that an upscaled frame is safe on disk."""
        self.batch_update_completed_frames(session_id, [frame_path])

    def batch_update_completed_frames(
        self, session_id: str, completed_frames: Iterable[str]
    ) -> None:
        """Note that these upscaled frames (paths or names) are safe on disk."""
        numbers = [_frame_number(name) for name in completed_frames]
        self._save_soon(session_id, due=self._working(session_id).add_frames(numbers))

    def completed_frames(self, session_id: str) -> FrameRanges:
        """Return the numbers (from 1) of the frames that are sealed or spooled on disk.

        The summary forgets frames that have been removed or set aside meanwhile.
        """
        with self._guard:
            live = self._live.get(session_id)
            noted = FrameRanges() if live is None else live.completed.minus(FrameRanges())
        completed = read_records(self.paths(session_id)).completed()
        if live is not None:
            live.forget(noted.minus(completed))
        return completed

    def get_completed_frames(self, session_id: str) -> list[str]:
        """Return the paths of the frames that are done; names only for those in a segment."""
        folder = os.fspath(self.paths(session_id).upscaled) + os.sep
        return [f"{folder}frame_{n:06d}_upscaled.png" for n in self.completed_frames(session_id)]

    def get_remaining_frames(self, session_id: str, all_frames: Iterable[str]) -> list[str]:
        """Return those of the frames (source or upscaled names) that are not done."""
        done = self.completed_frames(session_id)
        return [name for name in all_frames if _frame_number(name) not in done]

    # The frame index

    def save_index(
        self, session_id: str, index: bytes | Mapping[str, Any], *, replace: bool = False
    ) -> bool:
        """Write the frame index (JSON) with the job.

        The first one stays, and False is returned, unless it is to be replaced: as when the job has
        changed, so that a summary rebuilt from it knows.
        """
        raw = index if isinstance(index, bytes) else msgspec.json.encode(index)
        progress = self._working(session_id).present()
        return write_index(self.paths(session_id), progress, raw, self._durable, replace=replace)

    @overload
    def load_index(self, session_id: str) -> bytes | None: ...
    @overload
    def load_index(self, session_id: str, decode: Callable[[bytes], _T]) -> _T | None: ...
    def load_index(self, session_id: str, decode: Callable[[bytes], Any] = bytes) -> Any:
        """Return the frame index (JSON), as ``decode`` understands it; None where there is none.

        A damaged one, and one of which ``decode`` says `ValueError`, is reported and kept aside.
        """
        paths = self.paths(session_id)
        try:
            return read_index_as(paths, decode)
        except SessionDamagedError as error:
            aside = self._durable.move_aside(paths.index)
            _log.warning("%s The damaged file is kept as %s.", error, aside)
            return None

    # Damage

    def check_session(self, session_id: str, *, read_data: bool = False) -> Report:
        """Say what is damaged, missing or strange in a session; see `check.check`."""
        return check.check(self.paths(session_id), read_data=read_data)

    def repair_session(self, session_id: str) -> Repaired:
        """Clear what is damaged in a session out of the way; see `check.repair`."""
        self.flush()
        repaired = check.repair(self.paths(session_id), self._durable)
        with self._guard:
            self._live.pop(session_id, None)
        return repaired

    # Moving and removing

    def move_session(self, session_id: str, root: str | os.PathLike[str]) -> SessionPaths:
        """Move a session into the sessions folder ``root`` and return where it is there.

        Every byte is compared before it is removed here, so that a kill loses nothing; the same
        call again then finishes. Raises `SettingsError` for this very folder, `SessionBusyError`
        while a process works on it, and `SessionError` where other work is in the way.
        """
        other = SessionManager(root, durable=self._durable)
        if other.root.resolve() == self.root.resolve():
            raise SettingsError(f"The session is in {self.root} already. Choose another folder.")
        paths, target = self.paths(session_id), other.paths(session_id)
        self.flush()
        with self._guard:
            self._live.pop(session_id, None)
        is_own = self.is_own(session_id)

        def adopt() -> None:
            if is_own:  # what was brought in here stays that there
                other.adopt(session_id)

        moving.move_session(paths, target, adopt, self._durable)
        return target

    def cleanup_session(self, session_id: str, *, keep_frames: bool = False) -> None:
        """Remove a session; with ``keep_frames`` its PNG frames and its summary stay.

        Raises `SessionBusyError` while another process works on it, `SessionNotFoundError` where
        there is none.
        """
        paths = self.paths(session_id)
        if keep_frames:
            self.flush()
            cleanup.keep_only_frames(paths, self._durable)
            return
        with self._guard:
            self._live.pop(session_id, None)
        with contextlib.suppress(ResourceError):  # what could not be saved is removed
            self.flush()
        if not paths.exists():
            raise paths.missing()
        cleanup.remove_session(paths, self._durable)

    def cleanup_old_sessions(
        self, max_age_days: float = 7, confirm: Confirm | None = None
    ) -> list[str]:
        """Remove sessions not worked on for so many days; return their ids.

        One that holds frames or segments goes only if ``confirm`` says True to its progress; one
        that cannot be read, is being worked on, or was worked on while ``confirm`` asked, stays.
        Without ``confirm`` nothing is asked and no work is lost, so that every run may begin with
        it; what cannot be removed is reported in the log.
        """
        oldest = dt.datetime.now(dt.UTC) - dt.timedelta(days=max_age_days)
        old = [one for one in self._sessions() if _moment(one["last_updated"]) <= oldest]
        removed = []
        for progress in old:
            session_id = progress["session_id"]
            has_work = cleanup.has_work(self.paths(session_id))
            if has_work and not (confirm and confirm(progress)):
                continue
            try:
                if self._remove_old(session_id, oldest, with_work=has_work):
                    removed.append(session_id)
            except TsuzukiError as error:
                _log.warning("%s", error)
        self._sweep()
        return removed

    def _remove_old(self, session_id: str, oldest: dt.datetime, *, with_work: bool) -> bool:
        paths = self.paths(session_id)
        if held_here(paths) is not None:
            return False

        def is_still_old() -> bool:
            progress = summary.load(paths, self._durable)
            if progress is None or _moment(progress["last_updated"]) > oldest:
                return False
            return with_work or not cleanup.has_work(paths)

        removed = cleanup.remove_session(paths, self._durable, is_still_old)
        if removed:
            with self._guard:
                self._live.pop(session_id, None)
        return removed

    def _sweep(self) -> None:
        """Remove what killed removals have left; others may be beginning sessions meanwhile."""
        try:
            self._durable.sweep_temporary(self.root, IDLE_SECONDS)
            for name in self.root.glob(f"*{BEGUN}"):
                orphaned = is_session_id(name.stem) and not self.paths(name.stem).exists()
                if orphaned and name.lstat().st_mtime < time.time() - IDLE_SECONDS:
                    self._durable.remove_file(name)
        except FileNotFoundError:
            pass
        except TsuzukiError as error:
            _log.warning("%s", error)

    # Inside

    def sessions(self) -> list[ProgressData]:
        """Return all sessions that can be read; the others are reported in the log."""
        return list(self._sessions())

    def _sessions(self) -> Iterator[ProgressData]:
        for name in self.session_ids():
            try:
                progress = self.load_progress(name)
            except TsuzukiError as error:
                _log.warning("%s", error)
                continue
            if progress is not None:
                yield progress
            elif summary.is_lost(paths := self.paths(name)):
                _log.warning("%s", summary.lost(paths))

    def session_ids(self) -> list[str]:
        """Return the ids of all sessions, whether they can be read or not."""
        try:
            with storage_errors(self.root), os.scandir(self.root) as entries:
                return sorted(e.name for e in entries if is_session_id(e.name) and e.is_dir())
        except FileNotFoundError:
            return []

    def has_begun(self, progress: ProgressData) -> bool:
        """Whether there is something in a session to go on with, and something left to do."""
        if progress["status"] == "completed":
            return False
        begun = any(progress["steps"][step]["status"] != "pending" for step in STEPS[1:])
        return begun or cleanup.has_work(self.paths(progress["session_id"]))

    def _working(self, session_id: str) -> LiveProgress:
        with self._guard:
            live = self._live.get(session_id)
            if live is None:
                progress = self.require_progress(session_id)
                live = self._live[session_id] = LiveProgress(
                    progress, read_records(self.paths(session_id)).completed()
                )
            return live

    def _save_soon(self, session_id: str, *, due: bool) -> None:
        """Save now if that is due, else when a second has passed without another save."""
        with self._guard:
            if due:
                self._queue(session_id)
            elif self._timer is None:
                self._timer = threading.Timer(SAVE_SECONDS, self._save_changed)
                self._timer.daemon = True
                self._timer.start()

    def _save_changed(self) -> None:
        with self._guard:
            self._timer = None
            for session_id, live in self._live.items():
                if live.changed:
                    self._saving().save(session_id, live.snapshot(), raise_errors=False)

    def _queue(self, session_id: str) -> None:
        with self._guard:
            self._saving().save(session_id, self._live[session_id].snapshot())

    def _saving(self) -> AsyncProgressSaver:
        if self._saver is None:
            self._saver = AsyncProgressSaver(self._write)
        return self._saver

    def _write(self, session_id: str, progress: ProgressData) -> None:
        with self.monitor.track_save_performance():
            summary.save(self.paths(session_id), progress, self._durable)


def _copy(progress: ProgressData) -> ProgressData:
    return cast(ProgressData, msgspec.json.decode(msgspec.json.encode(progress)))


def _mark(folder: Path) -> bytes:
    """Return what tells a session's folder from any copy of it: a digest of its path and inode.

    Not the device's number, which some systems give anew when they start. On a file system that
    numbers its files anew (FAT) a session counts as brought in once it was mounted again.
    """
    with storage_errors(folder):
        where = f"{folder.stat().st_ino}\n".encode() + os.fsencode(folder.resolve())
    return hashlib.sha256(where).hexdigest().encode()


def _other_content(paths: SessionPaths, path: Path) -> SessionDiffersError:
    change = Difference("content of the video", "as it was then", "changed")
    return SessionDiffersError(
        f"Session {paths.session_id} was begun with another video that was called {path} and has "
        f"the same size and time ({change}). Put that video back, or give up the work on it with "
        f"`{paths.command('sessions remove')}` and start anew.",
        session_id=paths.session_id,
        differences=[str(change)],
    )


def _frame_number(name: str) -> int:
    number = number_of_frame(name)
    if number is None:
        raise SessionError(
            f"{name!r} is no name of a frame. Frames are called frame_000001.png or "
            "frame_000001_upscaled.png.",
        )
    return number


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
