"""Small kits that mutants are tried on: each returns what it found lost, refused to see, or let by.

Called with an empty folder and a clip.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import msgspec
import numpy as np
import pytest

from tsuzuki import pipeline
from tsuzuki.durable import Durable, OsPort
from tsuzuki.errors import (
    Cancelled,
    SessionBusyError,
    SessionDamagedError,
    SessionDiffersError,
    StorageError,
    TsuzukiError,
)
from tsuzuki.pipeline import events
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.store import Store
from tsuzuki.sessions import (
    Records,
    SessionLock,
    SessionManager,
    SessionPaths,
    lock,
    read_records,
    write_record,
)
from tsuzuki.sessions.index import read_index
from tsuzuki.sessions.progress import decode_progress

from .desk import PLAN, SEGMENTS, SETTINGS, VIDEO_INFO, picture
from .exhaust import Exhaustion
from .start import cut_power
from .states import read_in, write_out
from .work import JOBS, Work

Kit = Callable[[Path, Path], list[str]]
PLACES = 24
"""Bytes of each file that are flipped, spread evenly."""
FRAME = 3
"""The one that is spooled when the work stops."""


def states(folder: Path, _clip: Path) -> list[str]:
    """Power cuts by the model of a disk, until something is lost."""
    for job in JOBS:
        kit = Exhaustion(folder, job, 2)
        kit.run_until_lost()
        if kit.losses:
            return list(kit.losses)
    return []


def cuts(kind: str, flag: int, mutant: str) -> Kit:
    """Real power cuts; they write in a process of their own, so the mutant is named."""

    def power_cuts(folder: Path, _clip: Path) -> list[str]:
        return list(cut_power(kind, flag, folder, 12, mutant)["losses"])

    return power_cuts


def flips(folder: Path, _clip: Path) -> list[str]:
    """One flipped bit in each file of a session, until one is not seen."""
    place, video = folder / "work", folder / "clip.mkv"
    video.write_bytes(b"video")
    paths = stopped_work(place, video)
    tree = read_in(place)
    record = read_records(paths).good[0]
    segment = paths.upscaled / record.file
    looks: list[tuple[str, Path, Callable[[], bool]]] = [
        ("summary", paths.progress, lambda: _refused(SessionDamagedError, _read_summary, paths)),
        ("index", paths.index, lambda: _refused(SessionDamagedError, read_index, paths)),
        ("record", paths.record(1), lambda: bool(read_records(paths).damaged)),
        ("segment when checked", segment, lambda: bool(_checked(paths).damaged)),
        ("segment when joined", segment, lambda: bool(_joined(paths))),
        ("frame", paths.upscaled_frame(FRAME + 1, "nut"), lambda: not _is_misread(paths)),
    ]
    for name, path, sees in looks:
        data = path.read_bytes()
        step = 1 if name == "frame" else -(-len(data) // PLACES)  # most of its bits do not show
        for at in range(0, len(data), step):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            if not sees():
                return [f"{name}, byte {at}"]
            shutil.rmtree(place)
            place.mkdir()
            write_out(tree, place)
    return []


def two_runners(folder: Path, _clip: Path) -> list[str]:
    """A second runner of a session that is being worked on."""
    paths = _empty_session(folder)
    second = SessionLock(paths)
    with SessionLock(paths):
        if _refused(SessionBusyError, second.acquire):
            return []
        second.release()
        return ["two work on one session"]


def vain_locks(folder: Path, _clip: Path) -> list[str]:
    """A file system whose locks do not exclude."""

    class VainLock(filelock.FileLock):
        def _acquire(self) -> None:
            self._context.lock_file_fd = os.open(self.lock_file, os.O_RDWR | os.O_CREAT)

    paths = _empty_session(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock.filelock, "FileLock", VainLock)
        one = SessionLock(paths)
    try:
        one.acquire()
    except StorageError:
        return []
    one.release()
    return ["it was relied on"]


def first_wins(folder: Path, _clip: Path) -> list[str]:
    """A name that is taken already."""
    port, durable, lost = OsPort(), Durable(), []
    video = folder / "clip.mkv"
    video.write_bytes(b"video")
    paths = stopped_work(folder / "work", video)
    before = paths.record(1).read_bytes()
    second = msgspec.structs.replace(read_records(paths).good[0], device="another")
    if write_record(paths, second) or paths.record(1).read_bytes() != before:
        lost.append("a record was written again")
    output = folder / "out.mkv"
    output.write_bytes(b"the user's")
    if durable.publish(output, b"new") or output.read_bytes() != b"the user's":
        lost.append("a file of the user was overwritten")
    link, victim = folder / "link", folder / "victim"
    victim.write_bytes(b"the user's")
    link.symlink_to(victim)
    for planted in (output, link):
        try:
            os.close(port.create(planted))
        except OSError:
            continue
        lost.append(f"{planted.name} was opened, which somebody had planted")
    return lost


def other_settings(folder: Path, _clip: Path) -> list[str]:
    """A resume with other settings than the session's."""
    video = folder / "clip.mkv"
    video.write_bytes(b"video")
    stopped_work(folder / "work", video)
    with SessionManager(folder / "work" / "sessions") as manager:
        assert manager.find_resumable_session(video, SETTINGS) is not None
        found = manager.find_resumable_session(video, {**SETTINGS, "scale_factor": 3.0})
    return [] if found is None else ["the session is offered for other settings"]


def other_video(folder: Path, clip: Path) -> list[str]:
    """A video that is changed while its session is stopped, in the real pipeline."""
    video, cancel = folder / "clip.mp4", threading.Event()
    shutil.copy2(clip, video)

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.SegmentSealed):
            cancel.set()

    def run(**options: Any) -> None:
        settings = {"engine": "nearest", "preset": "ultrafast", "segment_frames": 12}
        pipeline.upscale(
            video,
            settings,
            output=folder / "out.mp4",
            sessions_dir=folder / "sessions",
            allow_sleep=True,
            **options,
        )

    with pytest.raises(Cancelled):
        run(on_event=on_event, cancel=cancel)
    before, data = video.stat(), bytearray(video.read_bytes())
    data[len(data) // 2] ^= 1
    video.write_bytes(data)
    os.utime(video, ns=(before.st_atime_ns, before.st_mtime_ns))
    try:
        run()
    except SessionDiffersError:
        return []
    return ["one output is made of two videos"]


def stopped_work(folder: Path, video: Path) -> SessionPaths:
    """Stop the work when one segment is sealed and a frame of the next one spooled."""
    work = Work(folder, video)
    work.prepare()
    work.run_until(f"frame {FRAME}")
    (session,) = (path for path in (folder / "sessions").iterdir() if path.is_dir())
    return SessionPaths(session.parent, session.name)


def _empty_session(folder: Path) -> SessionPaths:
    video = folder / "clip.mkv"
    video.write_bytes(b"video")
    with SessionManager(folder / "sessions") as manager:
        return manager.paths(manager.create_session(video, SETTINGS, VIDEO_INFO))


def _refused(error: type[TsuzukiError], call: Callable[..., object], *args: object) -> bool:
    """Tell whether this very error is raised; another one says nothing about what is tried."""
    try:
        call(*args)
    except error:
        return True
    return False


def _read_summary(paths: SessionPaths) -> object:
    return decode_progress(paths.progress.read_bytes(), paths.session_id)


def _checked(paths: SessionPaths) -> Records:
    return read_records(paths, verify_data=True)


def _joined(paths: SessionPaths) -> list[str]:
    store = Store(paths, keep_frames=False)
    store.load(SEGMENTS)
    return store.set_damaged_aside(SEGMENTS[:1], lambda: None)


def _is_misread(paths: SessionPaths) -> bool:
    files = FrameFiles(paths, PLAN, keep_frames=False, on_damage=lambda _: None)
    rgb = files.read_upscaled(FRAME)
    return rgb is not None and not np.array_equal(rgb, picture(FRAME))
