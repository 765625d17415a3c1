"""The face of this package that the pipeline talks to."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal

from tsuzuki.sessions.progress import VideoInfo
from tsuzuki.video.decode import FrameReader
from tsuzuki.video.facts import FrameIndex, Probe
from tsuzuki.video.index import build_index
from tsuzuki.video.probe import probe, video_info


class VideoProcessor:
    """Reads videos: probing, indexing, decoding."""

    def probe(self, path: str | os.PathLike[str]) -> Probe:
        """Return what is known about a video; see `tsuzuki.video.probe.probe`."""
        return probe(path)

    def video_info(self, facts: Probe) -> VideoInfo:
        """Return the facts that ``progress.json`` shows."""
        return video_info(facts)

    def index(
        self,
        facts: Probe,
        start: Decimal | None = None,
        end: Decimal | None = None,
        on_progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> FrameIndex:
        """Return time and start of every frame; see `tsuzuki.video.index.build_index`."""
        return build_index(facts, start, end, on_progress, cancelled)

    def reader(self, facts: Probe, index: FrameIndex) -> FrameReader:
        """Return a reader for any range of frames."""
        return FrameReader(facts, index)
