"""Ports that watch and ports that fail."""

import os
from pathlib import Path

import pytest

from tsuzuki.durable import Durable, OsPort


class WatchedPort(OsPort):
    """The real port, which lists its calls and fails at the wished one."""

    def __init__(self):
        self.calls = []
        self.fail_at = {}
        """Name of a call to the errno that it fails with."""
        self.longest_write = None

    def _note(self, name, *args):
        self.calls.append((name, *(a.name if isinstance(a, Path) else a for a in args)))
        if name in self.fail_at:
            code = self.fail_at[name]
            raise OSError(code, os.strerror(code))

    def names(self):
        return [call[0] for call in self.calls]

    def create(self, path):
        self._note("create")
        return super().create(path)

    def write(self, fd, data):
        self._note("write")
        return super().write(fd, data[: self.longest_write])

    def chmod(self, fd, mode):
        self._note("chmod")
        super().chmod(fd, mode)

    def fsync(self, fd):
        self._note("fsync")
        super().fsync(fd)

    def close(self, fd):
        super().close(fd)
        self._note("close")

    def fsync_folder(self, path):
        self._note("fsync_folder", path)
        super().fsync_folder(path)

    def replace(self, source, target):
        self._note("replace", target)
        super().replace(source, target)

    def rename_new(self, source, target):
        self._note("rename_new", target)
        super().rename_new(source, target)

    def unlink(self, path):
        self._note("unlink")
        super().unlink(path)

    def mkdir(self, path):
        self._note("mkdir", path)
        super().mkdir(path)

    def rmdir(self, path):
        self._note("rmdir")
        super().rmdir(path)

    def remove_tree(self, path):
        self._note("remove_tree")
        super().remove_tree(path)


@pytest.fixture
def port():
    return WatchedPort()


@pytest.fixture
def durable(port):
    return Durable(port)
