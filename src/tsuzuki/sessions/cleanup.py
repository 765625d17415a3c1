"""Removing sessions."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tsuzuki.durable import Durable, storage_errors
from tsuzuki.sessions.layout import KEPT, SessionPaths, number_of_frame, number_of_record
from tsuzuki.sessions.lock import SessionLock, held_here


def has_work(paths: SessionPaths) -> bool:
    """Whether the session holds segments or frames, which took time to compute.

    A folder that cannot be looked into may hold some.
    """
    for folder in (paths.upscaled, paths.frames):
        try:
            with os.scandir(folder) as entries:
                if any(e.name.startswith(("segment_", "frame_")) for e in entries):
                    return True
        except FileNotFoundError:
            continue
        except OSError:
            return True
    return False


def remove_session(
    paths: SessionPaths, durable: Durable, check: Callable[[], bool] | None = None
) -> bool:
    """Remove a session with all its work.

    With ``check`` only if that says True once the session is locked, so that nobody can change it
    any more; returns whether it was removed. Raises `SessionBusyError` while another process works
    on it.
    """
    with _locked(paths, durable) as lock:
        if check is not None and not check():
            return False
        if sys.platform == "win32":
            lock.release()  # Windows renames no folder in which a file is open
        durable.remove_folder(paths.folder, paths.root)
        durable.remove_file(paths.begun)
    return True


def keep_only_frames(paths: SessionPaths, durable: Durable) -> None:
    """Remove everything but the summary, the extracted and the upscaled frames (PNG).

    Raises `SessionBusyError` while another process works on it.
    """
    with _locked(paths, durable):
        with storage_errors(paths.upscaled):
            doomed = [path for path in sorted(paths.upscaled.iterdir()) if not _is_kept(path.name)]
        records = [path for path in doomed if number_of_record(path.name) is not None]
        # A record without its segment would look like damage to whoever comes after a kill.
        durable.remove_files(records)
        durable.remove_files([path for path in doomed if number_of_record(path.name) is None])


def _is_kept(name: str) -> bool:
    return number_of_frame(name) is not None and name.endswith(f".{KEPT}")


@contextmanager
def _locked(paths: SessionPaths, durable: Durable) -> Iterator[SessionLock]:
    """Hold the lock; where this process holds it already, leave it held."""
    held = held_here(paths)
    if held is not None:
        yield held
        return
    with SessionLock(paths, durable) as lock:
        yield lock
