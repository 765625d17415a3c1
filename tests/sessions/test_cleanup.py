import datetime as dt
import errno
import os
import time

import pytest

from tsuzuki.errors import SessionBusyError
from tsuzuki.sessions import SessionLock, SessionManager, read_records


@pytest.fixture
def aged(manager, session_id):
    """Make a session old."""

    def age(days, session_id=session_id):
        progress = manager.load_progress(session_id)
        then = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
        progress["last_updated"] = then.isoformat()
        manager.save_progress(session_id, progress)
        return session_id

    return age


def test_a_session_goes_with_all_in_it(manager, session_id, root, seal):
    seal(1, 1, 12)
    manager.update_step_status(session_id, "validate", "completed")
    manager.cleanup_session(session_id)
    assert list(root.iterdir()) == []
    assert manager.load_progress(session_id) is None
    manager.flush()
    assert list(root.iterdir()) == []


def test_a_full_disk_is_no_hindrance(manager, session_id, root, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    manager.set_step_progress(session_id, "upscale", 1)
    monkeypatch.setattr(manager._durable.port, "fsync", full)
    manager.cleanup_session(session_id)
    assert list(root.iterdir()) == []


def test_not_while_another_works(root, manager, session_id, paths, monkeypatch):
    with SessionLock(paths):
        monkeypatch.setattr("tsuzuki.sessions.cleanup.held_here", lambda _: None)
        with pytest.raises(SessionBusyError):
            manager.cleanup_session(session_id)
    assert paths.progress.exists()


def test_the_holder_of_the_lock_may(manager, session_id, paths, root):
    with SessionLock(paths):
        manager.cleanup_session(session_id)
    assert list(root.iterdir()) == []


def test_it_can_be_made_anew(manager, session_id, video, settings, info):
    manager.update_step_status(session_id, "validate", "completed")
    manager.cleanup_session(session_id)
    assert manager.create_session(video, settings, info) == session_id
    assert manager.load_progress(session_id)["status"] == "created"


@pytest.mark.parametrize("locked", [True, False])
def test_kept_frames_stay(manager, session_id, paths, seal, locked):
    seal(1, 1, 12)
    paths.frame(1).write_bytes(b"source")
    paths.upscaled_frame(1).write_bytes(b"upscaled")
    paths.upscaled_frame(1, "nut").write_bytes(b"spooled")
    manager.update_step_status(session_id, "validate", "completed")
    lock = SessionLock(paths)
    if locked:
        lock.acquire()
    manager.cleanup_session(session_id, keep_frames=True)
    lock.release()
    assert [p.name for p in paths.upscaled.iterdir()] == ["frame_000001_upscaled.png"]
    assert paths.frame(1).exists()
    assert manager.load_progress(session_id)["steps"]["validate"]["status"] == "completed"
    with SessionLock(paths):
        pass


def test_a_kill_between_leaves_no_record_without_its_segment(manager, session_id, paths, seal):
    record, port, folders = seal(1, 1, 12), manager._durable.port, []
    real = port.fsync_folder

    def killed(path):
        if path == paths.upscaled:
            folders.append(sorted(p.name for p in path.iterdir()))
            raise KeyboardInterrupt
        real(path)

    port.fsync_folder = killed
    with pytest.raises(KeyboardInterrupt):
        manager.cleanup_session(session_id, keep_frames=True)
    port.fsync_folder = real
    assert folders == [[record.file]]
    assert read_records(paths).damaged == []
    manager.cleanup_session(session_id, keep_frames=True)
    assert list(paths.upscaled.iterdir()) == []


def test_kept_frames_take_two_flushes(manager, session_id, paths, seal):
    for number in range(1, 9):
        seal(number, number, number, b"%d" % number)
    flushes, port = [], manager._durable.port
    real = port.fsync_folder
    port.fsync_folder = lambda path: (flushes.append(path), real(path))
    manager.cleanup_session(session_id, keep_frames=True)
    assert flushes.count(paths.upscaled) == 2


def test_old_ones_without_work_go(manager, aged, root):
    session_id = aged(8)
    assert manager.cleanup_old_sessions() == [session_id]
    assert list(root.iterdir()) == []


def test_young_ones_stay(manager, aged):
    aged(6)
    assert manager.cleanup_old_sessions() == []
    assert manager.cleanup_old_sessions(max_age_days=5) != []


def test_work_goes_only_with_consent(manager, aged, seal, paths):
    session_id = aged(100)
    seal(1, 1, 12)
    asked = []

    def answer(yes):
        def confirm(progress):
            asked.append(progress["session_id"])
            return yes

        return confirm

    assert manager.cleanup_old_sessions() == []
    assert manager.cleanup_old_sessions(confirm=answer(False)) == []
    assert paths.record(1).exists()
    assert manager.cleanup_old_sessions(confirm=answer(True)) == [session_id]
    assert asked == [session_id, session_id]


def test_what_was_worked_on_while_the_question_stood_stays(manager, aged, seal, paths, root):
    session_id = aged(100)
    seal(1, 1, 12)

    def confirm(progress):
        with SessionManager(root) as other:
            other.update_step_status(session_id, "upscale", "in_progress", error="paused")
        seal(2, 13, 24, b"other")
        return True

    assert manager.cleanup_old_sessions(confirm=confirm) == []
    assert manager.get_completed_frames(session_id)[-1].endswith("frame_000024_upscaled.png")


def test_work_that_came_unasked_stays(manager, aged, seal, paths, monkeypatch):
    session_id = aged(100)
    real = SessionLock.acquire

    def acquire(lock):
        seal(1, 1, 12)  # by a process that had the lock just before
        return real(lock)

    monkeypatch.setattr(SessionLock, "acquire", acquire)
    assert manager.cleanup_old_sessions() == []
    assert manager.get_completed_frames(session_id)


def test_a_session_of_this_process_stays(manager, aged, paths):
    aged(100)
    with SessionLock(paths):
        assert manager.cleanup_old_sessions() == []
    assert paths.progress.exists()


def test_a_folder_that_cannot_be_looked_into_may_hold_work(manager, aged, seal, paths, monkeypatch):
    aged(100)
    seal(1, 1, 12)
    real = os.scandir

    def scandir(path):
        if path == paths.upscaled:
            raise OSError(errno.EIO, "fault")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        assert manager.cleanup_old_sessions() == []
    assert paths.record(1).exists()


def test_what_cannot_be_removed_stops_nothing(manager, aged, paths, monkeypatch, caplog):
    aged(100)
    monkeypatch.setattr(
        manager._durable.port, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, ""))
    )
    assert manager.cleanup_old_sessions() == []
    assert "could not be written" in caplog.text
    assert paths.progress.exists()


def test_it_is_cheap_where_nothing_is_old(manager, video, settings, info):
    for number in range(40):
        other = video.with_name(f"{number}.mp4")
        other.write_bytes(b"x" * 5000)
        manager.create_session(other, settings, info)
    begin = time.perf_counter()
    assert manager.cleanup_old_sessions() == []
    assert time.perf_counter() - begin < 1.0, "about 0.02 s on an idle machine"


def test_damaged_ones_and_strangers_stay(manager, aged, root):
    aged(100)
    (root / "0123456789ab").mkdir()
    (root / "0123456789ab" / "progress.json").write_bytes(b"garbage")
    (root / "my films").mkdir()
    manager.cleanup_old_sessions(max_age_days=0)
    assert (root / "my films").is_dir()
    assert (root / "0123456789ab").is_dir()


def test_busy_ones_stay(manager, aged, paths, monkeypatch):
    aged(100)
    monkeypatch.setattr("tsuzuki.sessions.cleanup.held_here", lambda _: None)
    with SessionLock(paths):
        assert SessionManager(paths.root).cleanup_old_sessions() == []
    assert paths.progress.exists()


def test_halves_of_killed_removals_are_swept(manager, aged, root):
    aged(0)
    (root / ".0123456789ab.0123456789abcdef.tmp" / "frames").mkdir(parents=True)
    left = [root / "0123456789ab.begun", root / ".0123456789ab.begun.0123456789abcdef.tmp"]
    for path in left:
        path.touch()
        os.utime(path, (1e9, 1e9))
    manager.cleanup_old_sessions()
    assert not list(root.glob(".*"))
    assert [path.name for path in root.glob("*.begun")] == [f"{manager.session_ids()[0]}.begun"]


def test_what_another_program_may_be_writing_is_not_swept(manager, aged, root):
    aged(0)
    writing = {root / "0123456789ab.begun", root / ".0123456789ab.begun.0123456789abcdef.tmp"}
    for path in writing:
        path.touch()
    manager.cleanup_old_sessions()
    assert writing <= set(root.iterdir())
