"""The shape of ``progress.json``: a small summary of a session.

It is a summary only: what is done is decided by the segment records and the spooled frames.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

SessionStatus = Literal["created", "in_progress", "completed", "failed"]
StepStatus = Literal["pending", "in_progress", "completed", "failed"]
StepName = Literal["validate", "extract", "upscale", "combine"]

STEPS: tuple[StepName, ...] = ("validate", "extract", "upscale", "combine")


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
    """What the step has to remember, such as the plan (validate) or ranges of frames (upscale)."""


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
