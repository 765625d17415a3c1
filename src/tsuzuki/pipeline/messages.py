"""What runner and worker say to each other: msgpack, each message after its length.

The runner asks for one thing after another (`Request`); the worker answers with any number of
reports and, for each request, exactly one answer of the kind that the request names, or `Failure`.
Only `Render` requests may be sent ahead of the answer to an earlier one.
"""

from __future__ import annotations

import struct
import threading
from typing import Any, BinaryIO

import msgspec

from tsuzuki.pipeline.plan import Plan
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.sessions.pace import Pace, Work
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.comparison import Comparison
from tsuzuki.video.facts import Framing, Judged, Probe
from tsuzuki.video.slice import Slice

_LENGTH = struct.Struct("<I")


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all messages."""


class Device(msgspec.Struct, frozen=True):
    """A device that networks can run on."""

    name: str
    """As in the settings."""
    title: str
    """As its maker calls it."""


# --- requests -------------------------------------------------------------------------------------


class MakePlan(Message, frozen=True, kw_only=True, tag=True):
    """Probe the video and resolve the settings. Answer: `PlanMade`."""

    path: str
    settings: ProcessingSettings
    output: str | None
    """Where the output goes, if the user said so: its suffix may decide the container."""
    framing: Framing | None = None
    """What an earlier run of the session has decided, which counts."""
    judged: Judged | None = None
    """What an earlier run has found out about this file."""
    device: Device | None = None
    """What networks run on, where that is on other machines; None is to be chosen here."""


class Look(Message, frozen=True, kw_only=True, tag=True):
    """Probe the video. Answer: `Looked`."""

    path: str
    settings: ProcessingSettings


class Survey(Message, frozen=True, kw_only=True, tag=True):
    """Say what there is to work with. Answer: `Surveyed`."""


class TakeStills(Message, frozen=True, kw_only=True, tag=True):
    """Take frames evenly over the video. Answer: `StillsTaken`."""

    path: str
    count: int
    height: int
    """Of each at most, in pixels."""


class Preview(Message, frozen=True, kw_only=True, tag=True):
    """Upscale a single frame. Answer: `Previewed`."""

    plan: Plan
    moment: float
    """Seconds from the start of the video."""


class BuildIndex(Message, frozen=True, kw_only=True, tag=True):
    """Build the frame index. Answer: `IndexBuilt`."""

    plan: Plan


class Open(Message, frozen=True, kw_only=True, tag=True):
    """Get ready to work on a session. Answer: `Opened`."""

    session_id: str
    root: str
    plan: Plan
    index: FrameIndex
    keep_frames: bool
    loss_budget: float | None
    """None spools nothing: nobody would find it again."""
    accepted: frozenset[int] = frozenset()
    """Frames (from 0) that the user takes as they come out of the network."""
    device: str | None = None
    """Device of this worker where several share the work; None is the plan's."""
    threads: int | None = None
    """Processor cores that the network may use; None is all."""
    models: str | None = None
    """Folder with networks that are not installed, each in a folder named by its digest."""
    head: Slice | None = None
    """What opening the video takes, where it does not lie at its path."""


class LookAhead(Message, frozen=True, kw_only=True, tag=True):
    """Look at how much of the frames will have to be computed. Answer: `Outlook`."""

    first: int = 0
    """Frame from which on it has to be known, from 0."""
    seconds: float | None = None
    """Processor time to look closely for; None is a glance, which takes next to nothing."""


class TryOut(Message, frozen=True, kw_only=True, tag=True):
    """Upscale and encode a few frames spread over the video; keep none. Answer: `TriedOut`."""

    plan: Plan


class ExtractFrames(Message, frozen=True, kw_only=True, tag=True):
    """Write those source frames that are missing as PNG. Answer: `FramesExtracted`."""


class Render(Message, frozen=True, kw_only=True, tag=True):
    """Render the frames [first, last) to a segment. Answer: `SegmentRendered`."""

    segment: int
    first: int
    last: int
    upscaled: list[int]
    """Frames of the segment that lie upscaled on disk."""
    slice: Slice | None = None
    """What reading them takes beside `Open.head`, where the video does not lie at its path."""


class Cut(Message, frozen=True, kw_only=True, tag=True):
    """Cut what reading the frames [first, last) takes from the video. Answer: `SliceCut`."""

    first: int
    last: int
    """An empty range takes what opening the video does; others come without that."""
    margin: int
    """Packets beyond the last one that is known to be needed."""


class Committed(Message, frozen=True, kw_only=True, tag=True):
    """The frames [first, last) are sealed and need no spooling any more. No answer."""

    first: int
    last: int


class Combine(Message, frozen=True, kw_only=True, tag=True):
    """Join the segments and all other streams to the output. Answer: `Combined`."""

    segments: list[str]
    """Paths of the sealed segments, in order."""
    output: str
    """Final path; the output is written beside it under a temporary name."""


class Compare(Message, frozen=True, kw_only=True, tag=True):
    """Compute every frame with reuse, and without it those to compare. Answer: `Compared`."""

    plan: Plan
    every: int = 1
    """Of so many frames the last one is compared."""


class CompareFiles(Message, frozen=True, kw_only=True, tag=True):
    """Hold one video against another. Answer: `FilesCompared`."""

    first: str
    second: str
    sheet: bool
    """Whether to draw the least like frames."""


class Stop(Message, frozen=True, kw_only=True, tag=True):
    """Save what is finished and exit. Answer: `Stopped`."""


Request = (
    MakePlan
    | Look
    | Survey
    | TakeStills
    | Preview
    | BuildIndex
    | Compare
    | CompareFiles
    | Open
    | LookAhead
    | TryOut
    | ExtractFrames
    | Render
    | Cut
    | Committed
    | Combine
    | Stop
)  # every kind that a worker understands


# --- reports and answers --------------------------------------------------------------------------


class Progress(Message, frozen=True, kw_only=True, tag=True):
    """Part of the present request that is done, 0 to 1."""

    done: float


class FrameDone(Message, frozen=True, kw_only=True, tag=True):
    """A frame came out of the network, or out of a spooled file."""

    frame: int
    seconds: float
    computed: bool
    reused: float = 0.0
    """Share of the frame that was taken over from the one before, 0 to 1."""


class Spooled(Message, frozen=True, kw_only=True, tag=True):
    """Finished frames are safe on disk."""

    frames: list[int]


class Notice(Message, frozen=True, kw_only=True, tag=True):
    """Something the user should know."""

    code: str
    message: str


class PlanMade(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `MakePlan`."""

    plan: Plan


class Looked(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Look`."""

    facts: Probe


class Surveyed(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Survey`."""

    devices: list[Device]
    networks: list[str]
    """Names, as in the settings."""


class StillsTaken(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `TakeStills`."""

    stills: list[bytes]
    """PNG."""


class Previewed(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Preview`: the frame as it is, and upscaled."""

    before: bytes
    """PNG."""
    after: bytes
    """PNG."""


class IndexBuilt(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `BuildIndex`."""

    index: FrameIndex


class Opened(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Open`."""


class Outlook(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `LookAhead`."""

    shares: list[float]
    """Share of the area, 0 to 1, to compute in each of so many equal parts of the video; empty
    where every frame is computed whole, or the time was too short."""
    seen: float
    """Share of these parts, 0 to 1, that were looked at; only those count that lie ahead."""


class TriedOut(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `TryOut`."""

    pace: Pace
    work: Work
    """Of the whole video."""


class FramesExtracted(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `ExtractFrames`."""

    failed: list[int]


class SegmentRendered(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Render`: the segment lies finished under a temporary name."""

    segment: int
    temporary: str
    size: int
    sha256: str
    frames_computed: int
    failed: list[int]
    seconds: dict[str, float]
    """Time spent in decoding, the network, encoding."""
    reused: float
    """Share of its frames that was taken over from frames before, 0 to 1."""
    stages: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """When each of them began and ended, in ns since 1970 by the clock of who rendered."""
    cpu: str | None = None
    """Instruction sets of the processor where they are not the plan's."""
    device_title: str | None = None
    """Device as its maker names it where it is not the plan's."""


class SliceCut(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Cut`."""

    slice: Slice


class FilesCompared(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `CompareFiles`."""

    comparison: Comparison
    sheet: bytes
    """PNG; empty where none was asked for."""


class Compared(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Compare`: how near the frames with reuse come to those without."""

    frames: int
    """Those that were compared."""
    reused: float
    """Share of the whole video's area that was taken over, 0 to 1."""
    worst_frame: int
    """The frame of the least PSNR, from 1."""
    worst_psnr: float
    """Of that frame, over all channels, in dB; infinite where the frames are the same."""
    mean_psnr: float
    """Of the mean square error of all frames, in dB."""
    worst_ssim: float
    """Structural similarity, at most 1."""
    mean_ssim: float


class Combined(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Combine`: the output lies finished under a temporary name."""

    temporary: str
    size: int
    sha256: str


class Stopped(Message, frozen=True, kw_only=True, tag=True):
    """Answer to `Stop`."""


class Failure(Message, frozen=True, kw_only=True, tag=True):
    """The present request failed."""

    code: str
    message: str
    details: dict[str, Any]
    traceback: str = ""


Report = (
    Progress
    | FrameDone
    | Spooled
    | Notice
    | PlanMade
    | Looked
    | Surveyed
    | StillsTaken
    | Previewed
    | IndexBuilt
    | Opened
    | Outlook
    | TriedOut
    | FramesExtracted
    | SegmentRendered
    | SliceCut
    | Compared
    | FilesCompared
    | Combined
    | Stopped
    | Failure
)


class Channel:
    """Two byte streams that carry messages; `send` may be called from any thread."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO, receives: Any) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(receives)
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send one message; raises OSError when the other side is gone."""
        self.send_encoded(self.encode(message))

    def encode(self, message: Message) -> bytes:
        """Return a message as `send_encoded` takes it; ValueError for text that is no Unicode."""
        data = self._encoder.encode(message)
        return _LENGTH.pack(len(data)) + data

    def send_encoded(self, data: bytes) -> None:
        """Send what `encode` made."""
        with self._lock:
            self._writer.write(data)
            self._writer.flush()

    def receive(self) -> Any:
        """Wait for one message; None when the other side is gone."""
        head = self._reader.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        data = self._reader.read(length)
        if len(data) < length:
            return None
        return self._decoder.decode(data)
