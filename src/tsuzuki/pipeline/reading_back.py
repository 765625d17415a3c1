"""Reading back the frames that lie upscaled on disk; what is damaged is computed again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

from tsuzuki.frame import Rgb
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.computing import Computing
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.spooler import Finished
from tsuzuki.video.processor import VideoProcessor


class ReadingBack:
    """Gives the upscaled frames of a session, with the same pixels however they come about."""

    def __init__(
        self,
        job: m.Open,
        video: VideoProcessor,
        files: FrameFiles,
        computing: Computing,
        make_safe: Callable[[Finished], None],
    ) -> None:
        """``make_safe`` is called with each frame that is computed."""
        self._index = job.index
        self._video = video
        self._files = files
        self._computing = computing
        self._make_safe = make_safe
        self._reuses = job.plan.upscaling.reuse is not None
        self._one = threading.Lock()
        """Frames are computed by one thread at a time, so that each is computed only once."""

    def read(self, first: int, number: int, computed: set[int]) -> Rgb:
        """Return a frame of the segment that begins with ``first``.

        Where its file is damaged it is computed, as are the damaged ones before it that it takes;
        each is safe as soon as it is done, and added to ``computed``.
        """
        rgb = self._files.read_upscaled(number)
        if rgb is not None:
            return rgb
        with self._one:
            return self._compute(first, number, computed)

    def _compute(self, first: int, number: int, computed: set[int]) -> Rgb:
        sound, before = self._sound_before(first, number)
        if before is not None and sound == number:
            return before
        unseen = frozenset[int]() if self._reuses else frozenset(range(first, number))
        reader, enlarger = self._video.reader(self._index), self._computing.enlarger()
        try:
            for frame in reader.frames(first, number + 1, without=unseen):
                enlarger.look(frame.rgb)
                if frame.number <= sound:
                    enlarger.skip(lambda: cast(Rgb, before))
                elif frame.number not in unseen:
                    rgb = self._computing.checked(enlarger.start(frame.number + 1), frame)
                    computed.add(frame.number)
                    self._make_safe(Finished(frame.number, rgb, 0.0))
        finally:
            enlarger.close()
        return rgb

    def _sound_before(self, first: int, number: int) -> tuple[int, Rgb | None]:
        """Return the last frame up to this one that lies on disk; ``first`` - 1 and None for none.

        Where nothing is reused a frame needs none before it.
        """
        for frame in range(number, first - 1 if self._reuses else number - 1, -1):
            if (rgb := self._files.read_upscaled(frame)) is not None:
                return frame, rgb
        return first - 1, None
