"""Where sessions lie and what their files are called. Paths are computed here and never read."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import platformdirs

from tsuzuki.durable import Durable, storage_errors
from tsuzuki.errors import SessionDamagedError, SessionNotFoundError, UnsafeFolderError

ROOT_VARIABLE = "TSUZUKI_SESSIONS_DIR"
ROOT_NAME = "upscale_app_sessions"
BEGUN = ".begun"
"""Suffix of the file that tells where a session was begun."""
MAX_FRAMES = 20_000_000
"""More frames than a week of video has."""
MAX_SEGMENTS = 1_000_000
SPOOLED, KEPT = "nut", "png"
"""Suffixes of upscaled frames: spooled until their segment is sealed, or kept for good."""

_ID = re.compile(r"[0-9a-f]{12}")
_FRAME = re.compile(r"frame_([0-9]{6,9})(?:_upscaled)?\.[0-9A-Za-z]{1,8}")
_UPSCALED = re.compile(rf"frame_([0-9]{{6,9}})_upscaled\.(?:{SPOOLED}|{KEPT})")
_SEGMENT = re.compile(r"segment_([0-9]{6,7})-[0-9a-f]{12}\.mkv")
_RECORD = re.compile(r"segment_([0-9]{6,7})\.json")


def sessions_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of all sessions: ``root``, else $TSUZUKI_SESSIONS_DIR, else the default.

    The default lies in the temporary folder on Windows, and in the user's state folder elsewhere,
    where the temporary folder does not survive a reboot.
    """
    chosen = root or os.environ.get(ROOT_VARIABLE)
    if chosen:
        return Path(os.path.abspath(Path(chosen).expanduser()))  # noqa: PTH100 - keeps links
    if sys.platform == "win32":
        return Path(tempfile.gettempdir()) / ROOT_NAME
    return platformdirs.user_state_path("tsuzuki", appauthor=False) / ROOT_NAME


def check_root(root: Path, *, made: bool = False) -> None:
    """Raise `UnsafeFolderError` if other users could tamper with the sessions in ``root``.

    A root that does not exist is judged by the folders it will lie in, unless it was ``made``.
    """
    try:
        facts = root.lstat()
    except FileNotFoundError:
        if made:
            raise _unsafe(root, "somebody has removed it") from None
        facts = None
    if facts is not None:
        _check_kind(root, facts)
    if sys.platform == "win32":
        return
    if facts is not None:
        _check_owner(root, facts)
    for path in dict.fromkeys((root, root.resolve())):
        for name in (path, *path.parents):
            _check_above(root, name, there=facts is not None)


def make_root(root: Path, durable: Durable) -> None:
    """Make the root, for the user alone, and check it."""
    check_root(root)
    durable.make_folder(root)
    check_root(root, made=True)


def _check_kind(root: Path, facts: os.stat_result) -> None:
    if stat.S_ISLNK(facts.st_mode):
        raise _unsafe(root, "it is a symbolic link")
    if not stat.S_ISDIR(facts.st_mode):
        raise _unsafe(root, "it is no folder")


def _check_owner(root: Path, facts: os.stat_result) -> None:
    if sys.platform != "win32" and facts.st_uid != os.geteuid():
        raise _unsafe(root, "it belongs to another user")
    if facts.st_mode & (stat.S_IWOTH | stat.S_IWGRP):
        raise _unsafe(root, f"others may write in it (`chmod 700 {root}` mends that)")


def _check_above(root: Path, name: Path, *, there: bool) -> None:
    """Check that nobody else can put another folder in the place of ``name``, on the way to a root.

    In a folder where anybody may make names, one that is there may be replaced by who owns it, and
    one that is not there by anybody: it must be there where the root is.
    """
    above = name.parent
    if not above.exists() or name == above:
        return
    facts = above.stat()
    if not facts.st_mode & stat.S_IWOTH:
        return
    if not facts.st_mode & stat.S_ISVTX:
        raise _unsafe(root, f"anybody may replace folders in {above}")
    try:
        owner = name.lstat().st_uid
    except FileNotFoundError:
        if there:
            raise _unsafe(root, f"somebody is changing {name}") from None
        return
    if owner not in {os.geteuid(), facts.st_uid}:
        raise _unsafe(root, f"{name} belongs to another user")


def _unsafe(root: Path, why: str) -> UnsafeFolderError:
    return UnsafeFolderError(
        f"The sessions folder {root} is not safe: {why}. Choose a folder of your own with "
        f"{ROOT_VARIABLE} or --sessions-dir.",
        path=str(root),
    )


def is_session_id(text: str) -> bool:
    """Whether ``text`` can be a session id: 12 hex digits."""
    return _ID.fullmatch(text) is not None


def number_of_frame(name: str) -> int | None:
    """Return the number (from 1) in the name of a source or upscaled frame, None for others."""
    return _number(_FRAME, os.path.basename(name))  # noqa: PTH119 - a million names a second


def number_of_upscaled(name: str) -> int | None:
    """Return the number (from 1) in the file name of an upscaled frame, None for others.

    Only files that this program writes count as frames that are done.
    """
    return _number(_UPSCALED, name)


def number_of_segment(name: str) -> int | None:
    """Return the number (from 1) in the file name of a sealed segment, None for others."""
    return _number(_SEGMENT, name)


def number_of_record(name: str) -> int | None:
    """Return the number (from 1) in the file name of a segment's record, None for others."""
    return _number(_RECORD, name)


def _number(pattern: re.Pattern[str], name: str) -> int | None:
    match = pattern.fullmatch(name)
    if match is None:
        return None
    digits = match[1]
    number = int(digits)
    # A second spelling of the same number would be a second file for the same frame.
    return number if 1 <= number <= MAX_FRAMES and digits == f"{number:06d}" else None


def frame_name(number: int) -> str:
    """Return the file name of a source frame, ``number`` from 1."""
    return f"frame_{number:06d}.png"


def upscaled_name(number: int, suffix: str = "png") -> str:
    """Return the file name of an upscaled frame, ``number`` from 1."""
    return f"frame_{number:06d}_upscaled.{suffix}"


def segment_name(segment: int, sha256: str) -> str:
    """Return the file name of a sealed segment, ``segment`` from 1."""
    return f"segment_{segment:06d}-{sha256[:12]}.mkv"


@dataclass(frozen=True)
class SessionPaths:
    """Every path of one session. Raises `SessionNotFoundError` for what is no session id."""

    root: Path
    session_id: str

    def __post_init__(self) -> None:
        if not is_session_id(self.session_id):
            raise SessionNotFoundError(
                f"{self.session_id!r} is no session id, which has 12 digits and letters a to f. "
                "`tsuzuki sessions list` shows those that exist.",
            )

    @cached_property
    def folder(self) -> Path:
        """Folder of the session."""
        return self.root / self.session_id

    @property
    def progress(self) -> Path:
        """The summary."""
        return self.folder / "progress.json"

    @property
    def begun(self) -> Path:
        """Tells, beside the session's folder, that this was begun here and not brought in."""
        return self.root / f"{self.session_id}{BEGUN}"

    @property
    def lock(self) -> Path:
        """Locked while a process works on the session."""
        return self.folder / "session.lock"

    @property
    def owner(self) -> Path:
        """Says who holds the lock."""
        return self.folder / "session.owner"

    @cached_property
    def frames(self) -> Path:
        """Folder of the frame index and the extracted frames."""
        return self.folder / "frames"

    @property
    def index(self) -> Path:
        """The frame index and the job."""
        return self.frames / "index.json"

    @cached_property
    def upscaled(self) -> Path:
        """Folder of segments, their records and spooled frames."""
        return self.folder / "upscaled"

    @cached_property
    def logs(self) -> Path:
        """Folder of the session's log."""
        return self.folder / "logs"

    @property
    def log(self) -> Path:
        """The session's log."""
        return self.logs / "session.log"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders of the session, outer ones first."""
        return self.folder, self.frames, self.upscaled, self.logs

    def frame(self, number: int) -> Path:
        """Extracted frame, ``number`` from 1."""
        return self.frames / frame_name(number)

    def upscaled_frame(self, number: int, suffix: str = "png") -> Path:
        """Upscaled frame, spooled or kept, ``number`` from 1."""
        return self.upscaled / upscaled_name(number, suffix)

    def segment(self, segment: int, sha256: str) -> Path:
        """Sealed segment, ``segment`` from 1."""
        return self.upscaled / segment_name(segment, sha256)

    def segment_temporary(self, segment: int) -> Path:
        """What a `PendingFile` for a segment is named after while its digest is unknown."""
        return self.upscaled / f"segment_{segment:06d}.mkv"

    def record(self, segment: int) -> Path:
        """Record of a sealed segment, ``segment`` from 1."""
        return self.upscaled / f"segment_{segment:06d}.json"

    def command(self, command: str, *more: str) -> str:
        """Return what to type for ``tsuzuki COMMAND`` with this session, wherever it lies."""
        words = ["tsuzuki", *command.split(), self.session_id, *more]
        if self.root != sessions_root():
            words += ["--sessions-dir", str(self.root)]
        return shlex.join(words)

    def missing(self) -> SessionNotFoundError:
        """Return the error to raise where the session is not there."""
        return SessionNotFoundError(
            f"There is no session {self.session_id} in {self.root}. `tsuzuki sessions list` shows "
            "those that exist.",
            session_id=self.session_id,
        )

    def exists(self) -> bool:
        """Whether there is a folder of the session; `StorageError` where that cannot be told."""
        try:
            with storage_errors(self.folder):
                return stat.S_ISDIR(self.folder.lstat().st_mode)
        except FileNotFoundError:
            return False

    def check(self) -> None:
        """Raise `SessionDamagedError` if a folder of the session is a link or a file."""
        for folder in self.folders:
            try:
                with storage_errors(folder):
                    mode = folder.lstat().st_mode
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(mode):
                raise SessionDamagedError(
                    f"{folder} is a link or a file where the session has a folder, so the session "
                    "was not opened. Remove it if you do not know it.",
                    path=str(folder),
                )
