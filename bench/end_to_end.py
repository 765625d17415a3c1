"""The time of a run against that of its network alone, on the same frames in memory.

The limit is the network's own time, the processor's time for decoding, spooling and encoding
shared by all cores, and 5 %. The real command runs in turn with the network, and medians count.
Starting Python, opening the video and loading the network come once a run, however long it is.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO, NamedTuple, cast

from bench import tools
from tsuzuki.durable import PendingFile
from tsuzuki.frame import Rgb
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.spooler import Finished
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor
from tsuzuki.video.decode import FrameReader
from tsuzuki.video.segment import SegmentEncoder

FRAMES, RANGE = 480, 20
ROUNDS = 3
SLACK = 1.05
SETTINGS: dict[str, Any] = {"quality": "Fast", "preset": "veryfast", "range_end": RANGE}


class Parts(NamedTuple):
    """Seconds for all frames: the network's on the wall, the others' on the processor."""

    network: float
    decode: float
    spool: float
    encode: float


def cpu(call: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result


def measure_parts(clip: Path, folder: Path) -> Parts:
    """Do each part of the work by itself."""
    settings = ProcessingSettings.from_dict(SETTINGS)
    plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
    reader = FrameReader(plan.probe, build_index(plan, lambda _: None))
    decode, sources = cpu(lambda: [frame.rgb for frame in reader.frames(0, FRAMES)])
    processor = AIProcessor(plan.upscaling)
    white = plan.probe.colour.white
    processor.process_frame(sources[0], white)  # the first call loads what is loaded late
    begin = time.perf_counter()
    upscaled = [processor.process_frame(rgb, white) for rgb in sources]
    network = time.perf_counter() - begin
    processor.close()
    paths = SessionPaths(folder, "0" * 12)
    for path in paths.folders:
        path.mkdir(parents=True, exist_ok=True)
    files = FrameFiles(paths, plan, keep_frames=False, on_damage=print)
    group = [Finished(number, rgb, 0.2) for number, rgb in enumerate(upscaled)]
    groups = [group[n : n + 5] for n in range(0, FRAMES, 5)]
    spool, _ = cpu(lambda: deque(map(files.write_upscaled, groups)))
    encode, _ = cpu(lambda: encode_all(plan, upscaled, folder / "segment.mkv"))
    return Parts(network, decode, spool, encode)


def encode_all(plan: Plan, frames: list[Rgb], target: Path) -> None:
    with PendingFile(target) as pending:
        encoder = SegmentEncoder(plan.encoding, cast(BinaryIO, pending.file))
        for rgb in frames:
            encoder.write(rgb)
        encoder.close()


def run_command(clip: Path, folder: Path) -> tuple[float, float]:
    """Return seconds from the start of the process to its end, and to the work's beginning."""
    call = tools.command(
        "upscale", clip, "--quality", "Fast", "--preset", "veryfast", "--range", f"0-{RANGE}",
        "-o", folder / "out.mp4", "--sessions-dir", folder / "sessions",
    )  # fmt: skip
    told, _, _ = tools.run_events(call)
    begun = next(
        at for at, event in told if event["event"] == "step-started" and event["step"] == "upscale"
    )
    return told[-1][0], begun


def main() -> bool:
    clip = tools.media("bbb_180p_20s.mp4")
    rows, ratios, raw = [], [], []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            parts = measure_parts(clip, Path(folder))
            whole, begun = run_command(clip, Path(folder))
        limit = (parts.network + sum(parts[1:]) / tools.CORES) * SLACK
        ratios.append(whole / limit)
        raw.append(whole / parts.network)
        figures = (*parts, limit, whole, begun, ratios[-1], raw[-1])
        rows.append((number + 1, *(f"{figure:.2f}" for figure in figures)))
    columns = ("round", *Parts._fields, "limit", "end to end", "start", "of limit", "of network")
    tools.table(f"end to end: seconds for {FRAMES} frames, upconv_7, x264 veryfast", columns, rows)
    print(f"  median: {median(raw):.3f} of the network's own time")
    return tools.verdict("median, of the limit", median(ratios), 1.0, "times")


if __name__ == "__main__":
    main()
