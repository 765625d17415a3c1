"""What a run reports while it works.

Each event is a small immutable value. ``to_json`` gives one line of JSON whose ``event`` member
names its kind; `on_event` callbacks get the values themselves. Callbacks run in the runner's
thread, so they should return quickly; an exception they raise stops the run like a cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

import msgspec

from tsuzuki.sessions.progress import StepName


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all events."""

    session_id: str


class SessionOpened(Event, frozen=True, kw_only=True, tag="session-opened"):
    """A session was created, or an existing one continues."""

    video_file: str
    output: str
    folder: str
    """Folder of the session."""
    resumed: bool
    frames_total: int | None
    """Number of frames, None until the index is built."""
    frames_done: int
    """Frames that are safe on disk and will not be computed again."""
    settings: dict[str, Any]


class StepStarted(Event, frozen=True, kw_only=True, tag="step-started"):
    """A step begins; a completed step is reported by `StepSkipped` instead."""

    step: StepName


class StepSkipped(Event, frozen=True, kw_only=True, tag="step-skipped"):
    """A step had been completed by an earlier run."""

    step: StepName


class StepProgressed(Event, frozen=True, kw_only=True, tag="step-progress"):
    """A step came further. At most ten a second are sent for each step."""

    step: StepName
    progress: float
    """0 to 100."""
    frames_done: int | None = None
    frames_total: int | None = None
    frames_computed: int | None = None
    """Frames that this run has computed."""
    reused: float | None = None
    """Share of their area that was taken over from the frames before, 0 to 1."""
    frames_per_second: float | None = None
    """Mean speed of the last half minute; None until it is known."""
    eta: float | None = None
    """Seconds until this step ends; None until it is known."""
    eta_low: float | None = None
    eta_high: float | None = None
    """Between these it ends in eight cases of ten."""
    disk_used: int | None = None
    """Bytes in the session's folder."""


class NodeProgressed(Event, frozen=True, kw_only=True, tag="node-progress"):
    """What a node of a cluster does. At most one a second is sent for each node."""

    node: str
    """Its name."""
    workers: int
    """Its workers at present; 0 when it is gone."""
    frames_computed: int
    """Frames that it has computed in this run, those that another one computed too included."""
    frames_per_second: float | None = None
    """Mean speed of the last half minute; None until it is known."""


class StepCompleted(Event, frozen=True, kw_only=True, tag="step-completed"):
    """A step is done and its result is safe."""

    step: StepName
    seconds: float


class SegmentSealed(Event, frozen=True, kw_only=True, tag="segment-sealed"):
    """A segment and its record are safe."""

    segment: int
    """Number of the segment, from 1."""
    first: int
    last: int
    """First and last frame, numbered from 1, both included."""
    size: int
    """Bytes of the encoded segment."""
    frames_computed: int
    """Frames of this segment computed in this run; the others were read from spooled frames."""
    reused: float = 0.0
    """Share of the segment's area that was taken over from the frames before, 0 to 1."""


class FramesSpooled(Event, frozen=True, kw_only=True, tag="frames-spooled"):
    """Finished frames of an open segment are safe."""

    first: int
    last: int


class ResumeReport(Event, frozen=True, kw_only=True, tag="resume-report"):
    """What the interruption cost."""

    frames_again: int
    """Frames that had been finished before the interruption and are computed again.

    A kill leaves those unmentioned that were finished after the last save, at most a second before.
    """


class Warned(Event, frozen=True, kw_only=True, tag="warning"):
    """Something that the user should know and that does not stop the run."""

    code: str
    message: str


class WorkerRestarted(Event, frozen=True, kw_only=True, tag="worker-restarted"):
    """A worker died or hung and was replaced."""

    reason: str


class Finished(Event, frozen=True, kw_only=True, tag="finished"):
    """The output is complete and in its place."""

    output: str
    frames: int
    frames_computed: int
    """Frames computed by this run."""
    reused: float = 0.0
    """Share of the whole video's area that was taken over from the frames before, 0 to 1."""
    failed_frames: tuple[int, ...]
    """Damaged frames by their numbers in the video, from 1, whatever part of it was upscaled.

    They repeat a neighbour, or the decoder has patched them.
    """
    seconds: float
    size: int
    """Bytes of the output."""
    kept_frames: str | None = None
    """Folder of the kept frames, if they were asked for."""
    bit_identical: bool = True
    """False when accepted changes took back the promise of equal bytes."""


class Stopped(Event, frozen=True, kw_only=True, tag="stopped"):
    """The run ended before the output was complete; nothing finished is lost."""

    code: str
    """`TsuzukiError.code`."""
    exit_code: int
    message: str
    resume_command: str | None
    """The command that goes on from here."""
    details: dict[str, Any] = {}


OnEvent = Callable[[Event], None]


def to_json(event: Event) -> bytes:
    """Return the event as one line of JSON, without the line's end."""
    return msgspec.json.encode(event)


def from_json(line: bytes) -> Event:
    """Return the event that `to_json` made a line of; ValueError for any other line."""
    return _DECODER.decode(line)


_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(
    Union[tuple(Event.__subclasses__())]  # noqa: UP007 - made of a list
)
