import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from tsuzuki.durable import Durable, OsPort
from tsuzuki.errors import (
    SessionBusyError,
    SessionDamagedError,
    SessionNotFoundError,
    StorageError,
)
from tsuzuki.sessions import SessionLock, SessionManager, SessionPaths
from tsuzuki.sessions import lock as lock_module
from tsuzuki.sessions.check import check
from tsuzuki.sessions.lock import Owner, held_here, read_owner

HOLD = """
import sys, time
from pathlib import Path
from tsuzuki.sessions import SessionLock, SessionPaths
with SessionLock(SessionPaths(Path(sys.argv[1]), sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""

FIGHT = """
import sys, time
from pathlib import Path
from tsuzuki.errors import SessionBusyError
from tsuzuki.sessions import SessionLock, SessionPaths
paths = SessionPaths(Path(sys.argv[1]), sys.argv[2])
inside = Path(sys.argv[1]) / "inside"
won = 0
end = time.monotonic() + 20
while won < 25 and time.monotonic() < end:
    try:
        with SessionLock(paths):
            inside.touch(exist_ok=False)
            time.sleep(0.001)
            inside.unlink()
            won += 1
    except SessionBusyError as error:
        assert error.exit_code == 32
    time.sleep(0.002)
print(won)
"""


class FullDisk(OsPort):
    def write(self, fd, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def start(script, paths):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(paths.root), paths.session_id],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def holder(paths):
    process = start(HOLD, paths)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_loser_says_who_works(paths, holder):
    with pytest.raises(SessionBusyError, match=f"process {holder.pid} on {socket.gethostname()}"):
        SessionLock(paths).acquire()
    assert read_owner(paths).pid == holder.pid


def test_the_lock_of_a_dead_process_is_taken_over(paths, holder):
    holder.kill()
    holder.wait()
    with SessionLock(paths):
        assert read_owner(paths).pid == os.getpid()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_stopped_process_still_holds_it(paths, holder):
    holder.send_signal(signal.SIGSTOP)
    with pytest.raises(SessionBusyError):
        SessionLock(paths).acquire()


def test_two_processes_are_never_inside_at_once(paths):
    fighters = [start(FIGHT, paths) for _ in range(2)]
    answers = [fighter.communicate(timeout=60)[0] for fighter in fighters]
    assert [fighter.returncode for fighter in fighters] == [0, 0]
    assert [int(answer) for answer in answers] == [25, 25]


def test_one_holder_in_a_process(paths):
    with SessionLock(paths) as lock:
        assert held_here(paths) is lock
        with pytest.raises(SessionBusyError, match=str(os.getpid())):
            SessionLock(paths).acquire()
    assert held_here(paths) is None
    lock.release()
    with SessionLock(paths):
        pass


def test_a_missing_session_cannot_be_locked(root):
    with pytest.raises(SessionNotFoundError):
        SessionLock(SessionPaths(root, "0123456789ab")).acquire()


def test_locks_that_do_not_exclude_are_found(paths, monkeypatch):
    if sys.platform == "win32":
        pytest.skip("flock of POSIX")
    import fcntl

    real = fcntl.flock
    calls = []

    def careless(fd, operation):
        calls.append(fd)
        return real(fd, operation) if len(calls) == 1 else None

    monkeypatch.setattr(fcntl, "flock", careless)
    with pytest.raises(StorageError, match="does not keep two processes apart"):
        SessionLock(paths).acquire()
    monkeypatch.undo()
    with SessionLock(paths):
        pass


def test_a_passing_fault_is_no_bad_file_system(paths, monkeypatch, passing_fault):
    left = passing_fault("open", paths.lock)
    with pytest.raises(StorageError) as caught:
        SessionLock(paths).acquire()
    assert not left
    assert "keep two processes apart" not in str(caught.value)
    with SessionLock(paths):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="a call of POSIX")
def test_nor_is_one_of_the_second_try(paths, monkeypatch):
    import fcntl

    real, calls = fcntl.flock, []

    def flock(fd, operation):
        calls.append(fd)
        if len(calls) == 2:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        return real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StorageError) as caught:
        SessionLock(paths).acquire()
    assert "keep two processes apart" not in str(caught.value)
    with SessionLock(paths):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_planted_link_is_not_locked_through(paths, tmp_path):
    (tmp_path / "victim").write_bytes(b"precious")
    paths.lock.symlink_to(tmp_path / "victim")
    with pytest.raises(SessionDamagedError):
        SessionLock(paths).acquire()
    assert (tmp_path / "victim").read_bytes() == b"precious"


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
@pytest.mark.parametrize("make", [Path.mkdir, lambda p: p.symlink_to("nothing"), os.mkfifo])
def test_what_is_no_file_cannot_be_a_lock(paths, make):
    make(paths.lock)
    with pytest.raises(SessionDamagedError, match=re.escape(f"{paths.lock} is no ordinary file")):
        SessionLock(paths).acquire()
    assert os.path.lexists(paths.lock)
    (problem,) = check(paths).problems
    assert problem.path == paths.lock


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
@pytest.mark.parametrize("make", [Path.mkdir, lambda p: p.symlink_to("nothing"), os.mkfifo])
def test_what_is_no_file_makes_way_for_the_owner(paths, make):
    make(paths.owner)
    (problem,) = check(paths).problems
    assert problem.path == paths.owner
    with SessionLock(paths) as lock:
        assert read_owner(paths).pid == os.getpid()
        (aside,) = lock.aside
    assert os.path.lexists(aside)
    assert aside.name == "session.owner.damaged-1"


def test_a_full_disk_leaves_the_owner_unknown(paths):
    paths.owner.write_bytes(msgspec.json.encode(Owner(1, "elsewhere", "")))
    with SessionLock(paths, Durable(FullDisk())):
        assert read_owner(paths) is None
        with pytest.raises(SessionBusyError, match="another process"):
            SessionLock(paths).acquire()


def test_a_session_can_be_removed_from_a_full_disk(paths):
    SessionManager(paths.root, durable=Durable(FullDisk())).cleanup_session(paths.session_id)
    assert not paths.exists()


@pytest.mark.parametrize("data", [b"", b"{", b'{"pid":"x"}', bytes(5000)])
def test_a_damaged_owner_is_nobody(paths, holder, data):
    paths.owner.write_bytes(data)
    with pytest.raises(SessionBusyError, match="another process"):
        SessionLock(paths).acquire()


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can be asked there")
def test_an_owner_that_has_ended_is_not_named(paths, holder):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    told = {**json.loads(paths.owner.read_bytes()), "pid": ended.pid}
    present = paths.owner.read_bytes()
    paths.owner.write_text(json.dumps(told))
    with pytest.raises(SessionBusyError, match="another process"):
        SessionLock(paths).acquire()
    threading.Timer(0.1, lambda: paths.owner.write_bytes(present)).start()
    with pytest.raises(SessionBusyError, match=f"process {holder.pid}"):
        SessionLock(paths).acquire()


def test_acquiring_is_fast(paths):
    begin = time.perf_counter()
    for _ in range(10):
        with SessionLock(paths):
            pass
    assert time.perf_counter() - begin < 2.0
    assert paths.lock not in lock_module._held
