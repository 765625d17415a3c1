"""The face of this package that the pipeline talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import msgspec

from tsuzuki.errors import ContainerError
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.colour import format_depth
from tsuzuki.video.combine import combine
from tsuzuki.video.containers import Note, changed_container, check_streams, container_of
from tsuzuki.video.cut import cut, head_of
from tsuzuki.video.decode import FrameReader
from tsuzuki.video.encode import output_pixel_format, output_size, plan_encoding
from tsuzuki.video.encoders import ENCODERS
from tsuzuki.video.facts import EncodePlan, Framing, Probe, framed
from tsuzuki.video.fields import method_for
from tsuzuki.video.framing import FramedReader, Reader
from tsuzuki.video.icc import is_rgb, read_profile, with_profile
from tsuzuki.video.index import build_index
from tsuzuki.video.picture_files import pictures_of
from tsuzuki.video.rate import at_rate
from tsuzuki.video.segment import SegmentEncoder, read_back
from tsuzuki.video.slice import Slice
from tsuzuki.video.telecine import film_index
from tsuzuki.video.verify import verify_output


def decide_encoding(
    facts: Probe, settings: ProcessingSettings, output: Path | None
) -> tuple[ProcessingSettings, EncodePlan]:
    """Resolve size, encoder and container; the suffix of ``output`` may choose the latter.

    The settings come back with the container that the suffix asks for, where it is not the one that
    they lead to anyway. Raises what `plan_encoding` and `container_of` raise, and `ContainerError`
    where both are given and do not agree.
    """
    settings = _as_pictures(facts, settings, output)
    pixel_format = output_pixel_format(settings, facts)
    size = output_size(settings, facts, pixel_format)
    wanted = None if output is None else container_of(output)
    if output is not None and settings.container not in {"auto", wanted}:
        raise ContainerError(
            f"The output {output.name} does not end in {settings.container}, as --container asks. "
            "Leave one of the two out.",
            container=settings.container,
        )
    plan = plan_encoding(settings, facts, *size)
    if wanted is not None and wanted != plan.container:
        settings = msgspec.structs.replace(settings, container=wanted)
        plan = plan_encoding(settings, facts, *size)
    return settings, plan


def _as_pictures(
    facts: Probe, settings: ProcessingSettings, output: Path | None
) -> ProcessingSettings:
    """Return the settings for pictures where the output is to be one, or would be by default."""
    if output is not None:
        wanted = container_of(output) == "png"
    elif settings.container == "auto":
        wanted = facts.pictures == "still" or settings.encoder == "png"
    else:
        wanted = settings.container == "png"
    chosen = settings.encoder in {_DEFAULT_ENCODER, "png"}
    if not wanted or not chosen or settings.container not in {"auto", "png"}:
        return settings
    return msgspec.structs.replace(settings, encoder="png", container="png")


_DEFAULT_ENCODER = ProcessingSettings().encoder
_ON_BLACK = "The video has transparency; it is shown on black, and the output has none."
_KEPT_WITHOUT_ALPHA = (
    "The frames that --keep-frames keeps are without their transparency; the output has it."
)
_PROFILE_LOST = (
    "The colour profile (ICC) is not carried over, so colours may look a little different: only "
    "PNG can hold it, and only if it is one for red, green and blue."
)
_DEINTERLACED = Note(
    code="deinterlaced",
    message="The video is interlaced: whole pictures are made of its half ones, as many as it "
    "has frames. --deinterlace off leaves them as they are.",
)
_INTERLACED = {
    None: Note(
        code="interlaced",
        message="The video is interlaced: two half pictures are woven into each frame, and "
        "upscaling hardens the combs this leaves. --deinterlace auto makes whole pictures first.",
    ),
    "marked": _DEINTERLACED,
    "all": _DEINTERLACED,
    "ivtc": Note(
        code="inverse-telecined",
        message="Inverse telecine: fields are matched and repeats left out, so that of film four "
        "frames of five remain. --deinterlace on keeps them all, off leaves them as they are.",
    ),
}
"""What is said by what becomes of an interlaced video."""


def _encoder_notes(plan: EncodePlan, settings: ProcessingSettings, facts: Probe) -> Iterator[Note]:
    """Say what the choice of the encoder and its rate costs."""
    hardware = ENCODERS[plan.encoder].hardware
    if settings.bitrate is not None:
        yield Note(
            code="bitrate",
            message="The bitrate holds for each segment by itself, and the same bytes are not "
            "promised of a run that was stopped; with --crf they are.",
        )
    if hardware:
        yield Note(
            code="hardware-encoder",
            message=f"{plan.encoder} runs on {hardware}, and the same bytes are not promised of a "
            "run that was stopped; with the encoders of the processor they are.",
        )
    if facts.colour.depth > 8 >= format_depth(plan.pixel_format):
        yield Note(
            code="depth-lost",
            message=f"{plan.encoder} has 8 bits of colour, the source {facts.colour.depth}; an "
            "encoder of hevc or av1 keeps 10.",
        )


class VideoProcessor:
    """Reads and writes one video: everything but what happens to the pixels in between."""

    def __init__(
        self, facts: Probe, settings: ProcessingSettings, framing: Framing | None = None
    ) -> None:
        self.facts = facts
        self.settings = settings
        self.framing = framing
        self.shown = framed(facts, framing)
        """The facts of its pictures once they are cropped and turned."""

    @property
    def keeps_alpha(self) -> bool:
        """Whether frames have transparency that is kept."""
        return self.facts.alpha and self.settings.alpha == "keep"

    def losses(self, plan: EncodePlan) -> list[Note]:
        """Return what the container of the plan will drop or change."""
        notes = check_streams(plan.container, self.shown, plan)
        notes[:0] = _encoder_notes(plan, self.settings, self.facts)
        method = method_for(self.settings.deinterlace, self.facts)
        if method == "ivtc" or self.facts.interlaced:
            notes.insert(0, _INTERLACED[method])
        if self.facts.alpha and self.settings.alpha == "drop":
            notes.append(Note(code="alpha-dropped", message=_ON_BLACK))
        if self.keeps_alpha and self.settings.keep_frames:
            notes.append(Note(code="kept-without-alpha", message=_KEPT_WITHOUT_ALPHA))
        if self.facts.colour_profile and not self._carried_profile(plan):
            notes.append(Note(code="profile-lost", message=_PROFILE_LOST))
        if self.settings.container == "auto" and plan.container != self.facts.container:
            notes.append(changed_container(self.facts, plan))
        return notes

    def index(self, on_progress: Callable[[float], None]) -> FrameIndex:
        """Return time and start of every frame of the range that the settings ask for."""
        index = self._own_index(on_progress)
        return index if self.settings.fps is None else at_rate(index, Fraction(self.settings.fps))

    def _own_index(self, on_progress: Callable[[float], None]) -> FrameIndex:
        first, last = self.settings.range_start, self.settings.range_end
        if method_for(self.settings.deinterlace, self.facts) != "ivtc":
            return build_index(self.facts, start=first, end=last, on_progress=on_progress)
        index = build_index(self.facts, start=first, end=last)  # soon done beside what follows
        pictures = FrameReader(self.facts, index, deinterlace="ivtc").pictures(0, len(index))
        return film_index(index, pictures, on_progress)

    def reader(self, index: FrameIndex) -> Reader:
        """Return a reader for any range of frames."""
        reader = self._whole_reader(index)
        return reader if self.framing is None else FramedReader(reader, self.framing)

    def _whole_reader(self, index: FrameIndex) -> FrameReader:
        method = method_for(self.settings.deinterlace, self.facts)
        alpha = self.settings.alpha if self.facts.alpha else None
        return FrameReader(self.facts, index, deinterlace=method, alpha=alpha)

    def cut(self, index: FrameIndex, first: int, last: int, margin: int) -> Slice:
        """Return what reading the frames [first, last) takes; see `tsuzuki.video.cut.cut`.

        With the ``margin``, in packets, for what the decoder holds back.
        """
        start, packet = self._whole_reader(index).packets_of(first, last)
        return cut(self.facts, start, packet + margin)

    def head(self) -> Slice:
        """Return what opening the video takes."""
        return head_of(self.facts)

    def encoder(self, plan: EncodePlan, file: BinaryIO) -> SegmentEncoder:
        """Return an encoder that writes one segment to ``file``."""
        return SegmentEncoder(plan, file, turn=self._turn(plan))

    def _carried_profile(self, plan: EncodePlan) -> bytes:
        """Return the colour profile that the output gets; empty for none."""
        if not self.facts.colour_profile or plan.container != "png":
            return b""
        profile = read_profile(self.facts.path)
        return profile if is_rgb(profile) else b""

    def _turn(self, plan: EncodePlan) -> int:
        """Return by how much frames are turned before they are encoded: pictures have no tag."""
        return self.shown.rotation if plan.container == "png" else 0

    def check_segment(self, path: Path, frames: int) -> None:
        """Raise `StorageError` unless the file is a whole segment of so many frames."""
        read_back(path, frames)

    def combine(
        self,
        index: FrameIndex,
        segments: Sequence[Path],
        plan: EncodePlan,
        file: BinaryIO,
        on_progress: Callable[[float], None],
    ) -> None:
        """Join segments and everything else of the source; see `tsuzuki.video.combine.combine`."""
        ranged = self.settings.range_start is not None or self.settings.range_end is not None
        combine(
            self.shown,
            index,
            segments,
            plan,
            file,
            ranged=ranged,
            on_progress=lambda done, total: on_progress(done / max(1, total)),
        )

    def combine_pictures(
        self,
        index: FrameIndex,
        segments: Sequence[Path],
        plan: EncodePlan,
        write: Callable[[int, bytes], None],
        on_progress: Callable[[float], None],
    ) -> None:
        """Give every frame's picture and its number to ``write``.

        Those of a sequence keep their numbers; the frames of a video are counted from 1.
        """
        profile = self._carried_profile(plan)
        for frame, data in enumerate(pictures_of(segments, plan, index, turn=self._turn(plan))):
            kept = self.facts.pictures == "sequence" and index.source is None
            number = self.facts.first_number + (index.packets[frame] if kept else frame)
            write(number, with_profile(data, profile) if profile else data)
            on_progress((frame + 1) / len(index))

    def verify(self, path: Path, index: FrameIndex, plan: EncodePlan) -> None:
        """Raise `StorageError` unless the output holds what it was to hold."""
        verify_output(path, index, plan, self.facts)
