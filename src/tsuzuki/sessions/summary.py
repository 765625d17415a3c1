"""The file ``progress.json``: saved in one step, and mended when it is found damaged."""

from __future__ import annotations

import logging

from tsuzuki.durable import Durable, read_bounded, storage_error
from tsuzuki.errors import SessionDamagedError, SessionError
from tsuzuki.sessions.cleanup import has_work
from tsuzuki.sessions.index import rebuild_progress
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.progress import (
    MAX_BYTES,
    ProgressData,
    check_progress,
    decode_progress,
    encode_progress,
)

_log = logging.getLogger(__name__)


def load(paths: SessionPaths, durable: Durable) -> ProgressData | None:
    """Return what the file says, or what can be rebuilt; None where neither is possible.

    A damaged file is reported and kept aside. Raises `SessionError` for one of a newer version.
    """
    paths.check()
    try:
        return read(paths)
    except FileNotFoundError:
        pass
    except SessionDamagedError as error:
        aside = durable.move_aside(paths.progress)
        _log.warning("%s The damaged file is kept as %s.", error, aside)
    progress = rebuild_progress(paths)
    if progress is None:
        return None
    # Another process may have saved meanwhile; then its file is the better one.
    if durable.publish(paths.progress, encode_progress(progress)):
        _log.warning("Rebuilt %s from the finished work.", paths.progress)
        return progress
    return read(paths)


def is_lost(paths: SessionPaths) -> bool:
    """Tell whether there is work in a session that has neither a summary nor an index."""
    return paths.exists() and has_work(paths)


def lost(paths: SessionPaths) -> SessionDamagedError:
    """Return the error to raise where a session `is_lost`."""
    return SessionDamagedError(
        f"Neither {paths.progress} nor {paths.index}, which it could be made from, can be used any "
        "more. Run `tsuzuki upscale VIDEO` with the settings of then: it finds the sealed segments "
        f"in {paths.upscaled} and goes on; or give it up with "
        f"`{paths.command('sessions remove')}`.",
        path=str(paths.progress),
    )


def save(paths: SessionPaths, progress: ProgressData, durable: Durable) -> None:
    """Replace the file; durable when this returns.

    Raises `SessionNotFoundError` where there is no such session, `StorageError` where the file
    vanishes while it is written.
    """
    data = encode_progress(progress)
    if len(data) > MAX_BYTES:
        raise SessionError(
            f"The progress of session {paths.session_id} is too long ({len(data):,} bytes, at most "
            f"{MAX_BYTES:,}), so it was not saved. The work done before is safe.",
            session_id=paths.session_id,
        )
    try:
        durable.write_atomic(paths.progress, data)
    except FileNotFoundError as error:
        if paths.exists():
            raise storage_error(error, paths.progress) from error
        raise paths.missing() from error


def check(progress: ProgressData, session_id: str) -> None:
    """Raise `SessionError` if this cannot be the progress of the session."""
    try:
        check_progress(progress, session_id)
    except (ValueError, RecursionError) as error:
        raise SessionError(
            f"This progress cannot be saved for session {session_id}: {error}. Load the session's "
            "own progress and change that.",
            session_id=session_id,
        ) from error


def read(paths: SessionPaths) -> ProgressData:
    """Return what the file says, and leave it as it is.

    Raises `FileNotFoundError`, `SessionDamagedError`, and `SessionError` for a newer version.
    """
    return decode_progress(read_bounded(paths.progress, MAX_BYTES), paths.session_id)
