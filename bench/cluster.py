"""What more nodes bring: frames a second with four against one, and the memory of the driver.

The nodes are Ray's, on this machine. The network is nearest neighbour with a pause of 50 ms a
frame, as a GPU would take. Ends are left out: what counts is the time between two moments of the
run at which all workers are busy. The memory is that of the runner and its own worker while a clip
of six minutes goes through, without the pause.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tests.drawn_clip import draw_clip

import tsuzuki
from bench import tools
from bench.slow import PAUSE
from tsuzuki.cluster import RayCluster
from tsuzuki.cluster.connection import LOOPBACK_ONLY
from tsuzuki.pipeline import Event, events

SEGMENT, FRAMES = 6, 252
"""So there are more than 60 segments of frames of 192x108."""
FROM, TO = 36, 216
"""Frames computed at the two moments."""
NODES = 4
ROUNDS = 3
LEAST = 3.6
MINUTES, RATE = 6, 24
GROWTH = 1.1
"""Most that the memory may grow by from the second quarter of the run to the last."""
_ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def ray_nodes() -> Iterator[str]:
    """Start the nodes; yield the address of the first one."""
    os.environ[LOOPBACK_ONLY] = "0"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["PYTHONPATH"] = os.pathsep.join((str(_ROOT / "src"), str(_ROOT)))
    from ray.cluster_utils import Cluster

    arguments: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 200 << 20}
    head = {**arguments, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(NODES - 1):
            cluster.add_node(**arguments)
        yield str(cluster.address)
    finally:
        cluster.shutdown()


@contextlib.contextmanager
def joined(address: str, *, slow: bool) -> Iterator[None]:
    """Join the nodes from this process."""
    import ray

    hook = {"worker_process_setup_hook": "bench.slow.make_workers_slow"} if slow else {}
    ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env=hook)
    try:
        yield
    finally:
        ray.shutdown()


def speed(clip: Path, folder: Path, nodes: int) -> float:
    """Return frames a second."""
    told: list[tuple[float, int]] = []
    ready: set[str] = set()

    def listen(event: Event) -> None:
        if isinstance(event, events.NodeProgressed) and event.workers:
            ready.add(event.node)
        if isinstance(event, events.StepProgressed) and len(ready) == nodes:
            told.append((time.perf_counter(), event.frames_computed or 0))

    with RayCluster("auto", nodes=nodes) as cluster:
        tsuzuki.upscale(
            clip,
            {"engine": "nearest", "preset": "ultrafast", "segment_frames": SEGMENT},
            output=folder / "out.mp4",
            sessions_dir=folder / "sessions",
            cluster=cluster,
            on_event=listen,
        )
    begun = told[0][1] + FROM  # after those of the nodes that came first
    begin, first = next(pair for pair in told if pair[1] >= begun)
    end, last = next(pair for pair in told if pair[1] >= TO)
    return (last - first) / (end - begin)


def memory(clip: Path, folder: Path) -> list[tuple[float, float, float]]:
    """Return, over the run, the share done and the MB of the runner and of its worker.

    Memory that is shared with Ray's store of objects does not count.
    """
    seen: list[tuple[float, float, float]] = []

    def listen(event: Event) -> None:
        if isinstance(event, events.SegmentSealed):
            share = event.last / (MINUTES * 60 * RATE)
            family = tools.family(os.getpid())
            runner, *others = [tools.kilobytes(pid, "RssAnon") / 1024 for pid in family]
            seen.append((share, runner, max(others, default=0.0)))

    with RayCluster("auto") as cluster:
        tsuzuki.upscale(
            clip,
            {"engine": "nearest", "preset": "ultrafast"},
            output=folder / "out.mp4",
            sessions_dir=folder / "sessions",
            cluster=cluster,
            on_event=listen,
        )
    return seen


def main() -> bool:
    rows, ratios = [], []
    with tempfile.TemporaryDirectory() as place, ray_nodes() as address:
        clip = draw_clip(Path(place, "clip.mp4"), FRAMES)
        with joined(address, slow=True):
            for number in range(ROUNDS):
                speeds = []
                for nodes in (1, NODES):
                    with tempfile.TemporaryDirectory() as folder:
                        speeds.append(speed(clip, Path(folder), nodes))
                ratios.append(speeds[1] / speeds[0])
                rows.append((number + 1, *(f"{one:.2f}" for one in (*speeds, ratios[-1]))))
        tools.table(
            f"cluster: frames a second, nearest with {PAUSE * 1000:.0f} ms a frame",
            ("round", "one node", "four", "ratio"),
            rows,
        )
        kept = tools.verdict("median ratio", median(ratios), LEAST, "times", least=True)
        with joined(address, slow=False), tempfile.TemporaryDirectory() as folder:
            source = tools.media("bbb_180p_20s.mp4")
            long = tools.loop_clip(source, Path(place, "long.mp4"), MINUTES * 60 * RATE)
            seen = memory(long, Path(folder))
    quarters = [
        [max(values) for values in zip(*figures, strict=True)]
        for part in range(4)
        if (figures := [one[1:] for one in seen if part < 4 * one[0] <= part + 1])
    ]
    tools.table(
        f"cluster: largest MB in memory, {MINUTES} minutes of 320x180",
        ("quarter of the film", "runner", "its worker"),
        [(n + 1, *(f"{one:.0f}" for one in quarter)) for n, quarter in enumerate(quarters)],
    )
    growth = quarters[3][0] / quarters[1][0]
    return tools.verdict("growth of the runner", growth, GROWTH, "times") and kept
