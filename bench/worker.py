"""What a frame costs the worker beside decoding, the network, spooling and encoding.

The real renderer works on real frames with a real network, here in this process. Its three threads
overlap, so what counts is the time that the network's thread, the slowest, is not in the network:
telling the runner, queues, waiting for frames or for the interpreter.
"""

from __future__ import annotations

import queue
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

from bench import tools
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.pipeline.render import Renderer
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.settings import ProcessingSettings

FRAMES = 48
ROUNDS = 3
LIMIT_PERCENT = 1.0


def fail(error: BaseException) -> NoReturn:
    raise error


def measure(folder: Path) -> tuple[float, float]:
    """Return milliseconds a frame in the network and beside it."""
    settings = ProcessingSettings(quality="Fast", preset="veryfast")
    clip = tools.media("bbb_180p_20s.mp4")
    plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
    paths = SessionPaths(folder, "0" * 12)
    for path in paths.folders:
        path.mkdir(parents=True)
    job = m.Open(
        session_id=paths.session_id,
        root=str(folder),
        plan=plan,
        index=build_index(plan, lambda _: None),
        keep_frames=False,
        loss_budget=settings.loss_budget,
    )
    told: queue.SimpleQueue[tuple[float, Any]] = queue.SimpleQueue()
    renderer = Renderer(job, lambda message: told.put((time.perf_counter(), message)), fail)
    renderer.submit(m.Render(segment=1, first=0, last=FRAMES, upscaled=[]))
    done = []
    while True:
        at, message = told.get()
        if isinstance(message, m.FrameDone):
            done.append((at, message.seconds))
        if isinstance(message, m.SegmentRendered):
            break
    network = sum(seconds for _, seconds in done[1:]) / (FRAMES - 1)
    whole = (done[-1][0] - done[0][0]) / (FRAMES - 1)
    return network * 1e3, (whole - network) * 1e3


def main() -> bool:
    rows, shares = [], []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            network, beside = measure(Path(folder))
        shares.append(100 * beside / (network + beside))
        rows.append((number + 1, f"{network:.2f}", f"{beside:.3f}", f"{shares[-1]:.2f}"))
    tools.table(
        "bookkeeping: worker, milliseconds a frame, 320x180, upconv_7",
        ("round", "network", "beside it", "percent"),
        rows,
    )
    return tools.verdict("median share", median(shares), LIMIT_PERCENT, "%")


if __name__ == "__main__":
    main()
