"""Live action: the time of a run against that of its network alone, on the same frames in memory.

The limit is the network's own time, the processor's time for decoding, spooling and encoding
shared by all cores, and 3 %. The real command, without reuse and with it, runs in turn with the
network, and medians count. Starting Python, opening the video and loading the network come once a
run, however long it is, and are in these times. ``python -m bench.end_to_end NAME`` measures with
another network.
"""

from __future__ import annotations

import sys
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

CLIP, FRAMES, RANGE = "elf_live_action.mp4", 90, 3
MODEL = "waifu2x-upconv7-anime-2x-n1"
ROUNDS = 5
SLACK = 1.03
LEAST_OF_NETWORK = 0.93
LEAST_WITH_REUSE = 0.97
SETTINGS: dict[str, Any] = {
    "device": "cpu", "preset": "veryfast", "range_end": RANGE, "reuse": "off",
}  # fmt: skip


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


def measure_parts(clip: Path, folder: Path, model: str) -> Parts:
    """Do each part of the work by itself."""
    settings = ProcessingSettings.from_dict({**SETTINGS, "model": model})
    plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
    reader = FrameReader(plan.probe, build_index(plan, lambda _: None))
    decode, sources = cpu(lambda: [frame.rgb for frame in reader.frames(0, FRAMES)])
    processor = AIProcessor(plan.upscaling)
    white = plan.probe.colour.white
    processor.process_frame(sources[0], white)  # the first call loads what is loaded late
    begin = time.perf_counter()
    upscaled = list(tools.upscaled(processor, sources, white))
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


def run_command(clip: Path, reuse: str, model: str) -> float:
    """Return seconds from the start of the process to its end."""
    with tempfile.TemporaryDirectory() as folder:
        call = tools.command(
            "upscale", clip, "--model", model, "--device", "cpu", "--preset", "veryfast",
            "--range", f"0-{RANGE}", "--reuse", reuse, "-o", Path(folder, "out.mp4"),
            "--sessions-dir", Path(folder, "sessions"),
        )  # fmt: skip
        return tools.run_events(call)[0][-1][0]


def main(model: str = MODEL) -> bool:
    clip = tools.media(CLIP)
    rows: list[tuple[float, ...]] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            parts = measure_parts(clip, Path(folder), model)
        off, on = (run_command(clip, reuse, model) for reuse in ("off", "visual"))
        limit = parts.network + sum(parts[1:]) / tools.CORES
        rows.append((*parts, off, on, off / limit, parts.network / off, off / on))
    columns = (*Parts._fields, "off", "visual", "of the limit", "network/off", "off/visual")
    tools.table(
        f"live action: seconds for {FRAMES} frames, {model}, x264 veryfast",
        columns,
        [[f"{figure:.3f}" for figure in row] for row in rows],
    )
    of_limit, of_network, with_reuse = (median(row[n] for row in rows) for n in (-3, -2, -1))
    kept = tools.verdict("median, of the limit", of_limit, SLACK, "times")
    kept &= tools.verdict("network/off", of_network, LEAST_OF_NETWORK, "times", least=True)
    return tools.verdict("off/visual", with_reuse, LEAST_WITH_REUSE, "times", least=True) and kept


if __name__ == "__main__":
    main(*sys.argv[1:])
