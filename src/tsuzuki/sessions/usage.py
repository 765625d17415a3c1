"""What a session takes, and what it is worth."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.records import read_records


class Worth(msgspec.Struct, frozen=True):
    """What going on with a session saves."""

    frames_done: int
    """Frames that are sealed or spooled."""
    seconds_saved: float | None
    """Time that computing them took, about; None where no segment tells."""


def worth(paths: SessionPaths) -> Worth:
    """Judge by the times that the records of the sealed segments tell.

    Decoding, network and encoding run side by side, so that the slowest of them counts. Errors are
    those of `read_records`.
    """
    records = read_records(paths)
    told = [record for record in records.good if record.frames_computed and record.seconds]
    computed = sum(record.frames_computed for record in told)
    seconds = sum(max(record.seconds.values()) for record in told)
    done = len(records.completed())
    return Worth(done, seconds / computed * done if computed else None)


def disk_used(paths: SessionPaths) -> int:
    """Return the bytes of all files in the session's folders."""
    size = 0
    for folder in paths.folders:
        with suppress(OSError):  # a session at work removes files meanwhile
            size += sum(file.lstat().st_size for file in folder.iterdir())
    return size
