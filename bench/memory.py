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
from typing import Any, NamedTuple

from bench import tools

LIMIT_MB = 1000
FRAMES_LONG = 10_000
GROWTH_MB = 10
"""From the second quarter of a long video to the last. The first fills the queues."""
NETWORKS = (("waifu2x upconv_7", "Fast"), ("animevideov3", "Balanced"))
"""The one that the limit is for, another, and their qualities; `docs.memory` has all of them."""
FRAMES = 60
"""More than x264 looks ahead: it holds some 15 MB of each until then."""


class Use(NamedTuple):
    """Resident MB of runner and worker: the highest, and both together as time goes on."""

    runner: float
    worker: float
    together: list[float]

    @property
    def both(self) -> float:
        """Libraries that both use are counted twice: an upper bound."""
        return self.runner + self.worker


def measure(arguments: Sequence[object]) -> Use:
    """Run the command and watch its processes."""
    highest: dict[int, int] = {}
    together: list[float] = []
    done = threading.Event()

    def watch(pid: int) -> None:
        while not done.wait(0.02):
            members = tools.family(pid)
            for member in members:
                highest[member] = max(highest.get(member, 0), tools.kilobytes(member, "VmHWM"))
            together.append(sum(tools.kilobytes(member, "VmRSS") for member in members) / 1e3)

    with tools.started(tools.command(*arguments)) as process:
        watcher = threading.Thread(target=watch, args=(process.pid,))
        watcher.start()
        told = list(process.stdout or ())
        done.set()
        watcher.join()
        if process.wait() or b'"finished"' not in told[-1]:
            raise SystemExit(f"The run failed: {told[-1:]}")
    runner = highest.pop(process.pid)
    return Use(runner / 1e3, sum(highest.values()) / 1e3, together)


def run(clip: Path, *options: object) -> Use:
    """Upscale a clip and watch."""
    with tempfile.TemporaryDirectory() as folder:
        places = ("-o", Path(folder, "out.mp4"), "--sessions-dir", Path(folder, "sessions"))
        return measure(["upscale", clip, *options, *places])


def networks() -> bool:
    clip = tools.media("bbb_720p_5s.mp4")
    rows: list[Any] = []
    together = []
    for name, quality in NETWORKS:
        use = run(clip, "--quality", quality, "--range", f"0-{FRAMES / 25}")
        rows.append((name, FRAMES, f"{use.runner:.0f}", f"{use.worker:.0f}", f"{use.both:.0f}"))
        together.append(use.both)
    columns = ("network", "frames", "runner", "worker", "together")
    tools.table("memory: highest MB, 1280x720 to 2560x1440", columns, rows)
    return tools.verdict(f"{NETWORKS[0][0]}, together", together[0], LIMIT_MB, "MB")


def length() -> bool:
    source = tools.media("bbb_180p_20s.mp4")
    with tempfile.TemporaryDirectory() as folder:
        clip = tools.loop_clip(source, Path(folder, "clip.mp4"), FRAMES_LONG)
        use = run(clip, "--engine", "nearest", "--preset", "ultrafast")
    size = len(use.together) // 4
    quarters = [median(use.together[n * size : (n + 1) * size]) for n in range(4)]
    tools.table(
        f"memory: MB of runner and worker together, 320x180, {FRAMES_LONG:,} frames",
        ("quarter", "median"),
        [(number, f"{quarter:.1f}") for number, quarter in enumerate(quarters, 1)],
    )
    return tools.verdict("growth, 2nd to 4th", quarters[3] - quarters[1], GROWTH_MB, "MB")


def main() -> bool:
    return length() & networks()


if __name__ == "__main__":
    main()
