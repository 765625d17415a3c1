"""The page of how much memory each network takes: ``python -m docs.memory``.

Takes half an hour, and needs Linux and the test media.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import memory, tools

from tsuzuki.upscaling import Network, networks

PAGE = Path(__file__).with_name("memory.md")
CLIP, RATE, WIDTH, HEIGHT = "bbb_720p_5s.mp4", 25, 1280, 720
FEW, MANY = 2, 100
"""Frames that show what a network takes, and those that fill the encoder's look-ahead."""
SLOW = 100_000
"""Nanoseconds a pixel from which on a network gets one frame only."""

HEAD = f"""# How much memory upscaling takes

Written by `python -m docs.memory`; do not edit. The real command upscales the beginning of a video
of {WIDTH}x{HEIGHT} on the processor, with the default encoder (x264, medium) and one network of
each family and scale; noise reduction does not change the need. Figures are the highest resident
memory in MB; libraries that runner and worker both use are counted twice.

- **runner**, **worker**: over the few frames that the network was given. It takes no more for later
  ones, each is computed like the one before.
- **look-ahead**: what x264 comes to hold beside that in a longer run, until it has looked as far
  ahead as it does. Measured with the engine `nearest`: {MANY} frames against {FEW}.
- **long run**: all of it, the most for a video of any length.

Larger frames cost most networks little more, since they are cut into tiles; those that average over
the whole frame (cunet, Real-CUGAN) keep all tiles at hand. `--tile-size` makes the tiles smaller,
and a faster `--preset` shortens the look-ahead. A device that makes many frames a second holds
finished ones beside that until they are safe on disk, some 500 MB at most.

| network | output | frames | runner | worker | look-ahead | long run |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Measure and write the page."""
    chosen = one_of_each()
    ahead = {scale: look_ahead(scale) for scale in sorted({n.scale for n in chosen})}
    rows = [row(network, ahead[network.scale]) for network in chosen]
    PAGE.write_text(HEAD + "".join(rows), encoding="utf-8", newline="\n")


def one_of_each() -> list[Network]:
    """Return one network of each family and scale."""
    return list({(n.family, n.scale): n for n in networks()}.values())


def look_ahead(scale: int) -> float:
    """Return by how many MB a run without a network grows as the encoder fills up."""
    # Spooled at once: else finished frames would pile up, which no network is fast enough for.
    options = ("--engine", "nearest", "--loss-budget", "0")
    few, many = (measure(scale, frames, *options).both for frames in (FEW, MANY))
    return many - few


def row(network: Network, ahead: float) -> str:
    """Measure a network and return its line of the table."""
    frames = 1 if network.cost > SLOW else FEW
    use = measure(network.scale, frames, "--model", network.name)
    size = f"{WIDTH * network.scale}x{HEIGHT * network.scale}"
    figures = (f"{figure:,.0f}" for figure in (use.runner, use.worker, ahead, use.both + ahead))
    line = f"| {' | '.join((f'`{network.name}`', size, str(frames), *figures))} |\n"
    sys.stderr.write(line)
    return line


def measure(scale: int, frames: int, *options: str) -> memory.Use:
    """Upscale so many frames and return the memory that it took."""
    part = ("--scale", scale, "--range", f"0-{frames / RATE}", "--device", "cpu")
    return memory.run(tools.media(CLIP), *part, *options)


if __name__ == "__main__":
    main()
