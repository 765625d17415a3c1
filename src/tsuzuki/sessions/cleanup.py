"""Removing sessions."""

from __future__ import annotations

import os
import sys

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
    lock = _taken(paths, durable)
    try:
        if sys.platform == "win32":
            lock.release()  # Windows renames no folder in which a file is open
        durable.remove_folder(paths.folder, paths.root)
    finally:
        lock.release()


def keep_only_frames(paths: SessionPaths, durable: Durable) -> None:
    """Remove everything but the summary, the extracted and the upscaled frames (PNG).

    Raises `SessionBusyError` while another process works on it.
    """
    lock = _taken(paths, durable)
    held_before = held_here(paths) is lock
    try:
        for entry in sorted(os.scandir(paths.upscaled), key=lambda e: e.name):
            if number_of_frame(entry.name) is None or not entry.name.endswith(".png"):
                durable.remove_file(paths.upscaled / entry.name)
    finally:
        if not held_before:
            lock.release()


def _taken(paths: SessionPaths, durable: Durable) -> SessionLock:
    return held_here(paths) or SessionLock(paths, durable).acquire()
