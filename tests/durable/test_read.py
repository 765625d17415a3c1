import errno
import hashlib
import os
import socket
import sys

import pytest

from tsuzuki.durable import read_bounded, sha256_of
from tsuzuki.errors import Cancelled, SessionDamagedError, StorageError

posix = pytest.mark.skipif(sys.platform == "win32", reason="kinds of files of POSIX")


def test_read_bounded(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bounded(tmp_path / "a", 5) == b"12345"
    with pytest.raises(SessionDamagedError, match="longer than the 4 bytes"):
        read_bounded(tmp_path / "a", 4)
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "b", 4)


@posix
@pytest.mark.parametrize("kind", ["link", "pipe", "socket", "folder"])
@pytest.mark.timeout(10)
def test_only_ordinary_files_are_read(tmp_path, kind, monkeypatch):
    path = tmp_path / "a"
    if kind == "link":
        (tmp_path / "secret").write_bytes(b"secret")
        path.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(tmp_path)  # a socket's path has 100 bytes at most
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("a")
    else:
        path.mkdir()
    for read in (lambda: read_bounded(path, 100), lambda: sha256_of(path)):
        with pytest.raises(SessionDamagedError, match="no ordinary file"):
            read()


def test_sha256_of(tmp_path):
    data = os.urandom((2 << 20) + 17)
    (tmp_path / "a").write_bytes(data)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_hashing_can_be_ended_at_every_piece(tmp_path):
    (tmp_path / "a").write_bytes(bytes((2 << 20) + 17))
    calls = []
    sha256_of(tmp_path / "a", lambda: calls.append(1))
    assert len(calls) == 3

    def cancel():
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        sha256_of(tmp_path / "a", cancel)


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.EMFILE, errno.ESTALE])
def test_a_passing_fault_is_no_damage(tmp_path, monkeypatch, code):
    (tmp_path / "a").write_bytes(b"1")

    def refuse(*_args):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        for read in (lambda: read_bounded(tmp_path / "a", 9), lambda: sha256_of(tmp_path / "a")):
            with pytest.raises(StorageError):
                read()
    assert read_bounded(tmp_path / "a", 9) == b"1"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "a").chmod(0)
    with pytest.raises(StorageError, match="permissions"):
        read_bounded(tmp_path / "a", 1)
