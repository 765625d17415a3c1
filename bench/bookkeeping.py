"""What the runner costs a frame, and that it costs no more in a long video than in a short one.

The real runner upscales as many frames as asked for while a stand-in for the worker process says at
once what a worker would say, with real files. The clock goes on by 0.2 s a frame, so that events
and saves are asked for as often as with a network of that speed. The stand-in's own time does not
count; the runner's does, waiting for the disk included. The saving thread, which nothing waits for,
joins saves that come while it writes, and they come faster here than the clock tells; so the
processor's time of its saves is measured apart and added.

What the frame index takes grows with the video, and is told apart: so is what the runner takes
beside it while it upscales, the copy of the index that it sends to the worker included.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from unittest import mock

import msgspec

from bench.stand_in import FRAME_SECONDS, PART, InstantWorker
from bench.tools import kilobytes, table, verdict
from tsuzuki.demo.clip import write_clip
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline import supervisor as supervising
from tsuzuki.pipeline.jobs import make_plan
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.steps.upscale import upscale
from tsuzuki.pipeline.team import Team
from tsuzuki.sessions.frame_index import FrameIndex, Start
from tsuzuki.sessions.live import BATCH_UPDATE_SIZE, SAVE_SECONDS
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.settings import ProcessingSettings

LENGTHS = (10_000, 100_000, 1_000_000)
LIMIT_US = 100
RISE = 1.5
"""What counts as constant on a machine that does other things too."""
GROWTH_MB = 20
"""Half of it for the message with the index of a million frames."""
PARTS = 5
"""The end of a run, in ten thousands of frames."""


def measure(frames: int, folder: Path) -> dict[str, float]:
    """Upscale so many frames; return microseconds a frame and MB: before, index, beside it."""
    clip = folder / "clip.mp4"
    write_clip(clip)
    settings = ProcessingSettings(engine="nearest")
    plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
    before = kilobytes("self", "VmRSS")
    starts = [Start(frame=n, packet=n, pts=n, dts=n, pos=n, size=1) for n in range(0, frames, 250)]
    numbers = list(range(frames))
    index = FrameIndex(time_base=(1, 24), pts=numbers, end=frames, starts=starts, packets=numbers)
    del numbers, starts
    index = msgspec.json.decode(msgspec.json.encode(index), type=FrameIndex)  # as a run reads it
    clock = [time.monotonic()]
    with SessionManager(folder / "sessions") as manager:
        video = {**plan.video_info, "frame_count": frames}
        session_id = manager.create_session(clip, settings, video)
        worker = InstantWorker(manager.paths(session_id), clock)
        team = Team(threading.Event(), lambda _: None)
        run = Run(manager, session_id, plan, team, lambda _: None)
        run.set_index(index)

        def get_worker(_: threading.Event) -> InstantWorker:
            return worker

        def now() -> float:
            return clock[0]

        with (
            mock.patch.object(supervising, "WorkerProcess", get_worker),
            mock.patch.object(time, "monotonic", now),
        ):
            loaded = kilobytes("self", "VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # the highest use counts from here on
            begin = time.perf_counter()
            upscale(run)
            seconds = time.perf_counter() - begin - worker.spent
            worker.parts.append(time.process_time() - worker.worked)
        grown = kilobytes("self", "VmHWM") - loaded
        saves = []
        for percent in range(50):
            begin = time.process_time()
            manager.set_step_progress(session_id, "upscale", percent)
            manager.flush()
            saves.append(time.process_time() - begin)
    save = median(saves) * max(FRAME_SECONDS / SAVE_SECONDS, 1 / BATCH_UPDATE_SIZE)
    parts = worker.parts
    last = min(PARTS, len(parts) - 1)
    return {
        "loop": seconds / frames * 1e6,
        "cpu": (parts[-1] - parts[0]) / frames * 1e6,
        "last": (parts[-1] - parts[-1 - last]) / min(last * PART, frames) * 1e6,
        "save": save * 1e6,
        "before": before / 1e3,
        "index": (loaded - before) / 1e3,
        "grown": grown / 1e3,
    }


def main() -> bool:
    results = []
    for frames in LENGTHS:
        with tempfile.TemporaryDirectory() as folder:
            call = [sys.executable, "-m", "bench.bookkeeping", str(frames), folder]
            results.append(json.loads(subprocess.run(call, check=True, capture_output=True).stdout))
    totals = [got["loop"] + got["save"] for got in results]
    table(
        "bookkeeping: runner, microseconds a frame and MB",
        ("frames", "runner", "saves", "total", "CPU", "CPU at the end", "MB before", "index",
         "beside it"),
        [
            (f"{frames:,}", *(f"{figure:.1f}" for figure in (
                got["loop"], got["save"], total, got["cpu"], got["last"], got["before"],
                got["index"], got["grown"],
            )))
            for frames, total, got in zip(LENGTHS, totals, results, strict=True)
        ],
    )  # fmt: skip
    kept = verdict("most", max(totals), LIMIT_US, "us a frame")
    growth = results[-1]["grown"] - results[-2]["grown"]
    kept &= verdict("MB beside the index, longest to the one before", growth, GROWTH_MB, "MB")
    rise = results[-1]["last"] / results[0]["cpu"]
    return verdict("CPU at the longest's end to the shortest's", rise, RISE, "times") and kept


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), Path(sys.argv[2]))))
