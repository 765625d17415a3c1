"""What reuse costs in quality: every frame with it against the frame without."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean

from tsuzuki.errors import SettingsError
from tsuzuki.frame import Rgb
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.enlarge import Enlarger
from tsuzuki.pipeline.jobs import build_index
from tsuzuki.pipeline.plan import Plan, cut_segments
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor
from tsuzuki.video.likeness import Likeness
from tsuzuki.video.processor import VideoProcessor


def measure(
    path: Path, settings: ProcessingSettings, on_progress: Callable[[float], None]
) -> m.Compared:
    """Compute every frame of a video with reuse and without, in a worker process, and compare.

    Nothing is written. Raises what opening the video raises, and `SettingsError` where these
    settings reuse nothing.
    """
    supervisor = Supervisor(threading.Event(), lambda _: None)
    try:
        request = m.MakePlan(path=str(path.absolute()), settings=settings, output=None)
        plan = supervisor.ask(request, m.PlanMade).plan
        if plan.upscaling.reuse is None:
            raise SettingsError("With these settings nothing is reused: there is no difference.")

        def listen(message: m.Message) -> None:
            if isinstance(message, m.Progress):
                on_progress(message.done)

        return supervisor.ask(m.Compare(plan=plan), m.Compared, listen)
    finally:
        supervisor.stop(lambda _: None)


def compare(plan: Plan, on_progress: Callable[[float], None]) -> m.Compared:
    """Compare in this process, see `measure`."""
    index = build_index(plan, lambda _: None)
    size = plan.encoding.width, plan.encoding.height
    likeness = Likeness(*size, plan.probe.colour.rgb_format)
    shares, errors, ssims = [], [], []
    for number, (share, reused, whole) in enumerate(_pairs(plan, index)):
        shares.append(share)
        errors.append(likeness.mse(reused, whole))
        ssims.append(likeness.ssim(reused, whole))
        on_progress((number + 1) / len(index))
    white = plan.probe.colour.white
    return m.Compared(
        frames=len(errors),
        reused=fmean(shares),
        worst_psnr=_psnr(max(errors), white),
        mean_psnr=_psnr(fmean(errors), white),
        worst_ssim=min(ssims),
        mean_ssim=fmean(ssims),
        worst_frame=errors.index(max(errors)) + 1,
    )


def _pairs(plan: Plan, index: FrameIndex) -> Iterator[tuple[float, Rgb, Rgb]]:
    """Yield, for every frame, the share that is reused, the frame with reuse and without."""
    reader = VideoProcessor(plan.probe, plan.settings, plan.framing).reader(index)
    white = plan.probe.colour.white
    processor = AIProcessor(plan.upscaling)
    enlarger = Enlarger(processor, white)
    for segment in cut_segments(index, plan.segment_frames):
        enlarger.begin()
        for frame in reader.frames(segment.first, segment.last):
            share = enlarger.look(frame.rgb)
            reused = enlarger.start(frame.number + 1)()
            whole = reused
            if share > 0:
                whole = processor.process_frame(frame.rgb, white, frame.number + 1)
            yield share, reused, whole
    processor.close()


def _psnr(mse: float, white: int) -> float:
    """Return the peak signal-to-noise ratio in dB: ten times the logarithm of white^2 / MSE."""
    return 10 * math.log10(white**2 / mse) if mse else math.inf
