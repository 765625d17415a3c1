"""A session is in one folder or the other, whole, whatever happens on the way."""

import pytest

from tsuzuki.durable import Durable, OsPort
from tsuzuki.errors import (
    SessionBusyError,
    SessionError,
    SessionNotFoundError,
    SettingsError,
    StorageError,
)
from tsuzuki.sessions import SessionLock, SessionManager

WORK = b"a frame"


@pytest.fixture
def work(manager, session_id, paths):
    paths.upscaled_frame(1).write_bytes(WORK)
    (paths.upscaled / ".left.0123456789abcdef.tmp").write_bytes(b"of a kill")
    return session_id


@pytest.fixture
def elsewhere(tmp_path):
    return tmp_path / "disk" / "upscale_app_sessions"


def test_a_session_moves_with_its_work(manager, work, paths, elsewhere, video):
    moved = manager.move_session(work, elsewhere)
    assert moved.upscaled_frame(1).read_bytes() == WORK
    assert not list(moved.upscaled.glob(".*"))
    assert not paths.exists()
    assert not paths.begun.exists()
    assert manager.load_progress(work) is None
    with SessionManager(elsewhere) as other:
        assert other.is_own(work)
        assert other.find_sessions(video)[0].session_id == work
        other.move_session(work, manager.root)
    assert manager.is_own(work)


class Failing(OsPort):
    """Fails as the session is about to lose its old place."""

    def __init__(self, folder):
        self.folder = folder

    def replace(self, source, target):
        if source == self.folder:
            raise OSError(5, "the power goes")
        super().replace(source, target)


def test_after_a_kill_the_move_is_finished(manager, root, work, paths, elsewhere):
    manager.flush()
    with pytest.raises(StorageError):
        SessionManager(root, durable=Durable(Failing(paths.folder))).move_session(work, elsewhere)
    assert paths.upscaled_frame(1).read_bytes() == WORK
    moved = manager.move_session(work, elsewhere)
    assert moved.upscaled_frame(1).read_bytes() == WORK
    assert not paths.exists()


def test_other_work_in_the_way_stays_and_so_does_this(manager, work, paths, elsewhere):
    there = elsewhere / work
    there.mkdir(parents=True, mode=0o700)
    elsewhere.chmod(0o700)
    (there / "progress.json").write_text("of other work")
    with pytest.raises(SessionError, match="not the same"):
        manager.move_session(work, elsewhere)
    assert paths.upscaled_frame(1).read_bytes() == WORK
    assert (there / "progress.json").read_text() == "of other work"


def test_what_was_brought_in_is_not_agreed_to_by_moving_it(manager, work, paths, elsewhere):
    paths.begun.unlink()
    manager.move_session(work, elsewhere)
    assert not SessionManager(elsewhere).is_own(work)


def test_what_cannot_be_moved(manager, root, work, paths, elsewhere):
    with pytest.raises(SettingsError, match="Choose another"):
        manager.move_session(work, root)
    with pytest.raises(SessionNotFoundError):
        manager.move_session("0" * 12, elsewhere)
    with SessionLock(paths), pytest.raises(SessionBusyError):
        SessionManager(root).move_session(work, elsewhere)
    assert not (elsewhere / work).exists()
