"""A binary file that writes all or keeps the error."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tsuzuki.durable.faults import storage_error
from tsuzuki.durable.port import Port
from tsuzuki.errors import StorageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class KeptFile(io.RawIOBase):
    """A binary file that writes all or keeps the error.

    Native libraries that write through a Python object may swallow what it raises. So the first
    exception of any kind is kept in ``error``, nothing is written after it, and every later call
    raises it again.
    """

    def __init__(self, port: Port, path: Path, mode: int | None = None) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.end = 0
        """Length in bytes that the file has to have."""
        self._port = port
        self._mode = mode
        self._path = path
        self._position = 0
        self._fd: int | None = None  # close() is called even where creating fails
        self._fd = port.create(path)

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
        """Check the length, set the mode, flush to the medium, close.

        Raises the kept error or its own.
        """
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
        if self._mode is not None:
            self._port.chmod(fd, self._mode)
        self._port.fsync(fd)
        return size
