"""Amazon S3, and every other store that speaks its language (AWS_ENDPOINT_URL says which)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from tsuzuki.cloud.place import Place
from tsuzuki.cloud.store import Entry, Store, store_errors
from tsuzuki.errors import MissingExtraError

_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_READ_AHEAD = 4 << 20


class S3Store(Store):
    """Objects below a prefix. Credentials are found by botocore: environment, ~/.aws, roles."""

    parallel = 4

    def __init__(self, where: Place) -> None:
        super().__init__(where)
        try:
            import s3fs  # noqa: PLC0415 - an extra
        except ImportError:
            raise MissingExtraError.for_extra("cloud", "S3 stores") from None
        with store_errors(self.url):
            self._files: Any = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
        self._root = f"{where.host}/{where.path}".rstrip("/")

    def folders(self) -> list[str]:
        """Return the common prefixes at the address."""
        try:
            with store_errors(self.url):
                found = self._files.ls(self._root, detail=True, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(
            one["name"].rstrip("/").rsplit("/", 1)[-1]
            for one in found
            if one["type"] == "directory"
        )

    def entries(self, folder: str) -> dict[str, Entry]:
        """Return all objects below a prefix; an ETag is an MD5 unless it was sent in parts."""
        try:
            with store_errors(self.url):
                found = self._files.find(f"{self._root}/{folder}", detail=True)
        except FileNotFoundError:
            return {}
        entries = {}
        for path, facts in found.items():
            etag = _MD5.fullmatch(str(facts.get("ETag", "")))
            name = path.removeprefix(f"{self._root}/")
            entries[name] = Entry(int(facts["size"]), etag[1] if etag else None)
        return entries

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small object."""
        with store_errors(self.url):
            data = cast(bytes, self._files.cat_file(self._path(name)))
        if len(data) > limit:
            raise self.too_long(name, limit)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Replace an object."""
        with store_errors(self.url, writing=True):
            self._files.pipe_file(self._path(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Write an object on the condition (If-None-Match) that there is none."""
        try:
            with store_errors(self.url, writing=True):
                self._files.pipe_file(self._path(name), data, mode="create")
        except FileExistsError:
            return False
        return True

    def upload(self, name: str, path: Path) -> None:
        """Send a file; long ones go in parts."""
        with store_errors(self.url, writing=True):
            self._files.put_file(str(path), self._path(name))

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Read an object."""
        with (
            store_errors(self.url),
            self._files.open(
                self._path(name), "rb", block_size=_READ_AHEAD, cache_type="readahead"
            ) as file,
        ):
            yield file

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects."""
        with store_errors(self.url):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    self._files.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"
