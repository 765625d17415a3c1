"""A job of the real runner on small frames, and what a cut may leave of it.

`Work.run` does what is not done yet, so that it begins and resumes alike. `Work.recover` opens what
a cut has left with the real code and names every promise that is broken.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import msgspec
import numpy as np

from tsuzuki import pipeline
from tsuzuki.durable import Durable, write
from tsuzuki.pipeline import events, job, team
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.steps import combine
from tsuzuki.pipeline.store import Store
from tsuzuki.sessions import SessionLock, SessionManager, generate_session_id, read_records

from .desk import INDEX, OUTPUT, PLAN, SEGMENT_BYTES, SEGMENTS, SETTINGS, Desk, picture

DAY = 24 * 60 * 60
OLD_OUTPUT = b"what was there before\n" * 300
INDEX_BYTES = msgspec.json.encode(INDEX)

Told = list[str]
"""What the work has reported, in order: ``session``, ``saved 3``, ``frame 1``, ``segment 1`` …"""


@contextmanager
def using(port: Any) -> Iterator[None]:
    """Have all state written through ``port``."""
    real = write.OsPort
    write.OsPort = lambda: port  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        write.OsPort = real  # type: ignore[misc]


class Work:
    """One job in ``folder``, which holds the sessions and the output; ``tell`` hears what is safe.

    With ``overwrite`` there is an older output in its place, and the user lets it go.
    """

    overwrite = False
    every = 1
    """Which of its calls are cut on real file systems."""

    def __init__(
        self, folder: Path, video: Path, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.root = folder / "sessions"
        self.output = folder / "output" / "out.mkv"
        self.folder = folder
        self._video = video
        self._tell = tell
        self._manager: SessionManager
        self._id = generate_session_id(video, SETTINGS)

    def prepare(self) -> None:
        """Make what is there before the work begins."""
        Durable().make_folder(self.output.parent)
        if self.overwrite:
            Durable().write_atomic(self.output, OLD_OUTPUT)

    # The work

    def run(self) -> None:
        """Do all that is not done yet, if there is anything."""
        if not self._is_over():
            with (
                mock.patch.object(job, "SessionManager", lambda root: Telling(root, self._tell)),
                mock.patch.object(team, "Supervisor", return_value=Desk(self._video)),
            ):
                pipeline.upscale(
                    self._video,
                    SETTINGS,
                    output=self.output,
                    on_event=self._hear,
                    overwrite=self.overwrite,
                    sessions_dir=self.root,
                    allow_sleep=True,
                )

    def run_until(self, last: str) -> None:
        """Do it until this has been told."""
        tell = self._tell

        def tell_until(word: str) -> None:
            tell(word)
            if word == last:
                raise _Stop

        self._tell = tell_until
        try:
            self.run()
        except _Stop:
            self._tell = tell
        else:
            raise AssertionError(f"{last!r} was never told")

    def _is_over(self) -> bool:
        """Tell whether nothing is left but the output, so that nobody would run it again."""
        with SessionManager(self.root) as manager:
            manager.cleanup_old_sessions()
            return self._has_output() and manager.load_progress(self._id) is None

    def _hear(self, event: events.Event) -> None:
        match event:
            case events.SessionOpened():
                self._tell("session")
            case events.FramesSpooled():
                for frame in range(event.first - 1, event.last):
                    self._tell(f"frame {frame}")
            case events.SegmentSealed():
                self._tell(f"segment {event.segment}")
            case events.StepCompleted(step="extract"):
                self._tell("index")
            case events.StepCompleted(step="combine"):
                self._tell("output")

    # What a cut leaves

    def recover(self, told: Told) -> tuple[list[str], Any]:
        """Open what is left, as a resumed run does; return what is lost, and what was found."""
        losses = []
        output = self.output.read_bytes() if self.output.exists() else None
        old = OLD_OUTPUT if self.overwrite else None
        if output not in ({OUTPUT} if "output" in told else {OUTPUT, old}):
            losses.append("the output is neither the complete new one nor what was there before")
        try:
            with SessionManager(self.root) as self._manager:
                lost, found = self._open(told)
        except Exception as error:  # noqa: BLE001 - whatever it is, the session does not open
            return [*losses, f"the session does not open: {error!r}"], None
        return losses + lost, (found, output == OUTPUT)

    def _open(self, told: Told) -> tuple[list[str], Any]:
        self._manager.cleanup_old_sessions()
        progress = self._manager.load_progress(self._id)
        if progress is None:
            if "removing" in told:
                half = self._paths.folder.exists()
                return ["half a session is left"] if half else [], None
            return ["the session is gone"] if "session" in told else [], None
        saves = progress["steps"]["extract"].get("data", {}).get("saves", 0)
        with SessionLock(self._paths):
            index = self._manager.load_index(self._id)
            store, damage = Store(self._paths, keep_frames=False), list[str]()
            damage += store.load(SEGMENTS)
            files = self._files(damage.append)
            damage += map(str, read_records(self._paths, verify_data=True).damaged)
            sealed = [s.number for s in SEGMENTS if store.is_sealed(s)]
            frames = {f for s in SEGMENTS for f in store.frames_of(s)}
            false = [f for f in frames if not np.array_equal(files.read_upscaled(f), picture(f))]
            sums = [store.file_of(SEGMENTS[n - 1]).read_bytes() for n in sealed]
        frames |= {f for n in sealed for f in SEGMENTS[n - 1].frames}
        have = {f"segment {n}" for n in sealed} | {f"frame {f}" for f in frames}
        promised = {word for word in told if word.startswith(("segment", "frame"))}
        losses = [f"{word} is gone" for word in sorted(promised - have)]
        losses += [f"damaged: {what}" for what in damage]
        losses += [f"frame {f} is another picture" for f in false]
        if sums != [SEGMENT_BYTES[n - 1] for n in sealed]:
            losses.append("a sealed segment has other bytes")
        losses += self._judge_saves(saves, told)
        if index != INDEX_BYTES and (index is not None or "index" in told):
            losses.append("the index is gone or damaged")
        if self._has_output() and not self._knows(progress):
            losses.append("the session does not know the output for its own")
        return losses, (saves, index, sealed, sorted(frames))

    def _judge_saves(self, saves: int, told: Told) -> list[str]:
        saved = max((int(word.split()[1]) for word in told if word.startswith("saved")), default=0)
        if saved <= saves <= saved + 1:
            return []
        return [f"progress {saves} was found where {saved} was saved"]

    def finish(self) -> list[str]:
        """Resume to the end, a day later; return what is not as if nothing had happened."""
        for path in [*self.root.glob(".*.tmp"), *self.root.glob("*.begun")]:
            os.utime(path, (path.stat().st_mtime - DAY,) * 2)
        try:
            Work.run(self)
        except Exception as error:  # noqa: BLE001 - whatever it is, it does not go on
            return [f"the work does not go on: {error!r}"]
        losses = [] if self._has_output() else ["the output has other bytes"]
        left = {p.name for p in [*self.root.rglob("*"), *self.output.parent.iterdir()]}
        left -= {self.output.name, "history.db"}
        return losses + ([f"left over: {sorted(left)}"] if left else [])

    # Inside

    @property
    def _paths(self) -> Any:
        return self._manager.paths(self._id)

    def _files(self, on_damage: Callable[[str], None]) -> FrameFiles:
        return FrameFiles(self._paths, PLAN, keep_frames=False, on_damage=on_damage)

    def _has_output(self) -> bool:
        return self.output.exists() and self.output.read_bytes() == OUTPUT

    def _knows(self, progress: Any) -> bool:
        """Tell whether a run with this progress would take the output for its own."""
        run: Any = SimpleNamespace(
            supervisor=Desk(self._video),
            remembered=lambda step: progress["steps"][step].get("data", {}),
        )
        return combine.is_published(run, self.output)


class Overwriting(Work):
    """The same job with an older output in its place; most of its calls are the same, too."""

    overwrite = True
    every = 2


class Repairing(Work):
    """The repair of a session, stopped in the midst of its work, with a damaged segment.

    The summary is sound and gets corrected.
    """

    with_summary = False

    def prepare(self) -> None:
        """Stop the work with a sealed segment and a spooled frame, and damage what is sealed."""
        super().prepare()
        Work(self.folder, self._video).run_until("frame 3")
        with SessionManager(self.root) as manager:
            paths = manager.paths(self._id)
            record = read_records(paths).good[0]
        _damage(paths.upscaled / record.file)
        if self.with_summary:
            _damage(paths.progress)

    def run(self) -> None:
        """Repair it."""
        with SessionManager(self.root) as manager:
            manager.repair_session(self._id)
        self._tell("repaired")

    def recover(self, told: Told) -> tuple[list[str], Any]:
        """Repair what is left: what was sound stays, and what was damaged is kept aside."""
        try:
            with SessionManager(self.root) as manager:
                losses = self._look_for_damage(manager) if "repaired" in told else []
                manager.repair_session(self._id)
                losses += self._look_for_damage(manager)
        except Exception as error:  # noqa: BLE001 - whatever it is, it cannot be repaired
            return [f"the session cannot be repaired: {error!r}"], None
        opened, found = super().recover(["session", "index", "frame 3"])
        return losses + opened, found

    def _look_for_damage(self, manager: SessionManager) -> list[str]:
        paths = manager.paths(self._id)
        problems = manager.check_session(self._id, read_data=True).problems
        losses = [f"not repaired: {problem}" for problem in problems]
        aside = {path.name.partition(".damaged-")[0]: path for path in _aside(paths.folder)}
        if _flipped(SEGMENT_BYTES[0]) not in (path.read_bytes() for path in aside.values()):
            losses.append("the damaged segment was thrown away")
        names = [paths.record(1).name, *([paths.progress.name] if self.with_summary else [])]
        return losses + [f"{name} was thrown away" for name in names if name not in aside]

    def _judge_saves(self, _saves: int, _told: Told) -> list[str]:
        """What is made anew begins to count anew."""
        return []


class RepairingSummary(Repairing):
    """The same with a damaged summary, which is made anew."""

    with_summary = True


JOBS: dict[str, type[Work]] = {
    "new-output": Work,
    "old-output": Overwriting,
    "repair": Repairing,
    "repair-summary": RepairingSummary,
}


class Telling(SessionManager):
    """The real one; it numbers what it saves, and tells of that and of the removal."""

    def __init__(self, root: Path | None, tell: Callable[[str], None]) -> None:
        super().__init__(root)
        self._tell = tell

    def save_progress(self, session_id: str, progress_data: Any) -> None:
        saves = _count(progress_data)
        super().save_progress(session_id, progress_data)
        self._tell(f"saved {saves}")

    def update_step_status(self, session_id: str, *args: Any, **options: Any) -> None:
        saves = _count(self.state(session_id))
        super().update_step_status(session_id, *args, **options)
        self._tell(f"saved {saves}")

    def cleanup_session(self, session_id: str, *, keep_frames: bool = False) -> None:
        self._tell("removing")
        super().cleanup_session(session_id, keep_frames=keep_frames)
        self._tell("removed")


class _Stop(Exception):  # noqa: N818 - no error
    """The work goes no further."""


def _count(progress: Any) -> int:
    data = progress["steps"]["extract"].setdefault("data", {})
    data["saves"] = data.get("saves", 0) + 1
    return int(data["saves"])


def _aside(folder: Path) -> list[Path]:
    return list(folder.rglob("*.damaged-*"))


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _damage(path: Path) -> None:
    """Flip a bit, so that it stays flipped after a cut."""
    Durable().write_atomic(path, _flipped(path.read_bytes()))
