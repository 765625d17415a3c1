"""What travels inside frames beside the picture, and gets lost when these are encoded anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tsuzuki.video.hdr import side_data_of

if TYPE_CHECKING:
    import av

_TOLD = {
    "A53_CC": "The video has closed captions inside its pictures (CEA-608 or 708). They cannot be "
    "carried over; to keep them, make a subtitle track of them with another program first.",
    "SPHERICAL": "The video says that it is spherical (360°, VR). That mark is not carried over; "
    "give it to the output again with another program.",
    "STEREO3D": "The video says how it holds the pictures of both eyes (3D). That mark is not "
    "carried over; give it to the output again with another program.",
}
"""By FFmpeg's names of the side data of frames."""


def unseen_losses(frames: Iterable[av.VideoFrame]) -> Iterator[str]:
    """Yield a sentence for each kind of such data that these frames have."""
    found = [side_data_of(frame) for frame in frames]
    for kind, told in _TOLD.items():
        if any(kind in side_data for side_data in found):
            yield told
