"""Which sessions belong to a video, and how well they fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from tsuzuki.errors import SettingsError
from tsuzuki.sessions.identity import (
    Difference,
    Settings,
    find_video,
    fingerprint,
    session_id,
    settings_differences,
)
from tsuzuki.sessions.pictures import is_source
from tsuzuki.sessions.progress import ProgressData

Match = Literal["exact", "moved", "settings_differ", "video_differs"]
_ORDER: tuple[Match, ...] = ("exact", "moved", "settings_differ", "video_differs")


class SessionMatch(msgspec.Struct, frozen=True):
    """A session that belongs to a video."""

    session_id: str
    progress: ProgressData
    match: Match
    """``exact``: the same path, content and settings. ``moved``: the same content and settings, but
    another path or time of modification. ``settings_differ``: other settings. ``video_differs``:
    the same path, but other content than when the session began."""
    differences: tuple[Difference, ...] = ()


def is_same_job(match: SessionMatch) -> bool:
    """Tell whether a session is the one to go on with, rather than another one of the same video.

    One whose video lay elsewhere is, if its own file is gone or is this one with another time.
    """
    was = Path(match.progress["video_file"])
    here = not is_source(was) or all(d.field != "video_file" for d in match.differences)
    return match.match == "exact" or (match.match == "moved" and here)


def match_sessions(
    video_path: str | os.PathLike[str], settings: Settings | None, sessions: Iterable[ProgressData]
) -> list[SessionMatch]:
    """Return the sessions of this video, the best fit first.

    Among equals the one of the exact id comes first, whatever became of its video, then the newest.
    Without ``settings`` those of each session count as the wanted ones.
    """
    path, size, mtime = find_video(video_path)

    @cache
    def present() -> str:
        return fingerprint(path)

    def own_id(progress: ProgressData) -> str:
        wanted = progress["settings"] if settings is None else settings
        return session_id(str(path), size, mtime, wanted)

    found: list[tuple[bool, SessionMatch]] = []
    for progress in sessions:
        try:
            own = own_id(progress) == progress["session_id"]
        except SettingsError:
            continue
        content = _same_content(progress, size, present)
        if content or own or progress["video_file"] == str(path):
            found.append((own, _match(progress, path, content, own, settings)))
    found.sort(key=lambda one: one[1].progress["last_updated"], reverse=True)
    found.sort(key=lambda one: (_ORDER.index(one[1].match), not one[0]))
    return [match for _, match in found]


def _match(
    progress: ProgressData,
    path: Path,
    same_content: bool | None,  # noqa: FBT001 - one of the facts to weigh
    own_id: bool,  # noqa: FBT001 - another
    settings: Settings | None,
) -> SessionMatch:
    differences: list[Difference] = []
    if settings is not None:
        differences += settings_differences(progress["settings"], settings)
    settings_differ = bool(differences)
    if progress["video_file"] != str(path):
        differences.append(Difference("video_file", progress["video_file"], str(path)))
    match: Match
    if same_content is False:
        match = "video_differs"
        differences.append(Difference("content of the video", "as it was then", "changed"))
    elif settings_differ:
        match = "settings_differ"
    else:
        match = "exact" if own_id else "moved"
    return SessionMatch(progress["session_id"], progress, match, tuple(differences))


def _same_content(progress: ProgressData, size: int, present: Callable[[], str]) -> bool | None:
    """Compare the video's content with the session's; None where that was never recorded."""
    if progress["video_info"]["size"] != size:
        return False
    stored = progress.get("fingerprint")
    return None if stored is None else stored == present()
