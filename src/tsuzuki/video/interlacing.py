"""Whether a video is interlaced, or telecined film, by samples spread over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import cast

import av
import msgspec
from av.container import InputContainer
from av.video.stream import VideoStream

from tsuzuki.video.deinterlace import look_woven
from tsuzuki.video.facts import Probe
from tsuzuki.video.fields import MATCHED_FORMATS, Order, Verdict
from tsuzuki.video.packets import decode, packets
from tsuzuki.video.telecine import RATE, look_telecined

PLACES = 4
"""Samples of a video: it may begin with a trailer, or in black."""
_FILM_FRAMES = 40
"""Of a sample by which film is known."""
_WOVEN_FRAMES = 16
"""Of a sample by which half pictures are known that no frame tells of."""
_TELLING_FRAMES = 4
"""Of a sample, to hear what they tell."""
_HEIGHTS_OF_TELEVISION = {480, 486, 512, 576, 608, 1080, 1088}
_NEVER_INTERLACED = {"vp8", "vp9", "av1", "gif", "apng"}


def with_interlacing(facts: Probe, container: InputContainer, stream: VideoStream) -> Probe:
    """Return the facts of a video with what its frames tell of half pictures, and look like."""
    if facts.codec in _NEVER_INTERLACED:
        return facts
    if not facts.interlaced:
        facts = _looked_at(facts, container, stream)
    if facts.interlaced:
        return msgspec.structs.replace(facts, telecined=_is_telecined(container, stream, facts))
    return facts


def _looked_at(facts: Probe, container: InputContainer, stream: VideoStream) -> Probe:
    """Return the facts with ``interlaced`` where a frame says so, else with ``woven``."""
    judged = facts.height in _HEIGHTS_OF_TELEVISION
    verdicts: Counter[Verdict] = Counter()
    for sample in _samples(container, stream, facts, from_here=True):
        frames = list(islice(sample, _WOVEN_FRAMES if judged else _TELLING_FRAMES))
        if any(frame.interlaced_frame and not frame.is_corrupt for frame in frames):
            return msgspec.structs.replace(facts, interlaced=True)
        if judged:
            verdicts[look_woven(frames)] += 1
    order: Order = "tff" if verdicts["tff"] >= verdicts["bff"] else "bff"
    if not verdicts[order]:
        return facts
    clear = verdicts[order] > verdicts["whole"]
    return msgspec.structs.replace(facts, woven=order if clear else "in part")


def _is_telecined(container: InputContainer, stream: VideoStream, facts: Probe) -> bool:
    """Tell whether the video is film somewhere."""
    rate = Fraction(*facts.frame_rate)
    if not RATE[0] < rate < RATE[1] or facts.pixel_format not in MATCHED_FORMATS:
        return False
    samples = _samples(container, stream, facts)
    return any(look_telecined(islice(sample, _FILM_FRAMES)) for sample in samples)


def _samples(
    container: InputContainer, stream: VideoStream, facts: Probe, *, from_here: bool = False
) -> Iterator[Iterator[av.VideoFrame]]:
    """Yield the frames from each place on; where one cannot seek, from where one is.

    With ``from_here`` the first place is where the file was read to: seeking may land later.
    """
    start = (stream.start_time or 0) * cast(Fraction, stream.time_base)
    for place in range(PLACES if facts.duration else 1):
        moment = start + Fraction(facts.duration) * place / PLACES
        try:
            if place or not from_here:
                container.seek(int(moment * av.time_base))
        except (av.error.FFmpegError, OverflowError):
            if place:
                return
        yield (
            frame
            for packet in packets(container, stream, facts.path)
            for frame in decode(stream.codec_context, packet)
        )
