"""Damage to any byte of a session is found, and never used (K7)."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tsuzuki import pipeline
from tsuzuki.cli import main
from tsuzuki.errors import Cancelled
from tsuzuki.pipeline import events
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.jobs import make_plan
from tsuzuki.pipeline.plan import cut_segments
from tsuzuki.pipeline.spooler import Finished
from tsuzuki.pipeline.store import Store
from tsuzuki.sessions import SessionManager
from tsuzuki.sessions.check import Report, check
from tsuzuki.sessions.frame_index import decode_index
from tsuzuki.sessions.layout import number_of_frame, number_of_record, number_of_segment
from tsuzuki.settings import ProcessingSettings

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
"""Whether there is time for every byte."""
PLACES = 0 if FULL else 100
"""Bytes and lengths of each file; 0 for all."""
SAMPLED = 300
"""The same for the PNGs, which are large and alike."""
ELSEWHERE = 2000 if FULL else 300
FRAMES, SEGMENT = 7, 2
KEPT, SPOOLED = range(4, 5), range(5, 7)
"""Frames, from 0, of the open segments."""
SETTINGS = {
    "engine": "nearest",
    "preset": "ultrafast",
    "segment_frames": SEGMENT,
    "keep_frames": True,
}


class Session:
    """A real session in which something of every kind lies, and what a resume reads of it."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self.root = folder / "sessions"
        _pause_after(clip, folder, segments=2, settings={**SETTINGS, "crf": 30.0}, root=self.root)
        other = _only(self.root)
        _pause_after(clip, folder, segments=2, settings=SETTINGS, root=self.root)
        self.other = SessionManager(self.root).paths(other)
        (session_id,) = set(SessionManager(self.root).session_ids()) - {other}
        self.paths = SessionManager(self.root).paths(session_id)
        self.plan = make_plan(
            m.MakePlan(path=str(clip), settings=ProcessingSettings(**SETTINGS), output=None)
        )
        with SessionManager(self.root) as manager:
            index = manager.load_index(session_id, decode_index)
        assert index is not None
        self.segments = cut_segments(index, SEGMENT)
        self._lay_frames()
        self.bytes = {p: p.read_bytes() for p in self._files()}
        self.restore()
        assert check(self.paths, read_data=True).problems == []

    def _lay_frames(self) -> None:
        """Have frames of the third segment spooled and kept, and nothing of it sealed."""
        for path in self._files():
            sealed = number_of_segment(path.name) or number_of_record(path.name) or 0
            upscaled = (path.parent == self.paths.upscaled and number_of_frame(path.name)) or 0
            if sealed > 2 or upscaled > 2 * SEGMENT or path.suffix == ".tmp":
                path.unlink()
        shape = (3, self.plan.encoding.height, self.plan.encoding.width)
        picture = np.zeros(shape, np.uint8)  # small files: every one of their bytes is flipped
        for keep, frames in ((True, KEPT), (False, SPOOLED)):
            for frame in frames:
                picture[:, :4, :40] = 8 * frame
                self.files(keep=keep).write_upscaled([Finished(frame, picture, 0.1)])
        with SessionManager(self.root) as manager:
            progress = manager.state(self.paths.session_id)
            progress["steps"]["upscale"]["status"] = "in_progress"
            manager.save_progress(self.paths.session_id, progress)

    def files(self, *, keep: bool = True) -> FrameFiles:
        return FrameFiles(self.paths, self.plan, keep_frames=keep, on_damage=lambda _: None)

    def _files(self) -> list[Path]:
        exempt = {self.paths.lock, self.paths.owner, *self.paths.folders}
        folders = (self.paths.folder, self.paths.frames, self.paths.upscaled)
        names = (entry.path for folder in folders for entry in os.scandir(folder))
        return sorted({Path(name) for name in names} - exempt)

    def kinds(self) -> dict[str, list[Path]]:
        """Return the files by kind."""
        up, files = self.paths.upscaled, list(self.bytes)
        return {
            "summary": [self.paths.progress],
            "index": [self.paths.index],
            "record": [p for p in files if number_of_record(p.name)],
            "segment": [p for p in files if number_of_segment(p.name)],
            "spooled": [p for p in files if p.suffix == ".nut"],
            "kept": [p for p in files if p.suffix == ".png" and p.parent == up],
            "extracted": [p for p in files if p.suffix == ".png" and p.parent != up],
        }

    def restore(self) -> None:
        """Have every file as it was."""
        for path in set(self._files()) - set(self.bytes):
            path.unlink()
        for path, data in self.bytes.items():
            if not path.exists() or path.stat().st_mtime_ns:
                path.write_bytes(data)
                os.utime(path, ns=(0, 0))  # whoever writes to it changes that

    def uses(self, kind: str, path: Path) -> bool:
        """Tell whether a resume uses this file; like a resume it sets aside what is damaged."""
        damaged = path.read_bytes()
        session_id = self.paths.session_id
        number = (number_of_frame(path.name) or 1) - 1
        match kind:
            case "summary":
                SessionManager(self.root).load_progress(session_id)
                return not _holds(path.with_name(f"{path.name}.damaged-1"), damaged)
            case "index":
                return SessionManager(self.root).load_index(session_id) is not None
            case "record" | "segment":
                segment = number_of_record(path.name) or number_of_segment(path.name) or 0
                return self._is_sealed(segment)
            case "extracted":
                return self.files().read_source(number) is not None
        return self.files().read_upscaled(number) is not None

    def _is_sealed(self, number: int) -> bool:
        store = Store(self.paths, keep_frames=False)
        store.load(self.segments)
        sealed = [s for s in self.segments if store.is_sealed(s)]
        store.set_damaged_aside(sealed, lambda: None)
        return any(store.is_sealed(s) for s in self.segments if s.number == number)


class Tally:
    """Points tried, and those that were not found or that were used."""

    def __init__(self, session: Session, record: Callable[..., None]) -> None:
        self._session = session
        self._record = record
        self.points = 0
        self.losses: list[str] = []

    def point(self, kind: str, path: Path, what: str, *, by_size: bool = False) -> None:
        """Judge the damage that was done to a file, then undo it."""
        self.points += 1
        if not _names(check(self._session.paths, read_data=True), path):
            self.losses.append(f"{path.name}: {what} was not found")
        if by_size and not _names(check(self._session.paths), path):
            self.losses.append(f"{path.name}: {what} was not found by its size")
        if self._session.uses(kind, path):
            self.losses.append(f"{path.name}: {what} was used")
        self._session.restore()

    def judge(self, name: str) -> None:
        """Tell what was tried; none of it may be lost."""
        self._record(f"damage, {name}", points=self.points, losses=len(self.losses))
        assert self.losses == []


def _names(report: Report, path: Path) -> bool:
    return any(path == one.path or path.name in one.reason for one in report.problems)


def _holds(path: Path, data: bytes) -> bool:
    return path.exists() and path.read_bytes() == data


def _only(root: Path) -> str:
    (found,) = SessionManager(root).session_ids()
    return found


def _pause_after(clip: Path, folder: Path, *, segments: int, settings: Any, root: Path) -> None:
    cancel, seen = threading.Event(), []

    def watch(event: events.Event) -> None:
        seen.extend([event] if isinstance(event, events.SegmentSealed) else [])
        if len(seen) >= segments:
            cancel.set()

    with pytest.raises(Cancelled):
        pipeline.upscale(
            clip,
            settings,
            output=folder / "out.mkv",
            on_event=watch,
            cancel=cancel,
            sessions_dir=root,
            allow_sleep=True,
        )


def _places(length: int, most: int) -> Iterator[int]:
    """Yield places spread over a file, its head and end among them."""
    most = min(most, PLACES or most)
    if length <= most:
        yield from range(length)
        return
    spread = {length * n // most for n in range(most)}
    yield from sorted(spread | set(range(24)) | set(range(length - 8, length)))


@pytest.fixture(scope="module")
def session(
    draw_clip: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # nothing is cut here, and it takes its time
        folder = tmp_path_factory.mktemp("damage")
        yield Session(draw_clip(folder / "clip.mp4", FRAMES), folder)


@pytest.fixture
def tally(session: Session, record: Callable[..., None]) -> Tally:
    return Tally(session, record)


KINDS = ("summary", "index", "record", "segment", "spooled", "kept", "extracted")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_byte_and_every_cut(session: Session, tally: Tally, kind: str) -> None:
    path = min(session.kinds()[kind], key=lambda p: len(session.bytes[p]))
    data = session.bytes[path]
    for place in _places(len(data), SAMPLED if kind in {"kept", "extracted"} else len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place + tally.points) % 8
        path.write_bytes(flipped)
        tally.point(kind, path, f"a bit of byte {place}")
        path.write_bytes(data[:place])
        tally.point(kind, path, f"a cut at {place}", by_size=place % 4 == 0)
    path.write_bytes(data + b"\0")
    tally.point(kind, path, "a byte more", by_size=True)
    tally.judge(f"bytes and lengths of the {kind}")


@pytest.mark.timeout(600)
def test_places_elsewhere(session: Session, tally: Tally) -> None:
    dice = random.Random(7)
    kinds = session.kinds()
    for _ in range(ELSEWHERE):
        kind = dice.choice(KINDS)
        path = dice.choice(kinds[kind])
        flipped = bytearray(session.bytes[path])
        place = dice.randrange(8 * len(flipped))
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        tally.point(kind, path, f"bit {place}")
    tally.judge("places elsewhere")


def test_every_file_swapped_with_another_of_its_kind(session: Session, tally: Tally) -> None:
    kinds = session.kinds()
    pairs = [(kind, *two) for kind in KINDS for two in pairwise(kinds[kind])]
    # Frames of one number, extracted and upscaled.
    pairs += [
        (kind, p, q)
        for kind, other in (("kept", "extracted"), ("extracted", "kept"))
        for p in kinds[kind]
        for q in kinds[other]
        if number_of_frame(p.name) == number_of_frame(q.name)
    ]
    assert len(pairs) > 20
    for kind, one, other in pairs:
        if session.bytes[one] != session.bytes[other]:
            one.write_bytes(session.bytes[other])
            other.write_bytes(session.bytes[one])
            tally.point(kind, one, f"a swap with {other.name}")
    for kind, own, other in (
        ("summary", session.paths.progress, session.other.progress),
        ("index", session.paths.index, session.other.index),
    ):
        own.write_bytes(other.read_bytes())
        tally.point(kind, own, "that of another session")
    tally.judge("swapped")


def test_every_file_doubled_under_another_name(session: Session, tally: Tally) -> None:
    kinds = session.kinds()
    free = {
        "record": session.paths.record(99),
        "spooled": session.paths.upscaled_frame(99, "nut"),
        "kept": session.paths.upscaled_frame(99),
        "extracted": session.paths.frame(99),
    }
    for kind in KINDS:
        for path in kinds[kind]:
            if kind in free:
                free[kind].write_bytes(session.bytes[path])
                tally.point(kind, free[kind], f"a double of {path.name}")
            for name in (f"Copy of {path.name}", f"{path.stem} (2){path.suffix}"):
                path.with_name(name).write_bytes(session.bytes[path])
                report = check(session.paths, read_data=True)
                assert report.problems == []
                assert path.with_name(name) in [note.path for note in report.notes]
                session.restore()
    segment = kinds["segment"][0]
    double = segment.with_name(segment.name.replace("000001", "000099"))
    double.write_bytes(session.bytes[segment])
    assert double in [note.path for note in check(session.paths).notes]
    session.restore()
    tally.judge("doubled")


def test_every_missing_file_is_told(session: Session) -> None:
    for path in session.bytes:
        path.unlink()
        report = check(session.paths)
        frame = number_of_frame(path.name)
        told = [str(one) for one in (*report.problems, *report.notes)]
        assert told, path
        name = path.name if frame is None else str(frame)
        if path.parent == session.paths.upscaled and path.suffix == ".json":
            name = "no record names this segment"
        assert any(name in line for line in told), (path, told)
        session.restore()


# --- the real command -----------------------------------------------------------------------------


@pytest.fixture
def tsuzuki(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Call the command line in this process; return its code and what it wrote to stdout."""

    def call(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, capsys.readouterr().out

    return call


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("keep", [(), ("--keep-frames",)])
def test_check_repair_resume(
    clip: Path,
    command: Callable[..., Any],
    undisturbed: Callable[..., Any],
    shown_numbers: Callable[[Path], list[int]],
    tsuzuki: Callable[..., tuple[int, str]],
    keep: tuple[str, ...],
) -> None:
    options = ("--engine", "nearest", "--segment-frames", "12", "--loss-budget", "0", *keep)
    job = command(clip, *options)
    victim = job.start()
    assert victim.wait_for(lambda e: (e.get("frames_done") or 0) >= 62)
    victim.kill("both")
    victim.end()
    session_id = _only(job.sessions)
    paths = SessionManager(job.sessions).paths(session_id)
    where = ("--sessions-dir", job.sessions)
    code, text = tsuzuki("sessions", "check", session_id, "--read-data", *where)
    assert code == 0, text

    damaged = [paths.progress, paths.record(2), next(paths.upscaled.glob("segment_000004-*"))]
    damaged += sorted(paths.upscaled.glob("frame_*.nut"))[:1]
    damaged += [paths.frame(30)] if keep else []
    before = _contents(paths.folder)
    for path in damaged:
        _flip(path)
    flipped = _contents(paths.folder)
    code, text = tsuzuki("sessions", "check", session_id, "--read-data", *where)
    assert code == 34, text
    assert _contents(paths.folder) == flipped
    assert all(path.name in text for path in damaged)
    assert f"tsuzuki sessions repair {session_id}" in text

    code, text = tsuzuki("sessions", "repair", session_id, "--json", *where)
    assert code == 0, text
    repaired = json.loads(text)
    assert len(repaired["aside"]) >= len(damaged)
    code, text = tsuzuki("sessions", "check", "--all", "--read-data", *where)
    assert code == 0, text
    resumed = job.start()
    assert resumed.end() == 0, resumed.errors
    assert job.digest() == undisturbed(clip, *options[:6]).digest
    assert shown_numbers(job.output) == list(range(96))
    if keep:  # those of damaged segments are used
        assert paths.frame(30).read_bytes() == before[paths.frame(30)]
    else:
        computed = resumed.all("finished")[0]["frames_computed"]
        assert computed == 96 - repaired["frames_done"] <= 96 - 60 + 24 + 1
