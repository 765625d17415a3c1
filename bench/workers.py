"""What a second worker brings: frames a second with two against one.

The network is nearest neighbour with a pause of 50 ms a frame, as a GPU would take. Ends are left
out: what counts is the time between two moments of the run at which all workers are busy.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from tests.drawn_clip import draw_clip

from bench import tools
from bench.slow import PAUSE

SEGMENT, FRAMES = 6, 252
FROM, TO = 30, 222
"""Frames computed at the two moments."""
ROUNDS = 5
LEAST = 1.9


def run(clip: Path, folder: Path, workers: int) -> float:
    """Return frames a second."""
    call = tools.command(
        "upscale", clip, "--engine", "nearest", "--segment-frames", SEGMENT, "--workers", workers,
        "--preset", "ultrafast", "-o", folder / "out.mp4", "--sessions-dir", folder / "sessions",
    )  # fmt: skip
    call[call.index("tsuzuki")] = "bench.slow"
    told, _, _ = tools.run_events(call)
    computed = [(at, event.get("frames_computed") or 0) for at, event in told]
    (begin, first), (end, last) = (
        next((at, frames) for at, frames in computed if frames >= least) for least in (FROM, TO)
    )
    return (last - first) / (end - begin)


def main() -> bool:
    rows, ratios = [], []
    with tempfile.TemporaryDirectory() as place:
        clip = draw_clip(Path(place, "clip.mp4"), FRAMES)
        for number in range(ROUNDS):
            speeds = []
            for workers in (1, 2):
                with tempfile.TemporaryDirectory() as folder:
                    speeds.append(run(clip, Path(folder), workers))
            ratios.append(speeds[1] / speeds[0])
            rows.append((number + 1, *(f"{figure:.2f}" for figure in (*speeds, ratios[-1]))))
    tools.table(
        f"workers: frames a second, nearest with {PAUSE * 1000:.0f} ms a frame",
        ("round", "one", "two", "ratio"),
        rows,
    )
    return tools.verdict("median ratio", median(ratios), LEAST, "times", least=True)
