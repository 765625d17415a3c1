"""How long a film of two hours takes to its first new frame, from nothing.

The frames have to be indexed before they can be cut into segments, so that the time is told apart.
A clip of 20 s beside it shows what any start costs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from bench import tools
from bench.resume import is_first_frame

CLIP, FRAMES = "bbb_180p_20s.mp4", 2 * 60 * 60 * 24
ROUNDS = 3
NETWORKS = (
    ("nearest", ("--engine", "nearest")),
    ("upconv_7", ("--model", "waifu2x-upconv7-anime-2x-n1", "--device", "cpu")),
)


def measure(clip: Path, options: tuple[str, ...]) -> tuple[float, float, float]:
    """Return seconds until a frame is done, those of indexing among them, and the CPU's."""
    with tempfile.TemporaryDirectory() as folder:
        call = tools.command(
            "upscale", clip, *options, "-o", Path(folder, "out.mkv"),
            "--sessions-dir", Path(folder, "sessions"),
        )  # fmt: skip
        told, cpu, _ = tools.run_events(call, is_first_frame)
    indexing = next(
        event["seconds"]
        for _, event in told
        if event["event"] == "step-completed" and event["step"] == "extract"
    )
    return told[-1][0], indexing, cpu


def main() -> bool:
    rows = []
    short = tools.media(CLIP)
    with tempfile.TemporaryDirectory() as folder:
        film = tools.loop_clip(short, Path(folder, "film.mp4"), FRAMES)
        for name, options in NETWORKS:
            for what, clip in (("20 s", short), ("2 hours", film)):
                runs = [measure(clip, options) for _ in range(ROUNDS)]
                first, indexing, cpu = (median(column) for column in zip(*runs, strict=True))
                figures = (first, indexing, first - indexing, cpu)
                rows.append((name, what, *(f"{figure:.2f}" for figure in figures)))
    tools.table(
        f"start: seconds from the start of the process to the first frame, medians of {ROUNDS}",
        ("network", "film", "first frame", "indexing", "without it", "CPU"),
        rows,
    )
    return True


if __name__ == "__main__":
    main()
