import errno
import os
import sys

import pytest

from tsuzuki.durable import OsPort
from tsuzuki.durable import port as port_module

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a call of Linux")


@pytest.fixture(params=["link", "system call", "look and rename"])
def way(request, monkeypatch):
    """Each way to rename without replacing."""
    if sys.platform == "win32":
        return
    if request.param != "link":

        def refuse(*_args, **_kwargs):
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refuse)
    if request.param == "look and rename":
        monkeypatch.setattr(port_module, "_exclusive_rename", lambda: None)


def test_rename_new(tmp_path, way):
    (tmp_path / "a").write_bytes(b"a")
    OsPort().rename_new(tmp_path / "a", tmp_path / "b")
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_rename_new_never_replaces(tmp_path, way):
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    with pytest.raises(FileExistsError):
        OsPort().rename_new(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == b"a"
    assert (tmp_path / "b").read_bytes() == b"b"


def test_rename_new_of_nothing(tmp_path, way):
    with pytest.raises(FileNotFoundError):
        OsPort().rename_new(tmp_path / "a", tmp_path / "b")


@linux
def test_the_system_call_is_there():
    assert port_module._exclusive_rename() is not None


@linux
@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_folder_flush_that_is_not_offered_passes(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(code, "")))
    OsPort().fsync_folder(tmp_path)


@linux
def test_folder_flush_that_fails_does_not_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "")))
    with pytest.raises(OSError):
        OsPort().fsync_folder(tmp_path)


def test_create_refuses_an_existing_name(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(FileExistsError):
        OsPort().create(tmp_path / "a")


def test_windows_patience_ends(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(port_module, "REPLACE_PATIENCE", 0.05)
    tries = []

    def refuse():
        tries.append(1)
        raise PermissionError(errno.EACCES, "in use")

    with pytest.raises(PermissionError):
        port_module._patiently(refuse)
    assert len(tries) > 1
