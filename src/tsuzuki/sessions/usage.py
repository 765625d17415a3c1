"""What a session takes, and what it is worth."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.records import read_records


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What going on with a session saves."""

    frames_done: int
    """Frames that are sealed or spooled."""
    seconds_saved: float | None
    """Time that computing them took, about; None where no segment tells."""
    seconds_left: float | None
    """Time that the others will take at that speed; None where that or their number is unknown."""


def worth(paths: SessionPaths, frames_total: int | None) -> Worth:
    """Judge by the times that the records of the sealed segments tell.

    Decoding, network and encoding run side by side, so that the slowest of them counts. Errors are
    those of `read_records`.
    """
    records = read_records(paths)
    told = [record for record in records.good if record.frames_computed and record.seconds]
    computed = sum(record.frames_computed for record in told)
    seconds = sum(max(record.seconds.values()) for record in told)
    done = len(records.completed())
    pace = seconds / computed if computed else None
    left = None
    if pace is not None and frames_total is not None:
        left = pace * max(0, frames_total - done)
    return Worth(
        frames_done=done,
        seconds_saved=None if pace is None else pace * done,
        seconds_left=left,
    )


def disk_used(paths: SessionPaths) -> int:
    """Return the bytes of all files in the session's folders."""
    size = 0
    for folder in paths.folders:
        with suppress(OSError):  # a session at work removes files meanwhile
            size += sum(file.lstat().st_size for file in folder.iterdir())
    return size
