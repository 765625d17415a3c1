from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tsuzuki.durable import left_behind, scratch_folder

MAKE = """
import sys, tempfile, time
from tsuzuki.durable import scratch_folder
tempfile.tempdir = sys.argv[1]
made = scratch_folder(sys.argv[2])
print(made.name, flush=True)
if sys.argv[3] == "wait":
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def start(place: Path, kind: str, how: str) -> tuple[subprocess.Popen, Path]:
    call = [sys.executable, "-c", MAKE, place, kind, how]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
    folder = Path(process.stdout.readline().strip())
    if how == "wait":
        (folder / "more").mkdir()
        (folder / "more" / "file").write_bytes(bytes(10))
    return process, folder


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_it_goes_with_its_process(tmp_path) -> None:
    process, folder = start(tmp_path, "trial", "end")
    process.communicate()
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be asked for there")
def test_what_a_kill_leaves_is_removed_by_the_next_of_its_kind(tmp_path) -> None:
    process, folder = start(tmp_path, "trial", "wait")
    try:
        with scratch_folder("trial"):
            assert folder.exists()  # its process is at work
    finally:
        kill(process)
    assert left_behind("trial") == [folder]
    with scratch_folder("node"):
        assert folder.exists()
    with scratch_folder("trial") as own:
        assert not folder.exists()
        assert list(tmp_path.iterdir()) == [Path(own)]


def test_what_has_another_name_is_left_alone(tmp_path) -> None:
    others = [
        tmp_path / name
        for name in ("tsuzuki-trial-x-1", "tsuzuki-trial-", f"tsuzuki-trial-{2**70}-1")
    ]
    others.append(tmp_path / f"tsuzuki-trial-{os.getpid()}-x")
    for path in others:
        path.mkdir()
    with scratch_folder("trial"):
        pass
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_link_is_not_followed(tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    process, folder = start(tmp_path, "trial", "end")
    process.communicate()
    folder.symlink_to(outside)
    with scratch_folder("trial"):
        pass
    assert (outside / "file").exists()
