"""A file being written that becomes durable, and gets its name, later."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tsuzuki.durable.faults import storage_error
from tsuzuki.durable.port import Port
from tsuzuki.errors import StorageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from tsuzuki.durable.write import Durable


def temporary_name(name: str) -> str:
    """Return a new name for a file that is to become ``name``."""
    return f".{name[:120]}.{secrets.token_hex(8)}.tmp"


class KeptFile(io.RawIOBase):
    """A binary file that writes all or keeps the error.

    Native libraries that write through a Python object may swallow what it raises. So the first
    exception of any kind is kept in ``error``, nothing is written after it, and every later call
    raises it again.
    """

    def __init__(self, port: Port, path: Path) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.end = 0
        """Length in bytes that the file has to have."""
        self._port = port
        self._path = path
        self._fd: int | None = port.create(path)
        self._position = 0

    def writable(self) -> bool:
        """Tell that the file can be written."""
        return True

    def seekable(self) -> bool:
        """Tell that the position can be moved."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of ``data``."""
        return self._keep(lambda fd: self._write_all(fd, memoryview(data).cast("B")))

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move the position and return it."""

        def move(fd: int) -> int:
            self._position = self._port.seek(fd, offset, whence)
            return self._position

        return self._keep(move)

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seal(self) -> None:
        """Check the length, flush to the medium, close; raises the kept error or its own."""
        try:
            self._keep(self._flush)
        finally:
            self.close()
        self.raise_error()

    def close(self) -> None:
        """Close without a flush; an error of closing is kept."""
        fd, self._fd = self._fd, None
        if fd is not None:
            try:
                self._port.close(fd)
            except OSError as error:
                self.error = self.error or error
        super().close()

    def raise_error(self) -> None:
        """Raise the kept error, if there is one."""
        if isinstance(self.error, OSError) and not isinstance(self.error, StorageError):
            raise storage_error(self.error, self._path) from self.error
        if self.error is not None:
            raise self.error

    def _keep(self, call: Callable[[int], int]) -> int:
        self.raise_error()
        if self._fd is None:
            raise ValueError("The file is closed.")
        try:
            return call(self._fd)
        except BaseException as error:
            self.error = error
            self.raise_error()
            raise

    def _write_all(self, fd: int, data: memoryview) -> int:
        done = 0
        while done < len(data):
            done += self._port.write(fd, data[done:])
        self._position += done
        self.end = max(self.end, self._position)
        return done

    def _flush(self, fd: int) -> int:
        size = self._port.size(fd)
        if size != self.end:
            raise StorageError(
                f"{self._path} has {size} bytes where {self.end} were written. Check the disk, "
                "then run `tsuzuki resume`; everything finished before is saved.",
                path=str(self._path),
            )
        self._port.fsync(fd)
        return size


class PendingFile:
    """A new file under a temporary name in its future folder; made by `Durable.pending`.

    As a context it removes the file again unless `finish` succeeded. Once finished the file may be
    given its name by any process that knows ``path``.
    """

    def __init__(self, durable: Durable, folder: Path, name: str) -> None:
        self.path = folder / temporary_name(name)
        """Where the bytes are until the file gets its name."""
        self.finished = False
        self._durable = durable
        self.file = KeptFile(durable.port, self.path)
        """Binary file to write to and seek in; PyAV can write to it."""

    def finish(self) -> int:
        """Make the bytes durable and return how many they are.

        Raises the first error that writing met, however long ago.
        """
        self.file.seal()
        self.finished = True
        return self.file.end

    def publish(self, target: Path) -> bool:
        """Give the finished file its name; False, and the file is gone, if the name is taken."""
        self._must_be_finished()
        return self._durable.publish_file(self.path, target)

    def replace(self, target: Path) -> None:
        """Give the finished file its name in place of an older file."""
        self._must_be_finished()
        self._durable.replace_file(self.path, target)

    def discard(self) -> None:
        """Close and remove the file; harmless when it is gone."""
        self.finished = False
        self.file.close()
        with contextlib.suppress(OSError):
            self._durable.port.unlink(self.path)

    def _must_be_finished(self) -> None:
        if not self.finished:
            raise ValueError("A file gets its name after finish().")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.finished:
            self.discard()
