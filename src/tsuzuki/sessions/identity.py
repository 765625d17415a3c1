"""What makes two jobs the same: the session id, the content of the video, and all versions."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tsuzuki.durable import storage_errors
from tsuzuki.errors import InputError, InputNotFoundError
from tsuzuki.sessions.pictures import Sequence, find_sequence
from tsuzuki.settings import ProcessingSettings

Settings = Mapping[str, Any] | ProcessingSettings

FINGERPRINT_PIECE = 1 << 20
PICTURE_PIECE = 1 << 16
"""The same for one of many pictures; almost any change of a compressed one changes its end."""


class VideoFile(NamedTuple):
    """Where a video lies, and what tells that it is still the same."""

    path: Path
    """Resolved; of a sequence of pictures their pattern."""
    size: int
    """Bytes, of all pictures together."""
    mtime: float
    """Time of modification in seconds, of the picture that was changed last."""


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as the session has it."""

    field: str
    """Name of it, with dots for what lies inside."""
    stored: Any
    """Value in the session."""
    present: Any
    """Value now."""

    def __str__(self) -> str:
        if self.field == "video.content":  # hashes tell a person nothing
            return f"{self.field}: changed since the session was begun"
        return f"{self.field}: {_shown(self.stored)} in the session, {_shown(self.present)} now"


def generate_session_id(video_path: str | os.PathLike[str], settings: Settings) -> str:
    """Return the id of the session for this video with these settings: 12 hex digits.

    Raises `InputNotFoundError` where there is no such file.
    """
    video = find_video(video_path)
    return session_id(str(video.path), video.size, video.mtime, settings)


def session_id(video_path: str, video_size: int, video_mtime: float, settings: Settings) -> str:
    """Return the id for a resolved path, its size in bytes and modification time in seconds.

    MD5 is the document's choice and only has to spread, not to withstand anyone.
    """
    chosen = ProcessingSettings.from_dict(settings)
    data: dict[str, Any] = {
        "video_path": video_path,
        "video_size": video_size,
        "video_mtime": float(video_mtime),
        "scale_factor": float(chosen.scale_factor),
        "quality": chosen.quality,
        "noise_reduction": chosen.noise_reduction,
    }
    if (digest := chosen.digest()) is not None:
        data["settings_digest"] = digest
    text = json.dumps(data, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()[:12]


def find_video(video_path: str | os.PathLike[str]) -> VideoFile:
    """Return the resolved path of a video and its file's facts.

    Raises `InputNotFoundError`, for the first one that is missing of a sequence of pictures too;
    `InputError` for a name that no JSON file can hold.
    """
    try:
        path = Path(video_path).resolve()
        pictures = find_sequence(path)
        facts = path.stat() if pictures is None else None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        remote = re.match(r"(?:.*/)?[a-z]{2,}:/", os.fspath(video_path))
        advice = "Download it first" if remote else "Check the spelling and the folder"
        raise InputNotFoundError(
            f"There is no file {os.fspath(video_path)!r}. {advice}.",
            path=os.fspath(video_path),
        ) from error
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"The name of {os.fspath(video_path)!r} is not valid Unicode. Rename the file."
        ) from error
    if pictures is not None:
        return VideoFile(path, pictures.size, pictures.mtime)
    assert facts is not None
    return VideoFile(path, facts.st_size, facts.st_mtime)


def fingerprint(path: Path) -> str:
    """Return a hash of a file's content that survives moving and renaming, as 64 hex digits.

    SHA-256 of the size in bytes (decimal, then a newline) and of 1 MiB each from the head, the
    middle and the end; of all bytes where the file is no longer than these together. Of a sequence
    of pictures: the same over every picture, with 64 KiB pieces, and over their numbers.
    """
    pictures = find_sequence(path)
    if pictures is not None:
        return _fingerprint_of_all(pictures)
    return _fingerprint(path, FINGERPRINT_PIECE)


def _fingerprint_of_all(pictures: Sequence) -> str:
    digest = hashlib.sha256(f"{pictures.first} {pictures.count}\n".encode())
    for file in pictures.files():
        digest.update(bytes.fromhex(_fingerprint(file, PICTURE_PIECE)))
    return digest.hexdigest()


def _fingerprint(path: Path, piece: int) -> str:
    with storage_errors(path), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        digest = hashlib.sha256(f"{size}\n".encode())
        for start, length in _pieces(size, piece):
            file.seek(start)
            digest.update(file.read(length))
    return digest.hexdigest()


def identity_digest(identity: Mapping[str, Any]) -> str:
    """Return a short hash (16 hex digits) of an identity, plain values as from JSON.

    For `SegmentRecord.identity`: it tells which segments were made alike.
    """
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(stored: Mapping[str, Any], present: Mapping[str, Any]) -> list[Difference]:
    """Compare two identities (nested dicts of plain values) field by field, sorted by name."""
    old, new = dict(_flat(stored)), dict(_flat(present))
    return [
        Difference(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def settings_differences(stored: Settings, present: Settings) -> list[Difference]:
    """Compare the settings that change the output."""
    old, new = ProcessingSettings.from_dict(stored), ProcessingSettings.from_dict(present)
    return [Difference(f"settings.{name}", *both) for name, both in old.differences(new).items()]


def _pieces(size: int, piece: int) -> list[tuple[int, int]]:
    if size <= 3 * piece:
        return [(0, size)]
    return [(0, piece), ((size - piece) // 2, piece), (size - piece, piece)]


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
