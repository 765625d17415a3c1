"""The rows of runs: durable, for the user alone, and never a reason to stop."""

import sqlite3
import stat
import sys
import threading

import msgspec
import pytest

from tsuzuki.durable import History, RunRow
from tsuzuki.errors import SessionDamagedError, SessionError, StorageError

ROW = RunRow(
    session_id="0123456789ab",
    session_created="2026-01-01T00:00:00+00:00",
    started="x",
    resumed=True,
)


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "history.db")


def test_a_row_is_there_changed_and_gone_again(history):
    assert history.rows() == []
    number = history.add(ROW)
    assert history.rows() == [ROW]
    ended = msgspec.structs.replace(
        ROW, ended="y", outcome="completed", seconds=1.5, saves=[1, 2], save_seconds=0.25, frames=9
    )
    history.replace(number, ended)
    history.add(ROW)
    assert history.rows() == [ended, ROW]
    history.remove(number)
    assert history.rows() == [ROW]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_the_file_is_for_the_user_alone(history):
    history.add(ROW)
    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600


def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(history, caplog):
    history.path.write_bytes(b"no database at all, but long enough to have a head" * 100)
    history.add(ROW)
    assert history.rows() == [ROW]
    assert history.path.with_name("history.db.damaged-1").exists()
    assert "damaged" in caplog.text


def test_a_damaged_file_that_is_only_read_counts_as_empty(history):
    history.path.write_bytes(b"x" * 4096)
    assert history.rows() == []
    assert history.path.with_name("history.db.damaged-1").exists()


def test_a_newer_file_is_left_untouched(history):
    with sqlite3.connect(history.path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    before = history.path.read_bytes()
    for call in (history.rows, lambda: history.add(ROW)):
        with pytest.raises(SessionError, match="newer Tsuzuki"):
            call()
    assert history.path.read_bytes() == before


def test_a_link_is_not_followed(history, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"")
    history.path.symlink_to(other)
    for call in (history.rows, lambda: history.add(ROW)):
        with pytest.raises(SessionDamagedError):
            call()
    assert other.read_bytes() == b""


def test_rows_that_make_no_sense_are_left_out(history):
    history.add(ROW)
    with sqlite3.connect(history.path) as database:
        for saves, frames in (("[", 1), ("[1]", -4), ("[1]", "many"), (7, 1)):
            database.execute(
                "INSERT INTO runs (session_id, session_created, started, resumed, saves, frames) "
                "VALUES ('a', 'b', 'c', 0, ?, ?)",
                (saves, frames),
            )
    database.close()
    assert history.rows() == [ROW]


def test_no_such_folder(tmp_path):
    with pytest.raises((StorageError, FileNotFoundError)):
        History(tmp_path / "no" / "history.db").add(ROW)


def test_several_at_once(history):
    threads = [threading.Thread(target=lambda: history.add(ROW)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history.rows()) == 8
