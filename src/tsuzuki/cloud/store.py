"""What every store can do. Names are relative to its address, with ``/`` between folders."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tsuzuki.cloud import place
from tsuzuki.errors import CloudError, TsuzukiError


class Entry(NamedTuple):
    """What a listing says about a file."""

    size: int
    md5: str | None = None
    """32 hex digits, where the store tells."""


class Store(ABC):
    """A folder in a store.

    Every method raises `CloudError` where the store cannot be reached or refuses. A file appears
    under its name when it is complete, never before.
    """

    parallel = 1
    """Transfers that may run at once."""

    def __init__(self, where: place.Place) -> None:
        self.place = where
        self.url = where.url

    @abstractmethod
    def folders(self) -> list[str]:
        """Return the names of the folders at the address; none where there is nothing."""

    @abstractmethod
    def entries(self, folder: str) -> dict[str, Entry]:
        """Return all files of a folder, by name in the store, those in folders below included."""

    @abstractmethod
    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small file.

        Raises `FileNotFoundError`, and `CloudError` for one of more than ``limit`` bytes.
        """

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Write a small file, replacing an older one in one step."""

    @abstractmethod
    def create(self, name: str, data: bytes) -> bool:
        """Write a small file unless there is one; then return False. Of several one succeeds."""

    @abstractmethod
    def upload(self, name: str, path: Path) -> None:
        """Copy a file of this machine into the store."""

    @abstractmethod
    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read a file; raises `FileNotFoundError` then or while reading."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are gone already are as good."""

    def too_long(self, name: str, limit: int) -> CloudError:
        """Return the error to raise for a file of more than ``limit`` bytes."""
        return CloudError(
            f"{name} in {self.url} is longer than the {limit:,} bytes that it may have, so it was "
            "not used. Remove it if you do not know it.",
            url=self.url,
        )


@contextlib.contextmanager
def store_errors(url: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what libraries raise into `CloudError`; that a file is (not) there passes.

    Where something is written, that nothing is there is a fault: the bucket or folder is missing.
    """
    try:
        yield
    except TsuzukiError:
        raise
    except FileExistsError:
        raise
    except Exception as error:  # each library has errors of its own, some of them no OSError
        if isinstance(error, FileNotFoundError) and not writing:
            raise
        reason = str(error) or type(error).__name__
        raise CloudError(
            f"The store {url} could not be used ({reason}). Check that it exists, the network and "
            "your credentials, then run the same command again: only what is missing travels.",
            url=url,
        ) from error


def open_store(address: str) -> Store:
    """Return the store at an address (see `place.parse`).

    Raises `SettingsError`, and `MissingExtraError` where its library is not installed.
    """
    where = place.parse(address)
    if where.kind == "s3":
        from tsuzuki.cloud.s3 import S3Store  # noqa: PLC0415 - an extra

        return S3Store(where)
    if where.kind == "sftp":
        from tsuzuki.cloud.sftp import SftpStore  # noqa: PLC0415 - an extra

        return SftpStore(where)
    if where.kind == "gdrive":
        from tsuzuki.cloud.gdrive import DriveStore  # noqa: PLC0415 - an extra

        return DriveStore(where)
    from tsuzuki.cloud.folder import FolderStore  # noqa: PLC0415 - like the others

    return FolderStore(where)
