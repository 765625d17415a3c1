from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tsuzuki.durable import ScratchFolder

MAKE = """
import sys, tempfile, time
from tsuzuki.durable import ScratchFolder
tempfile.tempdir = sys.argv[1]
made = ScratchFolder(sys.argv[2])
(made.path / "more").mkdir()
(made.path / "more" / "file").write_bytes(bytes(10))
print(made.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def start(tmp_path):
    """Have a process make a folder, which it holds until its input ends."""
    processes = []

    def started(kind: str, *before: str) -> tuple[subprocess.Popen, Path]:
        call = [*before, sys.executable, "-c", MAKE, tmp_path, kind]
        process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        folder = Path(process.stdout.readline().strip())
        assert (folder / "more" / "file").exists()
        return process, folder

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    process.wait()


def test_it_goes_with_its_process_its_owner_and_its_block(start, tmp_path) -> None:
    process, _ = start("trial")
    process.communicate()
    made = ScratchFolder("trial")
    del made
    with ScratchFolder("trial") as scratch:
        assert list(scratch.path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_one_process_may_have_several(tmp_path) -> None:
    with ScratchFolder("trial") as one, ScratchFolder("trial") as other:
        assert one.path.exists()
        assert other.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_closing_it_twice_is_closing_it_once() -> None:
    made = ScratchFolder("trial")
    made.close()
    made.close()
    assert not made.path.exists()


def test_what_a_kill_leaves_is_removed_by_the_next_of_its_kind(start, tmp_path) -> None:
    process, folder = start("trial")
    with ScratchFolder("trial"):
        assert folder.exists()  # its process is at work
    kill(process)
    with ScratchFolder("node"):
        assert folder.exists()
    with ScratchFolder("trial") as own:
        assert not folder.parent.exists()
        assert list(tmp_path.iterdir()) == [own.path.parent]


@pytest.mark.skipif(sys.platform != "linux", reason="has other numbers for processes there")
def test_a_container_beside_is_left_alone(start) -> None:
    """With one folder of temporary files, but each its own numbers of processes."""
    apart = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces here")
    _, folder = start("trial", *apart)
    with ScratchFolder("trial"):
        assert folder.exists()


def test_what_is_not_such_a_folder_is_left_alone(tmp_path) -> None:
    """A file, a folder that was only just made, and a link."""
    (tmp_path / "tsuzuki-trial-file").touch()
    (tmp_path / "tsuzuki-trial-new").mkdir()
    (tmp_path / "tsuzuki-trial-new" / "lock").touch()
    (tmp_path / "outside" / "files").mkdir(parents=True)
    (tmp_path / "tsuzuki-trial-link").symlink_to(tmp_path / "outside")
    before = sorted(tmp_path.rglob("*"))
    with ScratchFolder("trial"):
        pass
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no such owner there")
def test_the_folder_of_another_user_is_left_alone(start, monkeypatch) -> None:
    process, folder = start("trial")
    kill(process)
    monkeypatch.setattr(os, "getuid", lambda: 1 + folder.stat().st_uid)
    with ScratchFolder("trial"):
        assert folder.exists()
