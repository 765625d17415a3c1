"""Removing sessions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tsuzuki.durable import Durable
from tsuzuki.sessions.layout import SessionPaths, number_of_frame
from tsuzuki.sessions.lock import SessionLock, held_here


def has_work(paths: SessionPaths) -> bool:
    """Whether the session holds segments or frames, which took time to compute."""
    for folder in (paths.upscaled, paths.frames):
        try:
            entries = os.scandir(folder)
        except OSError:
            continue
        with entries:
            if any(e.name.startswith(("segment_", "frame_")) for e in entries):
                return True
    return False


def remove_session(paths: SessionPaths, durable: Durable) -> None:
    """Remove a session with all its work.

    Raises `SessionBusyError` while another process works on it.
    """
    with _locked(paths, durable) as lock:
        if sys.platform == "win32":
            lock.release()  # Windows renames no folder in which a file is open
        durable.remove_folder(paths.folder, paths.root)


def keep_only_frames(paths: SessionPaths, durable: Durable) -> None:
    """Remove everything but the summary, the extracted and the upscaled frames (PNG).

    Raises `SessionBusyError` while another process works on it.
    """
    with _locked(paths, durable):
        for entry in sorted(os.scandir(paths.upscaled), key=lambda e: e.name):
            if number_of_frame(entry.name) is None or not entry.name.endswith(".png"):
                durable.remove_file(paths.upscaled / entry.name)


@contextmanager
def _locked(paths: SessionPaths, durable: Durable) -> Iterator[SessionLock]:
    """Hold the lock; where this process holds it already, leave it held."""
    held = held_here(paths)
    if held is not None:
        yield held
        return
    with SessionLock(paths, durable) as lock:
        yield lock
