import subprocess
import sys
import threading

import pytest

from tsuzuki.errors import DiskFullError, SessionError, SessionNotFoundError
from tsuzuki.sessions import AsyncProgressSaver, SessionManager


class Disk:
    """Remembers what was saved; saving waits while the gate is shut."""

    def __init__(self):
        self.saved = []
        self.gate = threading.Event()
        self.gate.set()
        self.error = None

    def save(self, session_id, progress):
        self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.saved.append((session_id, progress["number"]))


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def saver(disk):
    saver = AsyncProgressSaver(disk.save)
    yield saver
    disk.gate.set()
    disk.error = None
    saver._error = None
    saver.close()


def test_as_the_document_draws_it(saver):
    assert saver.worker_thread.daemon
    assert saver.worker_thread.is_alive()
    assert saver.save_queue.empty()
    assert callable(saver._save_worker)
    assert callable(saver._save_to_disk)


def test_flush_waits_until_all_is_saved(saver, disk):
    saver.save("a", {"number": 1})
    saver.flush()
    assert disk.saved == [("a", 1)]


def test_saves_of_one_session_coalesce_and_the_newest_wins(saver, disk):
    disk.gate.clear()
    for number in range(100):
        saver.save("a", {"number": number})
        saver.save("b", {"number": number})
    disk.gate.set()
    saver.flush()
    assert len(disk.saved) <= 4
    assert dict(disk.saved) == {"a": 99, "b": 99}


def test_later_changes_do_not_enter(saver, disk):
    disk.gate.clear()
    progress = {"number": [1]}
    saver.save("a", progress)
    progress["number"].append(2)
    disk.gate.set()
    saver.flush()
    assert disk.saved == [("a", [1])]


@pytest.mark.parametrize("heard_by", ["flush", "save", "close"])
def test_an_error_is_raised_where_it_is_heard(saver, disk, heard_by):
    disk.error = DiskFullError("full")
    saver.save("a", {"number": 1})
    saver.save_queue.join()
    hear = {"flush": saver.flush, "save": lambda: saver.save("a", {}), "close": saver.close}
    with pytest.raises(DiskFullError):
        hear[heard_by]()


def test_it_works_on_after_an_error(saver, disk):
    disk.error = DiskFullError("full")
    saver.save("a", {"number": 1})
    with pytest.raises(DiskFullError):
        saver.flush()
    disk.error = None
    saver.save("a", {"number": 2})
    saver.flush()
    assert disk.saved == [("a", 2)]


def test_close_saves_the_rest_and_ends_the_thread(disk):
    saver = AsyncProgressSaver(disk.save)
    disk.gate.clear()
    saver.save("a", {"number": 1})
    threading.Timer(0.05, disk.gate.set).start()
    saver.close()
    saver.close()
    assert disk.saved == [("a", 1)]
    assert not saver.worker_thread.is_alive()
    with pytest.raises(ValueError, match="closed"):
        saver.save("a", {"number": 2})


def test_nothing_is_lost_when_the_program_ends(tmp_path):
    script = f"""
import time
from pathlib import Path
from tsuzuki.sessions import AsyncProgressSaver
def save(session_id, progress):
    time.sleep(0.2)
    Path({str(tmp_path / "out")!r}).write_text(str(progress["number"]))
saver = AsyncProgressSaver(save)
for number in range(50):
    saver.save("a", {{"number": number}})
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert (tmp_path / "out").read_text() == "49"


def test_without_arguments_it_saves_below_the_default_root(root, session_id, manager, monkeypatch):
    monkeypatch.setenv("TSUZUKI_SESSIONS_DIR", str(root))
    progress = manager.load_progress(session_id) | {"output": "/out.mkv"}
    saver = AsyncProgressSaver()
    saver.save_queue.put((session_id, progress))
    saver.flush()
    assert SessionManager(root).load_progress(session_id) == progress
    saver.save(session_id, progress | {"session_id": "ba9876543210"})
    with pytest.raises(SessionError, match="cannot be saved"):
        saver.flush()
    saver.save("ba9876543210", progress | {"session_id": "ba9876543210"})
    with pytest.raises(SessionNotFoundError):
        saver.close()


def test_an_error_may_be_left_for_who_can_hear_it(saver, disk):
    disk.error = DiskFullError("full")
    saver.save("a", {"number": 1})
    saver.save_queue.join()
    saver.save("a", {"number": 2}, raise_errors=False)
    with pytest.raises(DiskFullError):
        saver.flush()
