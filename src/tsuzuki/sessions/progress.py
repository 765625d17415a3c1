"""The shape of ``progress.json``: a small summary of a session.

It is a summary only: what is done is decided by the segment records and the spooled frames.
Reading one checks it as if an enemy had written it.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast, get_args

import msgspec
from msgspec import Meta

from tsuzuki.errors import SessionDamagedError, SessionError
from tsuzuki.sessions.layout import MAX_FRAMES, is_session_id
from tsuzuki.sessions.pace import Pace
from tsuzuki.sessions.sealed import NotSealedError, is_sealed, seal, unseal
from tsuzuki.settings import ProcessingSettings

SessionStatus = Literal["created", "in_progress", "completed", "failed"]
StepStatus = Literal["pending", "in_progress", "completed", "failed"]
StepName = Literal["validate", "extract", "upscale", "combine"]

STEPS: tuple[StepName, ...] = get_args(StepName)
STATES: tuple[StepStatus, ...] = get_args(StepStatus)

FORMAT_VERSION = 1
MAX_BYTES = 4 << 20
"""Longest ``progress.json`` that is written or read."""
MAX_DEPTH = 64
MAX_NUMBER = 2**63
MAX_RANGES = 4096
"""Ranges of frames in the summary at most; the records know all."""
MAX_LISTED = 1 << 19
"""Frames in a list at most; more would not fit the longest file."""

_Frame = Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
_Count = Annotated[int, Meta(ge=0, le=MAX_FRAMES)]


class VideoInfo(TypedDict):
    """Facts about the input video."""

    width: int
    """Width of the coded picture in pixels."""
    height: int
    """Height of the coded picture in pixels."""
    duration: float
    """Seconds; for display only, exact times are in the frame index."""
    frame_rate: float
    """Mean frames per second; for display only."""
    frame_count: int
    """Number of frames; an estimate until the extract step is completed."""
    codec_name: str
    size: int
    """Size of the file in bytes."""
    format: str
    """Name of the container format as FFmpeg gives it."""


class _Remembered(msgspec.Struct):
    """Base of what steps keep in their ``data``. Further keys are let be, so none is refused."""


class RememberedByValidate(_Remembered):
    """What the validate step keeps."""

    identity: dict[str, Any] = {}
    """What must not change between runs for the output to have the same bytes."""
    accepted_changes: list[str] = []
    """Changes that the user went on in spite of."""
    accepted_suspicious: Annotated[list[_Frame], Meta(max_length=MAX_LISTED)] = []
    """Frames (from 1) that the user takes as they come out of the network."""
    accepted_damage: bool = False
    """Whether the user goes on however many frames are damaged."""
    accepted_hdr_loss: bool = False
    """Whether the user goes on without the dynamic HDR metadata."""
    anew: bool = False
    """Whether frames of open segments may be from before such a change, so that none is used."""
    overwrite: bool = False
    """Consent to replace an existing output. It is for one run, and never read from a file."""


class RememberedByExtract(_Remembered):
    """What the extract step keeps."""

    failed_frames: Annotated[list[_Frame], Meta(max_length=MAX_LISTED)] = []
    """Frames that could not be decoded whole, by their numbers in the video, from 1."""


class RememberedByUpscale(_Remembered):
    """What the upscale step keeps."""

    completed: Annotated[list[tuple[_Frame, _Frame]], Meta(max_length=MAX_RANGES)] = []
    """First and last frame (from 1) of each range that is sealed or spooled."""
    reached: _Count = 0
    """Frames up to the furthest one that was computed."""
    computed: Annotated[list[tuple[_Frame, _Frame]], Meta(max_length=MAX_RANGES)] = []
    """First and last frame (from 1) that were computed of each segment that was open."""
    total: _Count = 0
    """Frames in all."""
    pace: Pace | None = None
    """How fast frames came."""

    def __post_init__(self) -> None:
        if any(first > last for first, last in (*self.completed, *self.computed)):
            raise ValueError("a range of frames ends before it begins")


class PromisedOutput(msgspec.Struct):
    """The output as it was before it got its name."""

    size: Annotated[int, Meta(ge=0)]
    """Bytes."""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class RememberedByCombine(_Remembered):
    """What the combine step keeps."""

    output: PromisedOutput | None = None


_REMEMBERED: dict[StepName, type[_Remembered]] = {
    "validate": RememberedByValidate,
    "extract": RememberedByExtract,
    "upscale": RememberedByUpscale,
    "combine": RememberedByCombine,
}


class StepProgress(TypedDict):
    """State of one step; further keys are the step's own and bounded in size."""

    status: StepStatus
    progress: float
    """0 to 100."""
    start_time: NotRequired[str]
    """ISO 8601."""
    end_time: NotRequired[str]
    """ISO 8601."""
    error: NotRequired[str]
    """Why the step failed, or why it is paused."""
    data: NotRequired[dict[str, Any]]
    """What the step has to remember; `RememberedByValidate` and its likes say what that is."""


class ProgressData(TypedDict):
    """Contents of ``progress.json``."""

    session_id: str
    video_file: str
    """Absolute path of the input when the session was created or last adopted."""
    video_info: VideoInfo
    settings: dict[str, Any]
    """`ProcessingSettings.to_dict`."""
    created_at: str
    """ISO 8601."""
    last_updated: str
    """ISO 8601."""
    status: SessionStatus
    steps: dict[StepName, StepProgress]
    format_version: NotRequired[int]
    """Version of the session's layout, 1."""
    fingerprint: NotRequired[str]
    """Content fingerprint of the input."""
    output: NotRequired[str]
    """Absolute path where the output goes."""


def new_progress(
    session_id: str,
    video_file: str,
    video_info: Mapping[str, Any],
    settings: ProcessingSettings,
    *,
    fingerprint: str | None = None,
    created_at: str | None = None,
) -> ProgressData:
    """Return the progress of a session in which nothing has been done."""
    now = utc_now()
    progress: ProgressData = {
        "session_id": session_id,
        "video_file": video_file,
        "video_info": cast(VideoInfo, dict(video_info)),
        "settings": settings.to_dict(),
        "created_at": created_at or now,
        "last_updated": now,
        "status": "created",
        "steps": {step: {"status": "pending", "progress": 0.0} for step in STEPS},
        "format_version": FORMAT_VERSION,
    }
    if fingerprint is not None:
        progress["fingerprint"] = fingerprint
    return progress


def utc_now() -> str:
    """Return the present moment as ISO 8601 in UTC, to the millisecond."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def encode_progress(progress: ProgressData) -> bytes:
    """Return the bytes of ``progress.json``, with a checksum of themselves."""
    return seal(msgspec.json.encode(progress))


def decode_progress(data: bytes, session_id: str) -> ProgressData:
    """Check the bytes of a ``progress.json`` and return what they say.

    A file of another program has no checksum; it is used if all else is right, but does not say
    where the output goes. Consent to overwrite is never taken from a file. Raises
    `SessionDamagedError`, and `SessionError` for a file of a newer version.
    """
    sealed = is_sealed(data)
    try:
        body = unseal(data) if sealed else data
        parsed = json.loads(body, object_pairs_hook=_without_doubles, parse_constant=_no_number)
        _refuse_newer(parsed, session_id)
        check_progress(parsed, session_id)
    except (ValueError, RecursionError, NotSealedError) as error:
        reason = str(error) or "it is nested too deeply"
        raise SessionDamagedError(
            f"progress.json of session {session_id} is damaged and was not used: {reason}. "
            f"`tsuzuki resume {session_id}` rebuilds it from the finished work.",
            session_id=session_id,
            reason=reason,
        ) from error
    progress = cast(ProgressData, parsed)
    if not sealed:
        progress.pop("output", None)
    if "data" in progress["steps"]["validate"]:
        without_consent(progress["steps"]["validate"]["data"])
    return progress


def without_consent(remembered: dict[str, Any]) -> dict[str, Any]:
    """Take the consent to overwrite out of what the validate step keeps, and return that.

    Whoever could write into a session could otherwise have any file of the user replaced.
    """
    remembered.pop("overwrite", None)
    return remembered


def check_progress(progress: object, session_id: str) -> None:
    """Raise `ValueError` saying what is wrong with a progress, as plain values."""
    _check_values(progress, MAX_DEPTH)
    checked = msgspec.convert(progress, ProgressData)
    if checked["session_id"] != session_id or not is_session_id(session_id):
        raise ValueError(f"it belongs to session {checked['session_id']!r}")
    if missing := [step for step in STEPS if step not in checked["steps"]]:
        raise ValueError(f"the step {missing[0]} is missing")
    if not all(0 <= step["progress"] <= 100 for step in checked["steps"].values()):
        raise ValueError("a step's progress lies outside 0 to 100")
    for step in STEPS:
        msgspec.convert(checked["steps"][step].get("data", {}), _REMEMBERED[step])
    _check_settings(checked["settings"])
    info = checked["video_info"]
    if min(info["width"], info["height"], info["frame_count"], info["size"]) < 0:
        raise ValueError("a size of the video is negative")
    for moment in (checked["created_at"], checked["last_updated"]):
        dt.datetime.fromisoformat(moment)
    if "\0" in checked["video_file"] or "\0" in checked.get("output", ""):
        raise ValueError("a path has a NUL in it")


def _check_settings(settings: Mapping[str, Any]) -> None:
    """Check the settings that are known; an unknown one is refused by name when it is used."""
    known = ProcessingSettings.__struct_fields__
    ProcessingSettings(**{name: value for name, value in settings.items() if name in known})
    if missing := [name for name in ("scale_factor", "quality") if name not in settings]:
        raise ValueError(f"the setting {missing[0]} is missing")


def _refuse_newer(parsed: object, session_id: str) -> None:
    version = parsed.get("format_version", 1) if isinstance(parsed, dict) else 1
    if type(version) is not int or version < 1:
        raise ValueError(f"its format version is {version!r}")
    if version > FORMAT_VERSION:
        raise SessionError(
            f"Session {session_id} was written by a newer Tsuzuki (format {version}, this one "
            f"knows {FORMAT_VERSION}) and was left untouched. Update Tsuzuki to go on with it.",
            session_id=session_id,
            format_version=version,
        )


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is there twice")
    return members


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _check_values(value: object, depth: int) -> None:
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        for key, member in value.items():
            _check_values(key, depth - 1)
            _check_values(member, depth - 1)
    elif isinstance(value, list | tuple):
        for member in value:
            _check_values(member, depth - 1)
    elif isinstance(value, str):
        value.encode()  # a lone surrogate could not be saved again
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) < MAX_NUMBER):
        raise ValueError("a number is out of range")
