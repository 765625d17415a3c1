"""A folder on another machine, over SSH."""

from __future__ import annotations

import contextlib
import getpass
import posixpath
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from tsuzuki.cloud.place import Place
from tsuzuki.cloud.store import Entry, Store, store_errors
from tsuzuki.durable import is_temporary
from tsuzuki.durable.naming import temporary_name
from tsuzuki.errors import CloudError, MissingExtraError


class SftpStore(Store):
    """Files on a host that ``~/.ssh/known_hosts`` knows; user and keys as ``~/.ssh/config`` says.

    One transfer at a time: the connection is one.
    """

    def __init__(self, where: Place) -> None:
        super().__init__(where)
        with store_errors(self.url):
            self._files: Any = _connect(where)
        self._ftp = self._files.ftp
        self._root = where.path
        self._guard = threading.RLock()

    def folders(self) -> list[str]:
        """Return the names of the folders at the address."""
        return sorted(name for name, facts in self._ls("") if stat.S_ISDIR(facts.st_mode))

    def entries(self, folder: str) -> dict[str, Entry]:
        """Return all files of a folder."""
        found: dict[str, Entry] = {}
        for name, facts in self._ls(folder):
            path = f"{folder}/{name}"
            if stat.S_ISDIR(facts.st_mode):
                found |= self.entries(path)
            elif stat.S_ISREG(facts.st_mode) and not is_temporary(name):
                found[path] = Entry(int(facts.st_size))
        return found

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small file."""
        with self.open(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise self.too_long(name, limit)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Replace a file in one step."""
        self._put(name, lambda path: self._pipe(path, data), self._ftp.posix_rename)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file and give it its name by a rename that refuses to replace."""
        try:
            self._put(name, lambda path: self._pipe(path, data), self._ftp.rename)
        except CloudError:
            if self._exists(name):
                return False
            raise
        return True

    def upload(self, name: str, path: Path) -> None:
        """Copy a file; paramiko compares the length that arrived."""
        self._put(name, lambda to: self._ftp.put(str(path), to), self._ftp.posix_rename)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Read a file."""
        with (
            self._guard,
            store_errors(self.url),
            self._ftp.open(f"{self._root}/{name}", "rb") as file,
        ):
            file.prefetch()
            yield cast(BinaryIO, file)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that they leave empty."""
        folders: set[str] = set()
        with self._guard, store_errors(self.url):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    self._ftp.remove(f"{self._root}/{name}")
                folders.update((posixpath.dirname(name), name.split("/", 1)[0]))
            for folder in sorted(folders, key=len, reverse=True):
                with contextlib.suppress(OSError):  # it is not empty
                    self._ftp.rmdir(f"{self._root}/{folder}")

    def _put(
        self, name: str, fill: Callable[[str], object], rename: Callable[[str, str], object]
    ) -> None:
        target = f"{self._root}/{name}"
        folder, last = posixpath.split(target)
        temporary = f"{folder}/{temporary_name(last)}"
        with self._guard, store_errors(self.url, writing=True):
            self._make_folder(folder)
            try:
                fill(temporary)
                rename(temporary, target)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._ftp.remove(temporary)
                raise

    def _make_folder(self, folder: str) -> None:
        """Make a folder and those above it; another machine may be doing so, too."""
        try:
            self._ftp.stat(folder)
        except FileNotFoundError:
            self._make_folder(posixpath.dirname(folder))
            with contextlib.suppress(OSError):
                self._ftp.mkdir(folder, 0o700)
            self._ftp.stat(folder)

    def _pipe(self, path: str, data: bytes) -> None:
        with self._ftp.open(path, "wb") as file:
            file.write(data)

    def _exists(self, name: str) -> bool:
        with self._guard, store_errors(self.url):
            try:
                self._ftp.stat(f"{self._root}/{name}")
            except FileNotFoundError:
                return False
            return True

    def _ls(self, folder: str) -> list[tuple[str, Any]]:
        with self._guard, store_errors(self.url):
            try:
                found = self._ftp.listdir_attr(f"{self._root}/{folder}")
            except FileNotFoundError:
                return []
            return [(facts.filename, facts) for facts in found]


def _connect(where: Place) -> Any:
    try:
        import paramiko  # noqa: PLC0415 - an extra
        from fsspec.implementations.sftp import SFTPFileSystem  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError.for_extra("cloud", "SFTP stores") from None

    class KnownHosts(SFTPFileSystem):  # type: ignore[misc]
        """Connects to hosts that are known alone; fsspec's own takes any."""

        cachable = False

        def _connect(self) -> None:
            self.client = paramiko.SSHClient()
            self.client.load_system_host_keys()
            self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
            self.client.connect(self.host, **self.ssh_kwargs)
            self.ftp = self.client.open_sftp()

    config = paramiko.SSHConfig()
    with contextlib.suppress(FileNotFoundError):
        config = paramiko.SSHConfig.from_path(str(Path("~/.ssh/config").expanduser()))
    said = config.lookup(where.host)
    return KnownHosts(
        said.get("hostname", where.host),
        port=where.port or int(said.get("port", 22)),
        username=said.get("user", getpass.getuser()),
        key_filename=said.get("identityfile"),
        timeout=30,
    )
