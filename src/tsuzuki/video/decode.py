"""Decoding of any range of frames, exact to the frame, whatever the damage."""

from __future__ import annotations

from collections.abc import Container, Iterator
from fractions import Fraction
from typing import NamedTuple, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.frame import Rgb
from tsuzuki.sessions.frame_index import FrameIndex, Start
from tsuzuki.settings import AlphaChoice
from tsuzuki.video.alpha import Alpha, alpha_decoder, alpha_of, over_black
from tsuzuki.video.colour import format_depth, to_rgb
from tsuzuki.video.deinterlace import RUN_UP, Picture, deinterlaced
from tsuzuki.video.facts import Probe
from tsuzuki.video.fields import Method
from tsuzuki.video.packets import FrameNumbers, changed, decode, mark, number_of, packets_from

_FOR_GOOD = 24
"""Sound frames in a row of another size that are a change of the video rather than damage."""
_NO_PICTURE: Rgb = np.empty((3, 0, 0), np.uint8)


class Frame(NamedTuple):
    """One frame of the source."""

    number: int
    """From 0, in order of presentation."""
    rgb: Rgb
    """Empty where the picture was not asked for."""
    failed: bool
    """The frame is damaged: it repeats a neighbour, or the decoder has patched it."""
    alpha: Alpha | None = None
    """Its transparency, where that is kept; there even without a picture."""


class FrameReader:
    """Decodes ranges of frames of one video.

    What a range gives depends on the range alone, not on what was read before: its decoding begins
    with a fresh decoder at the last start before it. Only a reader whose decoder began at that very
    start and stands at the range's first frame goes on, which gives the same.
    """

    def __init__(
        self,
        probe: Probe,
        index: FrameIndex,
        *,
        deinterlace: Method | None = None,
        alpha: AlphaChoice | None = None,
    ) -> None:
        """With ``deinterlace`` frames become whole pictures.

        Then a range is decoded with the frames beside it, so that its ends are as in a larger one.
        ``alpha`` is what becomes of transparency; None leaves it out of account.
        """
        self._alpha = alpha
        self._probe = probe
        self._deinterlace = deinterlace
        self._outer, self._shown = index, index.shown
        self._index = index = index.source or index
        self._numbers = FrameNumbers(index.packets)
        self._last_packet = max(index.packets, default=0)
        self._decoded: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._ahead: tuple[int, av.VideoFrame] | None = None
        self._start: Start | None = None
        self._at = -1
        self._odd: list[int] = []
        """Numbers of the frames decoded last, as long as they have another size."""

    def frames(
        self, first: int, last: int, *, without: Container[int] = frozenset()
    ) -> Iterator[Frame]:
        """Yield the frames [first, last) in order, each exactly once.

        Those ``without`` a picture cost no more than their decoding.

        A frame that cannot be decoded repeats the one before it in the range, or the next one where
        there is none before; black stands in where the video has no such frame. One that can be
        decoded in part stays as the decoder has patched it, which shows more than a repeat.

        Raises `InputError` if the file changed, `StorageError` if it cannot be read,
        `UnsupportedVideoError` where frames become larger or smaller for good.
        """
        count = len(self._shown) or len(self._index)
        if not 0 <= first <= last <= count:
            raise ValueError(f"frames {first} to {last} of {count}")
        if not self._shown:
            yield from self._frames(first, last, without)
            return
        shown, number = self._shown[first:last], first
        # Up to the next frame shown, so that the next range can go on from there.
        following = self._shown[last] if last < len(self._shown) else len(self._index)
        span = (shown[0], max(following, shown[-1] + 1)) if shown else (0, 0)
        wanted = {frame for n, frame in enumerate(shown, first) if n not in without}
        for frame in self._frames(*span, frozenset(range(*span)) - wanted):
            while number < last and self._shown[number] == frame.number:
                failed = frame.failed and self._outer.is_new(number)  # it counts once
                yield frame._replace(number=number, failed=failed)
                number += 1

    def packets_of(self, first: int, last: int) -> tuple[Start, int]:
        """Return where decoding the frames [first, last) begins, and the last packet it needs.

        The decoder may ask for some packets more, to give what it holds; for all, after damage.
        """
        if self._shown:
            first, last = self._shown[first], self._shown[last - 1] + 1
        run_up = RUN_UP[self._deinterlace] if self._deinterlace else 0
        first, last = max(0, first - run_up), min(len(self._index), last + run_up)
        return self._index.start_of(first), max(self._index.packets[first:last])

    def _frames(self, first: int, last: int, without: Container[int]) -> Iterator[Frame]:
        """Yield frames [first, last) of the video itself."""
        for number, picture, failed in self.pictures(first, last):
            rgb = _NO_PICTURE if number in without else self._to_rgb(picture)
            alpha = alpha_of(picture) if self._alpha == "keep" and picture is not None else None
            yield Frame(number, rgb, failed=failed, alpha=alpha)

    def pictures(self, first: int, last: int) -> Iterator[Picture]:
        """Yield frames [first, last) of the video itself as they are before their conversion."""
        if self._deinterlace is None:
            yield from self._pictures(first, last)
            return
        run_up = RUN_UP[self._deinterlace]
        around = max(0, first - run_up), min(len(self._index), last + run_up)
        for one in deinterlaced(self._pictures(*around), self._deinterlace):
            if first <= one.number < last:
                yield one

    def _pictures(self, first: int, last: int) -> Iterator[Picture]:
        self._go_to(first)
        shown: av.VideoFrame | None = None
        for number in range(first, last):
            decoded = self._take(number)
            shown = decoded or shown or (self._ahead and self._ahead[1])
            yield Picture(number, shown, decoded is None or decoded.is_corrupt)
        self._at = last

    def close(self) -> None:
        """Close the file. The reader can still be used and opens it anew."""
        self._start, self._ahead, self._at = None, None, -1
        self._decoded = iter(())

    def _go_to(self, first: int) -> None:
        start = self._index.start_of(first)
        if self._start != start or self._at != first:
            self.close()
            self._start = start
            self._decoded = self._decode_from(start)
        self._at = -1  # until the range is read to its end

    def _take(self, number: int) -> av.VideoFrame | None:
        """Return frame ``number``, or None if the decoder has gone past it."""
        ahead = self._peek(number)
        if ahead is None or ahead[0] != number:
            return None
        self._ahead = None
        return ahead[1]

    def _peek(self, number: int) -> tuple[int, av.VideoFrame] | None:
        while self._ahead is None or self._ahead[0] < number:
            self._ahead = next(self._decoded, None)
            if self._ahead is None:
                return None
        return self._ahead

    def _to_rgb(self, picture: av.VideoFrame | None) -> Rgb:
        if picture is not None:
            rgb = to_rgb(picture, self._probe.colour)
            if self._alpha != "drop":
                return rgb
            return over_black(rgb, alpha_of(picture), format_depth(picture.format.name))
        shape = (3, self._probe.height, self._probe.width)
        deep = format_depth(self._probe.colour.rgb_format) > 8
        return cast(Rgb, np.zeros(shape, np.uint16 if deep else np.uint8))

    def _decode_from(self, start: Start) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield the frames of the index that a fresh decoder gives, with their numbers."""
        own: VideoCodecContext | None = None
        self._odd = []
        for place, (number, packet, stream) in enumerate(packets_from(self._probe, start)):
            if place == 0 and self._alpha is not None:
                own = alpha_decoder(stream)
            if packet is not None:
                mark(packet, number)
            elif number <= self._last_packet:
                raise changed(self._probe)
            yield from self._known(decode(own or stream.codec_context, packet))

    def _known(self, frames: list[av.VideoFrame]) -> Iterator[tuple[int, av.VideoFrame]]:
        for frame in frames:
            number = self._numbers.get(number_of(frame))
            if number is None:
                continue
            if (frame.width, frame.height) == (self._probe.width, self._probe.height):
                self._odd = []
                yield number, frame
            elif not frame.is_corrupt:  # else the damage may be in what tells the size
                self._odd.append(number)
                if len(self._odd) == _FOR_GOOD:
                    raise self._resized(min(self._odd), frame)

    def _resized(self, number: int, frame: av.VideoFrame) -> UnsupportedVideoError:
        index, tick = self._index, Fraction(*self._index.time_base)
        seconds = float((index.pts[number] - index.pts[0]) * tick)
        of_part = " of the range" if index.first else ""
        return UnsupportedVideoError(
            f"The picture of '{self._probe.path}' changes from {self._probe.width}x"
            f"{self._probe.height} to {frame.width}x{frame.height} at frame "
            f"{index.in_video(number) + 1}, after {seconds:.3f} s{of_part}. Cut it there with "
            "another program first, and upscale the parts by themselves.",
            path=self._probe.path,
            seconds=seconds,
        )
