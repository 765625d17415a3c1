"""The highest memory use of runner and worker together, and that it does not grow with length.

It is the sum of each process's highest resident memory, libraries that both use counted twice: an
upper bound. Needs Linux.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench import tools

LIMIT_MB = 1200
LENGTHS = (500, 1500, 5000)
GROWTH_MB = 10
"""From the second length to the third; the first, a segment, is too short to fill the queues."""
ROUNDS = 3
NETWORKS = (("waifu2x upconv_7", "Fast"), ("animevideov3", "Balanced"))
"""What the limit is for, and the quality that chooses it; `docs.memory` measures the others."""
FRAMES = 60
"""More than x264 looks ahead: it holds some 15 MB of each until then."""


def peak(arguments: Sequence[object]) -> tuple[float, float]:
    """Run the command; return the highest resident MB of runner and worker."""
    highest: dict[int, int] = {}
    done = threading.Event()

    def watch(pid: int) -> None:
        while not done.wait(0.02):
            for member in tools.family(pid):
                highest[member] = max(highest.get(member, 0), tools.kilobytes(member, "VmHWM"))

    with tools.started(tools.command(*arguments)) as process:
        watcher = threading.Thread(target=watch, args=(process.pid,))
        watcher.start()
        told = list(process.stdout or ())
        done.set()
        watcher.join()
        if process.wait() or b'"finished"' not in told[-1]:
            raise SystemExit(f"The run failed: {told[-1:]}")
    runner = highest.pop(process.pid)
    return runner / 1e3, sum(highest.values()) / 1e3


def run(clip: Path, *options: object) -> tuple[float, float, float]:
    """Upscale a clip; return the highest MB of runner, worker and both together."""
    with tempfile.TemporaryDirectory() as folder:
        places = ("-o", Path(folder, "out.mp4"), "--sessions-dir", Path(folder, "sessions"))
        runner, worker = peak(["upscale", clip, *options, *places])
    return runner, worker, runner + worker


def networks() -> bool:
    clip = tools.media("bbb_720p_5s.mp4")
    rows: list[Any] = []
    highest = 0.0
    for name, quality in NETWORKS:
        figures = run(clip, "--quality", quality, "--range", f"0-{FRAMES / 25}")
        rows.append((name, FRAMES, *(f"{figure:.0f}" for figure in figures)))
        highest = max(highest, figures[-1])
    columns = ("network", "frames", "runner", "worker", "together")
    tools.table("memory: highest MB, 1280x720 to 2560x1440", columns, rows)
    return tools.verdict("together", highest, LIMIT_MB, "MB")


def length() -> bool:
    source = tools.media("bbb_180p_20s.mp4")
    rows, together = [], []
    with tempfile.TemporaryDirectory() as folder:
        clip = tools.loop_clip(source, Path(folder, "clip.mp4"), LENGTHS[-1])
        for frames in LENGTHS:
            options = ("--engine", "nearest", "--preset", "ultrafast")
            end = ("--range", f"0-{frames / 24:.3f}")
            runs = [run(clip, *options, *end) for _ in range(ROUNDS)]
            figures = [median(column) for column in zip(*runs, strict=True)]
            together.append(figures[-1])
            rows.append((f"{frames:,}", *(f"{figure:.1f}" for figure in figures)))
    columns = ("frames", "runner", "worker", "together")
    tools.table(f"memory: highest MB by length, 320x180, medians of {ROUNDS}", columns, rows)
    return tools.verdict("growth from the second", together[-1] - together[1], GROWTH_MB, "MB")


def main() -> bool:
    return length() & networks()


if __name__ == "__main__":
    main()
