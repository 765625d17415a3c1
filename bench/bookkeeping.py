"""What the runner costs a frame, and that it costs no more in a long video than in a short one.

The real runner upscales as many frames as asked for while a stand-in for the worker process says at
once what a worker would say, with real files. The clock goes on by 0.2 s a frame, so that events
and saves are asked for as often as with a network of that speed. The stand-in's own time does not
count; the runner's does, waiting for the disk included. The saving thread, which nothing waits for,
joins saves that come while it writes, and they come faster here than the clock tells; so the
processor's time of its saves is measured apart and added.
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

from bench.stand_in import FRAME_SECONDS, PART, InstantWorker
from bench.tools import kilobytes, table, verdict
from tsuzuki.demo.clip import write_clip
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline import supervisor as supervising
from tsuzuki.pipeline.jobs import make_plan
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.steps.upscale import upscale
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.facts import FrameIndex, Start

LENGTHS = (10_000, 100_000, 1_000_000)
LIMIT_US = 0.01 * FRAME_SECONDS * 1e6


def measure(frames: int, folder: Path) -> dict[str, float]:
    """Upscale so many frames and return microseconds a frame, MB and MB of growth."""
    clip = folder / "clip.mp4"
    write_clip(clip)
    settings = ProcessingSettings(engine="nearest")
    plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
    starts = [Start(frame=n, packet=n, pts=n, dts=n, pos=n, size=1) for n in range(0, frames, 250)]
    numbers = list(range(frames))
    index = FrameIndex(time_base=(1, 24), pts=numbers, end=frames, starts=starts, packets=numbers)
    clock = [time.monotonic()]
    with SessionManager(folder / "sessions") as manager:
        video = {**plan.video_info, "frame_count": frames}
        session_id = manager.create_session(clip, settings, video)
        worker = InstantWorker(manager.paths(session_id), clock)
        supervisor = supervising.Supervisor(threading.Event(), lambda _: None)
        run = Run(manager, session_id, plan, supervisor, lambda _: None)
        run.set_index(index)

        def get_worker() -> InstantWorker:
            return worker

        def now() -> float:
            return clock[0]

        with (
            mock.patch.object(supervising, "WorkerProcess", get_worker),
            mock.patch.object(time, "monotonic", now),
        ):
            before = kilobytes("self", "VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # the highest use counts from here on
            worker.began = begin = time.perf_counter()
            upscale(run)
            seconds = time.perf_counter() - begin - worker.spent
        grown = kilobytes("self", "VmHWM") - before
        saves = []
        for percent in range(50):
            begin = time.process_time()
            manager.set_step_progress(session_id, "upscale", percent)
            manager.flush()
            saves.append(time.process_time() - begin)
    save = median(saves) * FRAME_SECONDS  # one a second
    parts = [0.0, *worker.parts[1:], seconds]  # of the runner, at every ten-thousandth frame
    return {
        "loop": seconds / frames * 1e6,
        "last": (parts[-1] - parts[-2]) / min(PART, frames) * 1e6,
        "save": save * 1e6,
        "base": before / 1e3,
        "grown": grown / 1e3,
    }


def main() -> bool:
    rows, kept = [], True
    for frames in LENGTHS:
        with tempfile.TemporaryDirectory() as folder:
            call = [sys.executable, "-m", "bench.bookkeeping", str(frames), folder]
            got = json.loads(subprocess.run(call, check=True, capture_output=True).stdout)
        total = got["loop"] + got["save"]
        figures = (got["loop"], got["last"], got["save"], total, got["base"], got["grown"])
        rows.append((f"{frames:,}", *(f"{figure:.1f}" for figure in figures)))
        kept &= total <= LIMIT_US
    table(
        "bookkeeping: runner, microseconds a frame and MB",
        ("frames", "runner", "last 10k", "saves", "total", "MB before", "MB grown"),
        rows,
    )
    verdict("most", max(float(row[4]) for row in rows), LIMIT_US, "us a frame")
    return kept


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), Path(sys.argv[2]))))
