"""What of a session on this machine is to be in the store."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from tsuzuki.cloud.manifest import VERSION, File, Kind, Manifest, kind_of
from tsuzuki.durable import open_regular, storage_errors
from tsuzuki.errors import SessionDamagedError
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.progress import ProgressData, encode_progress, utc_now
from tsuzuki.sessions.records import read_records

_PIECE = 1 << 20


class Part(NamedTuple):
    """A file of the session."""

    name: str
    """In the session's folder."""
    kind: Kind
    file: File
    md5: str
    source: Path | bytes
    """Where it lies; or what it says, for those that are replaced while the session goes on."""


class Snapshot(NamedTuple):
    """A session at one moment."""

    manifest: Manifest
    parts: list[Part]


class Digests:
    """Digests of files, computed once for each state of a file."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int, int], tuple[File, str]] = {}

    def of(self, path: Path) -> tuple[File, str]:
        """Return size, SHA-256 and MD5 (hex digits) of a file.

        Raises `FileNotFoundError` where it is gone.
        """
        with storage_errors(path), open_regular(path) as file:
            facts = os.fstat(file.fileno())
            key = str(path), facts.st_ino, facts.st_size, facts.st_mtime_ns
            if key not in self._known:
                sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
                while piece := file.read(_PIECE):
                    sha256.update(piece)
                    md5.update(piece)
                self._known[key] = File(file.tell(), sha256.hexdigest()), md5.hexdigest()
            return self._known[key]


def take(manager: SessionManager, session_id: str, digests: Digests) -> Snapshot:
    """Return the session as it is now; somebody may be working on it.

    The summary is read first and the files after it: they may be more than it says, never less.
    Only what is sound is taken. Raises `SessionNotFoundError`, `SessionDamagedError`.
    """
    paths = manager.paths(session_id)
    progress = manager.require_progress(session_id)
    parts = [_part("progress.json", encode_progress(progress))]
    try:
        with storage_errors(paths.index), open_regular(paths.index) as file:
            parts.append(_part("frames/index.json", file.read()))
    except FileNotFoundError:
        pass
    parts += _segments(paths, digests)
    for folder in (paths.upscaled, paths.frames):
        parts += _frames(folder, digests)
    manifest = Manifest(
        version=VERSION,
        session_id=session_id,
        saved_at=utc_now(),
        video=Path(progress["video_file"]).name,
        progress=_percent(progress),
        files={part.name: part.file for part in parts},
    )
    return Snapshot(manifest, parts)


def _segments(paths: SessionPaths, digests: Digests) -> list[Part]:
    parts = []
    for record in read_records(paths).good:
        segment = paths.upscaled / record.file
        file, md5 = digests.of(segment)
        if file.sha256 != record.sha256:
            raise SessionDamagedError(
                f"{segment} has changed since it was sealed, so the session was not copied. Run "
                f"`{paths.command('sessions repair')}`, then try again.",
                path=str(segment),
            )
        parts.append(Part(f"upscaled/{segment.name}", Kind.DATA, file, md5, segment))
        path = paths.record(record.segment)
        with storage_errors(path), open_regular(path) as opened:
            parts.append(_part(f"upscaled/{path.name}", opened.read()))
    return parts


def _frames(folder: Path, digests: Digests) -> list[Part]:
    """Return single frames; those of a segment that is sealed meanwhile are gone or useless."""
    parts = []
    with storage_errors(folder):
        names = sorted(entry.name for entry in os.scandir(folder))
    for name in names:
        relative = f"{folder.name}/{name}"
        if not name.startswith("frame_") or kind_of(relative) is not Kind.DATA:
            continue
        try:
            file, md5 = digests.of(folder / name)
        except FileNotFoundError:
            continue
        parts.append(Part(relative, Kind.DATA, file, md5, folder / name))
    return parts


def _part(name: str, data: bytes) -> Part:
    kind = kind_of(name)
    if kind is None:
        raise ValueError(f"{name} is no file of a session")
    file = File(len(data), hashlib.sha256(data).hexdigest())
    return Part(name, kind, file, hashlib.md5(data, usedforsecurity=False).hexdigest(), data)


def _percent(progress: ProgressData) -> float:
    return float(progress["steps"]["upscale"]["progress"])
