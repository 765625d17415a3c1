"""A file being written that becomes durable, and gets its name, later."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from tsuzuki.durable.faults import folder_needed, storage_errors
from tsuzuki.durable.kept import KeptFile
from tsuzuki.durable.naming import temporary_name
from tsuzuki.durable.write import Durable


class PendingFile:
    """A new file under a temporary name in the folder of ``target``, which it is to become.

    As a context it removes the file again unless `finish` succeeded. Once finished the file may be
    given its name by any process that knows ``path``. ``owner`` tells whose it is (see
    `temporary_name`). The file is for the user alone, unless ``mode`` says otherwise; that is set
    before the flush to the medium. Raises `StorageError` where there is no such folder.
    """

    def __init__(
        self,
        target: Path,
        durable: Durable | None = None,
        owner: str = "",
        *,
        mode: int | None = None,
    ) -> None:
        self._durable = durable or Durable()
        self.path = target.with_name(temporary_name(target.name, owner))
        """Where the bytes are until the file gets its name."""
        self.finished = False
        with storage_errors(target), folder_needed(target.parent):
            self.file = KeptFile(self._durable.port, self.path, mode)
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
        if not self.finished:
            raise ValueError("A file gets its name after finish().")
        return self._durable.publish_file(self.path, target)

    def discard(self) -> None:
        """Close and remove the file; harmless when it is gone."""
        self.finished = False
        self.file.close()
        with contextlib.suppress(OSError):
            self._durable.port.unlink(self.path)

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
