"""The networks of a session, and what is done where they fail at a frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from tsuzuki.errors import OutOfMemoryError, SuspiciousFrameError
from tsuzuki.frame import Rgb
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.enlarge import Enlarger
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.upscaling import AIProcessor, implausible
from tsuzuki.video.decode import Frame


class Computing:
    """Loads the networks, and looks at what comes out of them."""

    def __init__(self, job: m.Open, paths: SessionPaths, files: FrameFiles) -> None:
        self._job = job
        self._plan = job.plan
        self._paths = paths
        self._files = files

    def enlarger(self) -> Enlarger:
        """Load the networks; return what enlarges the frames of one segment after the other."""
        plan = self._plan.upscaling
        if self._job.device is not None:
            plan = msgspec.structs.replace(plan, device=self._job.device)
        models = None if self._job.models is None else Path(self._job.models)
        processor = AIProcessor(plan, threads=self._job.threads, models=models)
        enlarger = Enlarger(processor, self._plan.probe.colour.white)
        enlarger.begin()
        return enlarger

    def checked(self, enlarged: Callable[[], Rgb], frame: Frame) -> Rgb:
        """Wait for an enlarged frame and return it.

        Raises `OutOfMemoryError`, or `SuspiciousFrameError` for one that cannot be right.
        """
        number = frame.number
        try:
            rgb = enlarged()
        except MemoryError as error:
            raise self._out_of_memory(number) from error
        white = self._plan.probe.colour.white
        if number not in self._job.accepted and (why := implausible(frame.rgb, rgb, white)):
            raise self._suspicious(number, rgb, why)
        return rgb

    def _suspicious(self, number: int, rgb: Rgb, why: str) -> SuspiciousFrameError:
        path = self._files.write_suspicious(number, rgb)
        return SuspiciousFrameError(
            f"Frame {number + 1} came out of the network broken: {why}. It was not used, and lies "
            f"in {path} to look at. Update the driver or use another --device in a new session; "
            "or, if the frame is as it should be, go on with "
            f"`{self._paths.command('resume', '--accept-suspicious', str(number + 1))}`.",
            frame=number + 1,
            path=str(path),
        )

    def _out_of_memory(self, number: int) -> OutOfMemoryError:
        tile = max((step.tile for step in self._plan.upscaling.passes), default=0)
        tile = min(tile, max(self._plan.upscaling.width, self._plan.upscaling.height))
        smaller = max(32, tile // 2 // 16 * 16)
        return OutOfMemoryError(
            f"There is too little memory for frame {number + 1} in tiles of {tile} pixels. Close "
            "other programs and resume; or accept smaller tiles from the next segment on, which "
            "may change the last bits of the output, with "
            f"`{self._paths.command('resume', '--tile-size', str(smaller))}`.",
            frame=number + 1,
            tile_size=smaller,
        )
