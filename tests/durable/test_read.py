import hashlib
import os
import sys

import pytest

from tsuzuki.durable import read_bounded, sha256_of
from tsuzuki.errors import SessionDamagedError, StorageError

posix = pytest.mark.skipif(sys.platform == "win32", reason="kinds of files of POSIX")


def test_read_bounded(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bounded(tmp_path / "a", 5) == b"12345"
    with pytest.raises(SessionDamagedError, match="longer than the 4 bytes"):
        read_bounded(tmp_path / "a", 4)
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "b", 4)


@posix
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
@pytest.mark.timeout(10)
def test_only_ordinary_files_are_read(tmp_path, kind):
    path = tmp_path / "a"
    if kind == "link":
        (tmp_path / "secret").write_bytes(b"secret")
        path.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    for read in (lambda: read_bounded(path, 100), lambda: sha256_of(path)):
        with pytest.raises(SessionDamagedError, match="no ordinary file"):
            read()


def test_sha256_of(tmp_path):
    data = os.urandom((2 << 20) + 17)
    (tmp_path / "a").write_bytes(data)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(data).hexdigest()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "a").chmod(0)
    with pytest.raises(StorageError, match="permissions"):
        read_bounded(tmp_path / "a", 1)
