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
    path: Path,
    settings: ProcessingSettings,
    on_progress: Callable[[float], None],
    every: int = 1,
) -> m.Compared:
    """Compute every frame of a video with reuse, in a worker process, and compare.

    Of ``every`` so many frames the last one is held against what it is without reuse. Nothing is
    written. Raises what opening the video raises, and `SettingsError` where these
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

        return supervisor.ask(m.Compare(plan=plan, every=every), m.Compared, listen)
    finally:
        supervisor.stop(lambda _: None)


def compare(plan: Plan, on_progress: Callable[[float], None], every: int = 1) -> m.Compared:
    """Compare in this process, see `measure`."""
    index = build_index(plan, lambda _: None)
    size = plan.encoding.width, plan.encoding.height
    likeness = Likeness(*size, plan.probe.colour.rgb_format)
    every = min(every, len(index))
    shares: list[float] = []
    errors: list[float] = []
    ssims: list[float] = []
    for share, both in _frames(plan, index, every):
        shares.append(share)
        if both is not None:
            errors.append(likeness.mse(*both))
            ssims.append(likeness.ssim(*both))
        on_progress(len(shares) / len(index))
    white = plan.probe.colour.white
    return m.Compared(
        frames=len(errors),
        reused=fmean(shares),
        worst_psnr=_psnr(max(errors), white),
        mean_psnr=_psnr(fmean(errors), white),
        worst_ssim=min(ssims),
        mean_ssim=fmean(ssims),
        worst_frame=(errors.index(max(errors)) + 1) * every,
    )


def _frames(
    plan: Plan, index: FrameIndex, every: int
) -> Iterator[tuple[float, tuple[Rgb, Rgb] | None]]:
    """Yield the share of each frame that is reused; of those to compare it with reuse and without.

    Segments are those of a run, so that what piles up in them is seen.
    """
    reader = VideoProcessor(plan.probe, plan.settings, plan.framing).reader(index)
    white = plan.probe.colour.white
    processor = AIProcessor(plan.upscaling)
    enlarger = Enlarger(processor, white)
    for segment in cut_segments(index, plan.segment_frames):
        enlarger.begin()
        for frame in reader.frames(segment.first, segment.last):
            number = frame.number + 1
            share = enlarger.look(frame.rgb)
            reused = whole = enlarger.start(number)()
            if share > 0 and number % every == 0:
                whole = processor.process_frame(frame.rgb, white, number)
            yield share, (reused, whole) if number % every == 0 else None
    processor.close()


def _psnr(mse: float, white: int) -> float:
    """Return the peak signal-to-noise ratio in dB: ten times the logarithm of white^2 / MSE."""
    return 10 * math.log10(white**2 / mse) if mse else math.inf
