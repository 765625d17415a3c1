"""What a session will do, decided once and then fixed: the plan and its segments."""

from __future__ import annotations

from typing import Any

import msgspec

from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.sessions.progress import VideoInfo
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling.plan import UpscalePlan
from tsuzuki.video.facts import EncodePlan, Framing, Probe, framed

MAX_SEGMENT_BYTES = 2 << 30
"""Longest segment, in bytes of raw output frames; about half as much when spooled."""
MIN_SEGMENT_FRAMES, MAX_SEGMENT_FRAMES = 24, 480


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the output, resolved from the video and the settings.

    Stored in the session; a resumed run follows it, and refuses when it would come out differently.
    """

    settings: ProcessingSettings
    probe: Probe
    video_info: VideoInfo
    upscaling: UpscalePlan
    encoding: EncodePlan
    segment_frames: int
    """Longest segment."""
    versions: dict[str, str]
    """Of the program; those of engine and encoder are in their plans."""
    cpu: str
    """Instruction sets of the processor, which may change the network's last bits."""
    framing: Framing | None = None
    """What becomes of pictures before they are upscaled; None leaves them as they are."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about what will be different from what one might expect."""

    @property
    def shown(self) -> Probe:
        """The facts of the video as its pictures are once they are cropped and turned."""
        return framed(self.probe, self.framing)

    @property
    def all_versions(self) -> dict[str, str]:
        """Versions of all that decides the bytes of a segment."""
        engine, encoder = self.upscaling.engine_version, self.encoding.version
        return {**self.versions, "engine": engine, "encoder": encoder}

    @property
    def raw_frame_bytes(self) -> int:
        """Bytes of one raw output frame in memory."""
        sample = 1 if self.encoding.source_colour.white < 256 else 2
        return 3 * self.encoding.width * self.encoding.height * sample

    def identity(self) -> dict[str, Any]:
        """Return what must not change between runs for the output to have the same bytes.

        What came later and is not used is left out, so that earlier sessions can be gone on with.
        """
        used = self.settings.differences(ProcessingSettings())
        parts: dict[str, Any] = {
            "settings": {
                name: value
                for name, value in self.settings.to_dict().items()
                if name not in self.settings.NOT_IN_OUTPUT
                and (name not in self.settings.ADDED or name in used)
            },
            "upscaling": msgspec.structs.replace(self.upscaling, notes=()),
            "encoding": self.encoding,
            "segment_frames": self.segment_frames,
            "versions": self.versions,
            "cpu": self.cpu,
        }
        if self.framing is not None:
            parts["framing"] = self.framing
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(parts))
        return plain


class Segment(msgspec.Struct, frozen=True):
    """A range of frames that is encoded by itself."""

    number: int
    """From 1."""
    first: int
    """First frame, from 0."""
    last: int
    """Frame after the last one."""

    @property
    def frames(self) -> range:
        """All its frames."""
        return range(self.first, self.last)

    def __len__(self) -> int:
        return self.last - self.first


def longest_segment(settings: ProcessingSettings, raw_frame_bytes: int) -> int:
    """Return the greatest number of frames of a segment."""
    if settings.segment_frames is not None:
        return settings.segment_frames
    fitting = MAX_SEGMENT_BYTES // max(1, raw_frame_bytes)
    return max(MIN_SEGMENT_FRAMES, min(MAX_SEGMENT_FRAMES, fitting))


def cut_segments(index: FrameIndex, longest: int) -> list[Segment]:
    """Cut the frames of the video into segments.

    A segment ends before the first decoding start once it has a quarter of the longest length, else
    at that length. This depends on the index and the length alone, so that every run cuts alike.
    """
    shortest = -(-longest // 4)
    starts = [start.frame for start in index.starts if start.frame > 0]
    segments: list[Segment] = []
    first, next_start = 0, 0
    while first < len(index):
        last = min(first + longest, len(index))
        while next_start < len(starts) and starts[next_start] < first + shortest:
            next_start += 1
        if next_start < len(starts) and starts[next_start] < last:
            last = starts[next_start]
        segments.append(Segment(len(segments) + 1, first, last))
        first = last
    return segments
