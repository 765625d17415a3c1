"""What the benchmarks share: clips, tables, and runs of the real command."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
from tests.media_folder import MEDIA

from tsuzuki.frame import Rgb
from tsuzuki.upscaling import AIProcessor

TABLES: list[dict[str, Any]] = []
"""Every table that was printed, with its verdicts."""
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def media(name: str) -> Path:
    path = MEDIA / name
    if not path.is_file():
        raise SystemExit(f"{path} is needed. Say with TSUZUKI_MEDIA where the test videos are.")
    return path


def upscaled(processor: AIProcessor, frames: Iterable[Rgb], white: int) -> Iterator[Rgb]:
    """Upscale frames as a run does: the next one is started before."""
    before = None
    for rgb in frames:
        started = processor.start(rgb, white, None)
        if before is not None:
            yield before.finish()
        before = started
    if before is not None:
        yield before.finish()


def loop_clip(source: Path, target: Path, frames: int) -> Path:
    """Repeat a clip's video, without encoding it anew, until it has at least so many frames."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        video = reader.streams.video[0]
        copy = writer.add_stream_from_template(video, opaque=True)
        packets = [packet for packet in reader.demux(video) if packet.size]
        times = [(p.pts or 0, p.dts or 0, p.duration or 0) for p in packets]
        length = sum(duration for _, _, duration in times)
        assert video.time_base is not None
        for repeat in range(-(-frames // len(packets))):
            for packet, (pts, dts, duration) in zip(packets, times, strict=True):
                packet.pts, packet.dts = pts + repeat * length, dts + repeat * length
                packet.duration, packet.time_base, packet.stream = duration, video.time_base, copy
                writer.mux_one(packet)
    return target


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tsuzuki", *map(str, arguments), "--json"]


@contextlib.contextmanager
def started(arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command, and kill it at the end of the block if it still runs."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_events(
    arguments: Sequence[str], until: Callable[[dict[str, Any]], bool] = lambda _: False
) -> tuple[list[tuple[float, dict[str, Any]]], float, int]:
    """Run a command; return its events with their times, the CPU time and its process id.

    Times are seconds from the start of the process. The command is killed when ``until`` is true of
    an event; the CPU time is that of runner and worker up to there.
    """
    told: list[tuple[float, dict[str, Any]]] = []
    cpu = 0.0
    begin = time.perf_counter()
    with started(arguments) as process:
        for line in process.stdout or ():
            event = json.loads(line)
            told.append((time.perf_counter() - begin, event))
            if until(event) or event["event"] == "finished":
                cpu = cpu_seconds(process.pid)
                break
        if told and told[-1][1]["event"] == "finished":
            process.wait()
            told.append((time.perf_counter() - begin, {"event": "exit"}))
    if not told or told[-1][1]["event"] == "stopped":
        raise SystemExit(f"{' '.join(arguments)} failed: {told[-1:]}")
    return told, cpu, process.pid


def family(pid: int) -> list[int]:
    """Return a process and its children (Linux)."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]
    return [pid]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, its living children and its ended ones (Linux)."""
    ticks = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else 0.0


def kilobytes(pid: int | str, field: str) -> int:
    """Return a figure of ``/proc/PID/status`` such as ``VmHWM``, 0 where there is none."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
    return 0


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    cells = [list(map(str, columns)), *(list(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        first, *others = zip(row, widths, strict=True)
        line = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        print("  " + "   ".join(line).rstrip())
        if number == 0:
            print("  " + "   ".join("-" * width for width in widths))
    sys.stdout.flush()
    TABLES.append({"title": title, "columns": list(columns), "rows": cells[1:], "verdicts": []})


def verdict(what: str, value: float, limit: float, unit: str, *, least: bool = False) -> bool:
    """Print whether a figure keeps its limit, the most or the least it may be; return that."""
    kept = value >= limit if least else value <= limit
    line = f"{what} {value:,.3g} {unit}, {'at least' if least else 'at most'} {limit:,g} {unit}"
    print(f"  {'kept' if kept else 'NOT KEPT'}: {line}", flush=True)
    TABLES[-1]["verdicts"].append({"what": line, "kept": kept})
    return kept
