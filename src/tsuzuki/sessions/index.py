"""The frame index with the job it was made for: what a lost summary is rebuilt from.

The file is a JSON object ``{"checksum": …, "version": 1, "job": …, "index": …}``; what the index
says is told in `frame_index`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tsuzuki.durable import Durable, read_bounded
from tsuzuki.errors import SessionDamagedError, SessionError
from tsuzuki.sessions.frame_index import decode_index
from tsuzuki.sessions.identity import identity_digest
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.progress import (
    MAX_RANGES,
    ProgressData,
    check_progress,
    new_progress,
    utc_now,
    without_consent,
)
from tsuzuki.sessions.ranges import FrameRanges
from tsuzuki.sessions.records import mixed_identities, read_records
from tsuzuki.sessions.sealed import seal, unseal
from tsuzuki.settings import ProcessingSettings

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

VERSION = 1
MAX_INDEX_BYTES = 1 << 28
LOST_CHANGES = "settings, models or versions (the list was lost with the summary)"
"""Stands for the changes that were accepted when segments of several kinds are found."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    session_id: str
    video_file: str
    video_info: dict[str, Any]
    settings: dict[str, Any]
    created_at: str
    fingerprint: str | None = None
    output: str | None = None
    plan: dict[str, Any] | None = None
    """What the validate step remembers."""


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    job: Job
    index: msgspec.Raw


def write_index(
    paths: SessionPaths,
    progress: ProgressData,
    index: bytes,
    durable: Durable,
    *,
    replace: bool = False,
) -> bool:
    """Write the job of ``progress`` and the index (JSON).

    One that is there already stays, and False is returned, unless it is to be replaced.
    """
    job = Job(
        session_id=paths.session_id,
        video_file=progress["video_file"],
        video_info=dict(progress["video_info"]),
        settings=progress["settings"],
        created_at=progress["created_at"],
        fingerprint=progress.get("fingerprint"),
        output=progress.get("output"),
        plan=_plan_of(progress),
    )
    document = _Document(version=VERSION, job=job, index=msgspec.Raw(index))
    data = seal(msgspec.json.encode(document))
    if len(data) > MAX_INDEX_BYTES:
        raise SessionError(f"The frame index is too long ({len(data):,} bytes). Split the video.")
    durable.make_folder(paths.frames)
    if not replace:
        return durable.publish(paths.index, data)
    durable.write_atomic(paths.index, data)
    return True


def _plan_of(progress: ProgressData) -> dict[str, Any] | None:
    remembered = progress["steps"]["validate"].get("data")
    if remembered is None:
        return None
    # When an index is written no frames from before a change are left.
    return without_consent({name: v for name, v in remembered.items() if name != "anew"})


def read_index(paths: SessionPaths) -> tuple[Job, bytes] | None:
    """Return the job and the index (JSON); None where there is no file.

    Raises `SessionDamagedError` for a damaged file, `SessionError` for one of a newer version.
    """
    paths.check()
    try:
        data = read_bounded(paths.index, MAX_INDEX_BYTES)
        document = msgspec.json.decode(unseal(data), type=_Document)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise _damaged(paths, str(error)) from error
    if document.version > VERSION:
        raise SessionError(
            f"{paths.index} was written by a newer Tsuzuki and was left untouched. Update Tsuzuki "
            "to go on with this session.",
            path=str(paths.index),
        )
    if document.job.session_id != paths.session_id:
        raise _damaged(paths, "it belongs to another session")
    if document.job.plan is not None:
        without_consent(document.job.plan)
    return document.job, bytes(document.index)


def read_index_as(paths: SessionPaths, decode: Callable[[bytes], _T]) -> _T | None:
    """Return the index as ``decode`` understands it; None where there is no file.

    Raises as `read_index` does; a `ValueError` of ``decode`` is damage too.
    """
    found = read_index(paths)
    if found is None:
        return None
    try:
        return decode(found[1])
    except (ValueError, RecursionError) as error:
        raise _damaged(paths, str(error)) from error


def rebuild_progress(paths: SessionPaths) -> ProgressData | None:
    """Make the summary anew from the job and the finished work; None where no job is known.

    Raises `StorageError` where the disk refuses to read.
    """
    try:
        found = read_index(paths)
        if found is None:
            return None
        records = read_records(paths)
        progress = _progress_of(*found, records.completed())
        check_progress(progress, paths.session_id)
    except SessionDamagedError as error:
        _log.warning("%s", error)
        return None
    except (ValueError, RecursionError) as error:
        _log.warning("%s", _damaged(paths, str(error)))
        return None
    remembered = progress["steps"]["validate"].get("data", {})
    present = identity_digest(remembered["identity"]) if "identity" in remembered else ""
    if mixed_identities(records.good, present) and not remembered.get("accepted_changes"):
        # Nor is it known then which of these the frames of open segments were made with.
        lost = {"accepted_changes": [LOST_CHANGES], "anew": True}
        progress["steps"]["validate"]["data"] = remembered | lost
    return progress


def _progress_of(job: Job, index: bytes, completed: FrameRanges) -> ProgressData:
    progress = new_progress(
        job.session_id,
        job.video_file,
        job.video_info,
        ProcessingSettings.from_dict(job.settings),
        fingerprint=job.fingerprint,
        created_at=job.created_at,
    )
    progress["status"] = "in_progress"
    if job.output is not None:
        progress["output"] = job.output
    steps = progress["steps"]
    steps["validate"] = {"status": "completed", "progress": 100.0, "end_time": utc_now()}
    steps["extract"] = {"status": "completed", "progress": 100.0, "end_time": utc_now()}
    if job.plan is not None:
        steps["validate"]["data"] = job.plan
    if completed:
        total = len(decode_index(index))
        steps["upscale"] = {
            "status": "in_progress",
            "progress": min(100.0, 100 * len(completed) / total),
            "data": {"completed": completed.to_list(MAX_RANGES), "total": total},
        }
    return progress


def _damaged(paths: SessionPaths, reason: str) -> SessionDamagedError:
    return SessionDamagedError(
        f"{paths.index} is damaged and was not used: {reason}. `tsuzuki resume {paths.session_id}` "
        "makes the index anew from the video.",
        path=str(paths.index),
        reason=reason,
    )
