"""What a check tells, and that a repair clears it up, killed at any instant or not."""

import os
import struct
import zlib

import pytest

from tsuzuki.durable import Durable, OsPort
from tsuzuki.errors import (
    SessionBusyError,
    SessionDamagedError,
    SessionError,
    SessionNotFoundError,
)
from tsuzuki.sessions import SessionLock, SessionManager, SessionPaths, read_records
from tsuzuki.sessions.check import check, repair
from tsuzuki.sessions.frame_index import decode_index
from tsuzuki.sessions.progress import encode_progress
from tsuzuki.sessions.stamp import SIGNATURE, label_png, stamp

FRAMES = 12


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = SIGNATURE + chunk(b"IHDR", bytes(13)) + chunk(b"IDAT", bytes(40)) + chunk(b"IEND", b"")


def write_frame(paths, path):
    session_id, data = paths.session_id, b"frame" * 20
    if path.suffix == ".png":
        path.write_bytes(label_png(PNG, session_id, path.name, "00"))
    else:
        path.write_bytes(data + stamp(data, session_id, path.name))


@pytest.fixture
def session(manager, session_id, paths, seal, index):
    """Two sealed segments of four frames, two spooled frames, and a lock that is free."""
    manager.save_index(session_id, index(FRAMES))
    manager.close()
    for number in (1, 2):
        seal(number, 4 * number - 3, 4 * number, b"segment %d" % number)
    for frame in (9, 10):
        write_frame(paths, paths.upscaled_frame(frame, "nut"))
    with SessionLock(paths):
        for step in ("validate", "extract"):
            manager.update_step_status(session_id, step, "completed")
        manager.update_step_status(session_id, "upscale", "in_progress")
    manager.close()
    return paths


@pytest.fixture
def keeping(session, manager):
    """The same with every frame extracted."""
    progress = manager.state(session.session_id)
    progress["settings"]["keep_frames"] = True
    progress["steps"]["extract"]["data"] = {"failed_frames": []}
    manager.save_progress(session.session_id, progress)
    manager.close()
    for frame in range(1, FRAMES + 1):
        write_frame(session, session.frame(frame))
    return session


def contents(paths):
    return {p: p.read_bytes() for p in paths.folder.rglob("*") if p.is_file()}


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def segment(paths, number):
    return next(paths.upscaled.glob(f"segment_{number:06d}-*.mkv"))


def names(found):
    return {one.path.name for one in found}


def test_a_sound_session_has_no_problems_and_is_left_as_it_is(session):
    before = contents(session)
    for read_data in (False, True):
        report = check(session, read_data=read_data)
        assert (report.problems, report.notes) == ([], [])
    assert contents(session) == before


DAMAGE = {
    "progress.json": lambda s: flip(s.progress),
    "no progress.json": lambda s: s.progress.unlink(),
    "index.json": lambda s: flip(s.index),
    "no index.json": lambda s: s.index.unlink(),
    "record": lambda s: flip(s.record(2)),
    "no record": lambda s: s.record(1).unlink(),
    "segment": lambda s: flip(segment(s, 2)),
    "no segment": lambda s: segment(s, 1).unlink(),
    "spooled": lambda s: flip(s.upscaled_frame(10, "nut")),
    "no spooled": lambda s: s.upscaled_frame(10, "nut").unlink(),
    "a link": lambda s: (
        s.upscaled_frame(9, "nut").unlink(),
        s.upscaled_frame(9, "nut").symlink_to("/dev/zero"),
    ),
    "a folder": lambda s: s.upscaled_frame(10).mkdir(),
    "no folder": lambda s: (s.log.unlink(missing_ok=True), s.logs.rmdir()),
    "all frames": lambda s: [p.unlink() for p in s.upscaled.iterdir()],
}


def lost(session):
    """Return the frames that a look at the files finds missing."""
    return 10 - len(read_records(session, verify_data=True).completed())


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_told_left_as_it_is_and_repaired(session, kind):
    if kind == "a link" and os.name == "nt":
        pytest.skip("links take rights there")
    DAMAGE[kind](session)
    before = contents(session)
    report = check(session, read_data=True)
    assert report.problems
    assert contents(session) == before
    repaired = repair(session)
    assert check(session, read_data=True).problems == []
    after = contents(session).values()
    for one in report.problems:
        if one.path in before:
            assert before[one.path] in after
    assert repaired.frames_done == 10 - repaired.frames_again
    assert repaired.frames_done == 10 - lost(session)
    assert repaired.frames_total == (None if "index" in kind else FRAMES)
    assert repaired.rebuilt is ("progress" in kind)
    assert SessionManager(session.root).load_progress(session.session_id) is not None
    again = repair(session)
    assert (again.aside, again.removed, again.rebuilt) == ([], [], False)


def test_only_what_is_damaged_is_lost(session):
    flip(session.record(2))
    flip(session.upscaled_frame(9, "nut"))
    flip(session.progress)
    repaired = repair(session)
    assert sorted(path.name.split("-")[0] for path in repaired.aside) == [
        "frame_000009_upscaled.nut.damaged",
        "progress.json.damaged",
        "segment_000002",
        "segment_000002.json.damaged",
    ]
    assert (repaired.frames_done, repaired.frames_again) == (5, 5)


def test_frames_are_told_by_their_numbers(session):
    session.upscaled_frame(10, "nut").unlink()
    segment(session, 1).unlink()
    shown = " ".join(map(str, check(session).problems))
    assert "segment_000001-" in shown
    assert "finished frames are missing: 1-4, 10" in shown


def test_sizes_tell_what_is_cut(session):
    for path in (session.upscaled_frame(9, "nut"), segment(session, 1)):
        data = path.read_bytes()
        path.write_bytes(data[:-1])
        assert any(path.name in str(one) for one in check(session).problems)
        path.write_bytes(data + b"\0")
        assert any(path.name in str(one) for one in check(session).problems)
        path.write_bytes(data)


def test_frames_given_up_by_a_run_are_not_missing(session, manager):
    manager.state(session.session_id)
    session.upscaled_frame(10, "nut").unlink()
    manager.completed_frames(session.session_id)
    manager.flush()
    assert check(session).problems == []


def test_strangers_are_notes(session):
    known = [
        session.upscaled / "segment_000007-0123456789ab.mkv",
        session.upscaled / ".segment_000003.mkv.0123456789abcdef.tmp",
        session.frames / ".index.json.0123456789abcdef.tmp",
        session.upscaled / "segment_000002.json.damaged-1",
        session.folder / "progress.json.damaged-12",
        session.frames / "holiday.jpg",
        session.folder / "Copy of progress.json",
    ]
    for path in known:
        path.write_bytes(b"?")
    report = check(session, read_data=True)
    assert report.problems == []
    assert names(report.notes) == {p.name for p in known}
    assert {p.name for p in repair(session).removed} == {p.name for p in known[:3]}
    assert [p.exists() for p in known] == [False] * 3 + [True] * 4


def test_extracted_frames(keeping):
    assert check(keeping, read_data=True).problems == []
    flip(keeping.frame(3))
    keeping.frame(5).unlink()
    shown = " ".join(map(str, check(keeping, read_data=True).problems))
    assert "frame_000003.png" in shown
    assert "extracted frames are missing: 5" in shown
    assert "are not kept as png yet: 1-8" in str(check(keeping).notes[0])
    assert [p.name for p in repair(keeping).aside] == ["frame_000003.png.damaged-1"]
    assert check(keeping, read_data=True).problems == []
    progress = SessionManager(keeping.root).load_progress(keeping.session_id)
    assert "failed_frames" not in progress["steps"]["extract"]["data"]


def test_a_completed_session_stays_completed(keeping, manager):
    for frame in range(1, FRAMES + 1):
        write_frame(keeping, keeping.upscaled_frame(frame))
    progress = manager.state(keeping.session_id)
    progress["status"] = "completed"
    manager.save_progress(keeping.session_id, progress)
    manager.close()
    manager.cleanup_session(keeping.session_id, keep_frames=True)
    assert check(keeping, read_data=True).problems == []
    keeping.upscaled_frame(4).unlink()
    flip(keeping.upscaled_frame(5))
    assert len(check(keeping, read_data=True).problems) == 2
    repaired = repair(keeping)
    assert repaired.completed
    assert repaired.frames_done == FRAMES - 2
    assert check(keeping, read_data=True).problems == []
    assert manager.load_progress(keeping.session_id)["status"] == "completed"


def test_what_cannot_be_rebuilt_is_said_and_kept(session):
    flip(session.progress)
    flip(session.index)
    with pytest.raises(SessionDamagedError, match="tsuzuki upscale VIDEO"):
        repair(session)
    assert check(session).problems
    with pytest.raises(SessionDamagedError, match="tsuzuki upscale VIDEO"):
        repair(session)
    assert read_records(session, verify_data=True).damaged == []


def test_one_in_which_nothing_was_done(root):
    paths = SessionPaths(root, "0" * 12)
    with pytest.raises(SessionNotFoundError):
        check(paths)
    paths.folder.mkdir(parents=True)
    report = check(paths)
    assert report.problems == []
    assert names(report.notes) == {"progress.json"}
    assert repair(paths).frames_done == 0


def test_a_newer_one_is_refused_untouched(session, manager):
    progress = manager.load_progress(session.session_id)
    session.progress.write_bytes(encode_progress({**progress, "format_version": 2}))
    flip(session.record(1))
    before = contents(session)
    for call in (check, repair):
        with pytest.raises(SessionError, match="newer"):
            call(session)
    assert contents(session) == before


def test_who_works_on_it_is_said(session):
    with SessionLock(session):
        before = contents(session)
        for call in (check, repair):
            with pytest.raises(SessionBusyError, match=f"process {os.getpid()}"):
                call(session)
        assert contents(session) == before
    assert check(session).problems == []


def test_a_run_cannot_begin_during_a_check(session, monkeypatch):
    def begin(*_, **__):
        with pytest.raises(SessionBusyError):
            SessionLock(session).acquire()
        return real(session)

    real = read_records
    monkeypatch.setattr("tsuzuki.sessions.check.read_records", begin)
    assert check(session).problems == []
    SessionLock(session).acquire().release()


class Killed(BaseException):
    pass


class Mortal(OsPort):
    """Dies at one of its calls; nothing reaches the disk after that."""

    def __init__(self, left):
        self.left = left

    def __getattribute__(self, name):
        if name in {"create", "write", "fsync", "replace", "rename_new", "unlink", "mkdir"}:
            if self.left == 0:
                self.left = -1
                raise Killed
            if self.left < 0:
                raise OSError(5, "dead")
            self.left -= 1
        return object.__getattribute__(self, name)


def test_a_kill_at_any_instant_of_a_repair_is_harmless(session):
    (session.upscaled / ".segment_000003.mkv.0123456789abcdef.tmp").write_bytes(b"?")
    for path in (session.record(1), session.upscaled_frame(9, "nut"), session.progress):
        flip(path)
    damaged = contents(session)
    kept = {p: d for p, d in damaged.items() if p in {session.record(2), segment(session, 2)}}
    flipped = [damaged[session.record(1)], damaged[session.progress], damaged[segment(session, 1)]]
    left = 0
    while True:
        for path in session.folder.rglob("*"):
            if path.is_file():
                path.unlink()
        for path, data in damaged.items():
            path.write_bytes(data)
        try:
            repair(session, Durable(Mortal(left)))
        except Killed:
            repair(session)
        else:
            break
        assert check(session, read_data=True).problems == []
        after = contents(session)
        assert kept.items() <= after.items()
        assert all(data in after.values() for data in flipped)
        assert len(read_records(session).completed()) == 5
        left += 1
    assert left > 10


@pytest.mark.parametrize(
    "change", [{"end": 10**34}, {"packets": [10**30] * FRAMES}, {"time_base": [2**62, 1]}]
)
def test_an_index_that_no_video_has_is_damage(session, manager, index, change):
    session.index.unlink()
    manager.save_index(session.session_id, index(FRAMES) | change)
    (problem,) = check(session).problems
    assert problem.path == session.index
    repaired = repair(session)
    assert repaired.aside == [session.frames / "index.json.damaged-1"]
    assert repaired.frames_total is None
    assert manager.load_index(session.session_id, decode_index) is None
