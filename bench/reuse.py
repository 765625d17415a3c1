"""What reuse brings, clip by clip: the whole command against the network alone.

The engine alone computes whole frames that lie decoded in memory: nothing that computes every pixel
of every frame can be faster. It runs on frames spread over the clip, before and after each run of
the command, so that both meet the same machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench import tools
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor
from tsuzuki.video.decode import FrameReader

MODEL = "waifu2x-upconv7-anime-2x-n1"
SAMPLES = 6
"""Frames of the engine alone, each time."""
ROUNDS = 5


class Case(NamedTuple):
    """A clip, what of it, how, and how many times as fast as the engine alone it has to be."""

    clip: str
    seconds: int | None
    reuse: str
    least: float


CASES = (
    Case("limited_animation_360p.mp4", None, "visual", 2.5),
    Case("static_camera_live_action.mp4", 5, "visual", 2.0),
    Case("screen_recording_360p.mp4", None, "visual", 15.0),
    Case("screen_recording_360p.mp4", None, "exact", 10.0),
)


class Alone:
    """The engine on frames of one clip."""

    def __init__(self, clip: Path, model: str) -> None:
        settings = ProcessingSettings(model=model, device="cpu")
        plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
        index = build_index(plan, lambda _: None)
        step = max(1, min(len(index), 120) // SAMPLES)
        frames = FrameReader(plan.probe, index).frames(0, step * SAMPLES)
        self._frames = [frame.rgb for frame in frames if frame.number % step == 0]
        self._white = plan.probe.colour.white
        self._processor = AIProcessor(plan.upscaling)
        self.seconds()

    def seconds(self) -> float:
        """Return the time of a frame."""
        begin = time.perf_counter()
        for _ in tools.upscaled(self._processor, self._frames, self._white):
            pass
        return (time.perf_counter() - begin) / len(self._frames)


def run(case: Case, clip: Path, folder: Path, model: str = MODEL) -> tuple[float, int, float]:
    """Return seconds of the whole command, frames, and the share that was reused."""
    part = () if case.seconds is None else ("--range", f"0-{case.seconds}")
    call = tools.command(
        "upscale", clip, "--model", model, "--device", "cpu", "--preset", "veryfast", *part,
        "--reuse", case.reuse, "-o", folder / "out.mkv", "--sessions-dir", folder / "sessions",
    )  # fmt: skip
    told, _, _ = tools.run_events(call)
    finished = next(event for _, event in told if event["event"] == "finished")
    return told[-1][0], finished["frames"], finished["reused"]


def main(model: str = MODEL) -> bool:
    rows, least = [], []
    for case in CASES:
        clip = tools.media(case.clip)
        alone = Alone(clip, model)
        ratios, share, frames = [], 0.0, 0
        for _ in range(ROUNDS):
            before = alone.seconds()
            with tempfile.TemporaryDirectory() as folder:
                seconds, frames, share = run(case, clip, Path(folder), model)
            ratios.append((before + alone.seconds()) / 2 * frames / seconds)
        middle = median(ratios)
        least.append((f"{case.clip} {case.reuse}", middle, case.least))
        rows.append(
            (case.clip, case.reuse, frames, f"{100 * share:.1f} %", f"{middle:.2f}",
             f"{min(ratios):.2f} to {max(ratios):.2f}", f"{case.least:g}")
        )  # fmt: skip
    tools.table(
        f"reuse: times as fast as the engine alone, {model}, x264 veryfast, end to end",
        ("clip", "reuse", "frames", "reused", "median", "all", "at least"),
        rows,
    )
    kept = [tools.verdict(*one, "times", least=True) for one in least]
    return all(kept)


if __name__ == "__main__":
    main(*sys.argv[1:])
