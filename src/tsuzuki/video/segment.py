"""One segment: a Matroska file of consecutive frames that is encoded by itself.

Equal frames and an equal `EncodePlan` give equal bytes on any machine: threads, instruction-set
dependence and strings in the bitstream are pinned by the plan.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from tsuzuki.errors import EncoderError, StorageError
from tsuzuki.frame import Rgb
from tsuzuki.video import colour
from tsuzuki.video.alpha import Alpha, has_alpha, set_alpha
from tsuzuki.video.facts import EncodePlan
from tsuzuki.video.orientation import UPRIGHT, Orientation
from tsuzuki.video.picture_files import NUT, PICTURE_FORMAT, to_picture

CHROMA_LOCATIONS = ("unspecified", "left", "center", "topleft", "top", "bottomleft", "bottom")
"""FFmpeg's names by its AVChromaLocation."""

MAX_REORDER = 16
"""More frames than any of these encoders decodes ahead."""

_MILLISECONDS = Fraction(1, 1000)


def ticks_per_frame(plan: EncodePlan) -> int:
    """Milliseconds from one frame of a segment to the next: whole, so that none coincide."""
    return max(1, round(1000 / Fraction(*plan.frame_rate)))


def _format(plan: EncodePlan) -> str:
    """Return the container of segments: Matroska, or NUT for pictures, which Matroska refuses."""
    return PICTURE_FORMAT if plan.encoder == "png" else "matroska"


class SegmentEncoder:
    """Encodes frames 0, 1, 2 … into one Matroska segment.

    Times in a segment only order its frames: combining sets the true ones from the frame index.
    The first frame is a key frame and nothing refers beyond the segment.
    """

    def __init__(self, plan: EncodePlan, file: BinaryIO, *, shown: Orientation = UPRIGHT) -> None:
        """``shown`` is what is done with pictures before, which have no tag for it."""
        self._plan = plan
        self._shown = shown
        self._file = file
        self._rate = Fraction(*plan.frame_rate)
        self._step = ticks_per_frame(plan)
        self._frames = self._packets = 0
        self._container = av.open(
            file, "w", format=_format(plan), container_options={"fflags": "+bitexact"}
        )
        try:
            self._stream = self._open_stream()
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self) -> av.VideoStream:
        plan = self._plan
        if plan.encoder == "svt-av1":
            os.environ.setdefault("SVT_LOG", "1")  # the only way to make it report errors alone
        options = plan.options | {"chroma_sample_location": CHROMA_LOCATIONS[plan.chroma_location]}
        stream: Any = self._container.add_stream(plan.library, rate=self._rate, options=options)
        lies = self._shown.turn in {90, 270}
        sides = (plan.height, plan.width) if lies else (plan.width, plan.height)
        stream.width, stream.height, stream.pix_fmt = *sides, plan.pixel_format
        context = stream.codec_context
        context.time_base = 1 / self._rate
        aspect = Fraction(*plan.sample_aspect_ratio)
        context.sample_aspect_ratio = 1 / aspect if lies else aspect
        context.colorspace, context.color_primaries = plan.matrix, plan.primaries
        context.color_trc, context.color_range = plan.transfer, 2 if plan.full_range else 1
        context.thread_count = plan.threads
        context.thread_type = "SLICE" if plan.encoder == "ffv1" else "FRAME"
        _open(context, plan)
        return stream  # type: ignore[no-any-return]

    def write(self, rgb: Rgb, alpha: Alpha | None = None) -> None:
        """Encode the next frame, shape (3, height, width) of the plan, and its alpha.

        Where the plan's pixel format has one, None is opaque; where it has none, it is left out.
        """
        plan = self._plan
        if plan.encoder == "png":
            frame = to_picture(rgb, plan, self._shown)
            alpha = None if alpha is None else self._shown.of(alpha)
        else:
            frame = colour.from_rgb(
                rgb,
                plan.source_colour,
                plan.pixel_format,
                plan.matrix,
                plan.full_range,
                plan.chroma_location,
            )
        if has_alpha(plan.pixel_format):
            set_alpha(frame, alpha, plan.source_colour.depth)
        self.write_frame(frame)

    def write_frame(self, frame: av.VideoFrame) -> None:
        """Encode the next frame, which already has the plan's size and pixel format."""
        frame.pts, frame.time_base = self._frames, 1 / self._rate
        frame.pict_type = 0  # else the encoder repeats the source's frame types
        self._frames += 1
        self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file, which stays open.

        Raises what the file raised while it was written, and `EncoderError` for lost frames.
        """
        try:
            self._mux(self._stream.encode(None))
        finally:
            self._container.close()
        raise_kept(self._file)
        if self._packets != self._frames:
            raise EncoderError(
                f"{self._plan.encoder} made {self._packets} packets of {self._frames} frames. "
                "Choose another encoder and report this, with the video's properties."
            )

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            if packet.pts is None:
                raise EncoderError(f"{self._plan.encoder} made a packet without a time.")
            # The encoder's own decoding times are not used: x265 leaves them to chance in segments
            # of fewer frames than it reorders. Matroska does not store any.
            packet.dts = (self._packets - MAX_REORDER) * self._step
            packet.pts *= self._step
            self._packets += 1
            packet.duration, packet.time_base = self._step, _MILLISECONDS
            self._container.mux_one(packet)


def _open(context: Any, plan: EncodePlan) -> None:
    """Open the encoder and make sure that it understood every option."""
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        raise EncoderError(
            f"The encoder {plan.encoder} refused {plan.width}x{plan.height} {plan.pixel_format} "
            f"with {plan.options}: {error}. Choose another size, pixel format or encoder.",
            encoder=plan.encoder,
        ) from error
    if context.options:
        raise EncoderError(
            f"The encoder {plan.encoder} of this build does not know {context.options}; "
            "install a version of PyAV that this program supports.",
            encoder=plan.encoder,
        )


def black(plan: EncodePlan) -> Rgb:
    """Return a black frame; a new one of PyAV may hold anything, which x264 may refuse."""
    shape = (3, plan.height, plan.width)
    return np.zeros(shape, np.uint16) if plan.source_colour.white > 255 else np.zeros(shape, "u1")


def raise_kept(file: BinaryIO) -> None:
    """Raise the error that a file object kept because FFmpeg may have swallowed it."""
    error = getattr(file, "error", None)
    if isinstance(error, BaseException):
        raise error


def read_back(path: Path, frames: int) -> None:
    """Check a finished segment: it opens, starts with a key frame and has ``frames`` packets.

    Raises `StorageError`: the file is not what was written.
    """
    try:
        with path.open("rb") as file:
            kind = PICTURE_FORMAT if file.read(len(NUT)) == NUT else "matroska"
        with av.open(str(path), "r", format=kind) as container:
            packets = [p for p in container.demux(container.streams.video[0]) if p.size]
            problem = _problem(packets, frames)
    except (av.FFmpegError, IndexError) as error:
        problem = f"it cannot be read ({error})"
    if problem:
        raise StorageError(
            f"The segment {path} is damaged right after it was written: {problem}. Check the "
            "disk, then resume: only this segment is computed again.",
            path=str(path),
        )


def _problem(packets: list[av.Packet[Any]], frames: int) -> str | None:
    if len(packets) != frames:
        return f"it has {len(packets)} packets instead of {frames}"
    if not packets[0].is_keyframe:
        return "it does not start with a key frame"
    if len({packet.pts for packet in packets}) != frames or any(p.is_corrupt for p in packets):
        return "its packets are not whole"
    return None
