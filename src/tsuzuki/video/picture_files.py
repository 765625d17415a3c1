"""From frames to the files of pictures. Segments hold each as a packet, which is the whole file."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import av
import numpy as np

from tsuzuki.errors import SessionDamagedError
from tsuzuki.frame import Rgb
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.video.colour import rgb_frame
from tsuzuki.video.facts import EncodePlan
from tsuzuki.video.orientation import Orientation

PICTURE_FORMAT, NUT = "nut", b"nut/"
"""Container of segments of pictures, and what its files begin with."""
_HEAD, _END = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"IEND\xaeB`\x82"


def to_picture(rgb: Rgb, plan: EncodePlan, shown: Orientation) -> av.VideoFrame:
    """Return a frame as it is encoded: upright, with white as the greatest value of its depth."""
    colour = plan.source_colour
    turned = cast(Rgb, shown.of(rgb))
    deep = rgb.dtype == np.uint16
    if deep:
        turned = _stretched(turned, colour.white)
    frame = rgb_frame(turned, "gbrp16le" if deep else "gbrp")
    frame = frame.reformat(format=plan.pixel_format)
    frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
    return frame


def _stretched(samples: Rgb, white: int) -> Rgb:
    """Return samples of 16 bits whose white is 65535, rounded; what is brighter becomes white."""
    if white == 65535:
        return samples
    wide = np.minimum(samples, white).astype(np.uint32)
    return cast(Rgb, ((wide * 65535 + white // 2) // white).astype(np.uint16))


def pictures_of(
    segments: Sequence[Path], plan: EncodePlan, index: FrameIndex, *, turn: int
) -> Iterator[bytes]:
    """Yield the file of every frame in order.

    Raises `SessionDamagedError` for a segment that does not hold whole pictures of the plan's size,
    or where all together are not as many as the index has frames.
    """
    size = (plan.height, plan.width) if turn in {90, 270} else (plan.width, plan.height)
    count = 0
    for path in segments:
        try:
            with av.open(str(path), "r", format=PICTURE_FORMAT) as container:
                for packet in container.demux(container.streams.video[0]):
                    if packet.size:
                        data = bytes(packet)
                        if not _is_whole(data, size):
                            raise _unfit(path)
                        count += 1
                        yield data
        except (av.FFmpegError, IndexError) as error:
            raise _unfit(path) from error
    if count != len(index):
        raise SessionDamagedError(
            f"The segments hold {count} pictures, the video has {len(index)} frames. Resume the "
            "session: damaged segments are set aside and computed again.",
            held=count,
            wanted=len(index),
        )


def _is_whole(data: bytes, size: tuple[int, int]) -> bool:
    head, end = data[:16] == _HEAD, data.endswith(_END)
    return head and end and struct.unpack_from(">2I", data, 16) == size


def _unfit(path: Path) -> SessionDamagedError:
    return SessionDamagedError(
        f"The segment {path} does not hold whole pictures. Delete this file, then resume: only its "
        "frames are computed again.",
        path=str(path),
    )
