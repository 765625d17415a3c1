"""Against other ways to upscale, clip by clip: how many times as long they take for a frame.

Ours is the whole command, its start included; theirs leaves the start out, see `peers`. Each round
measures all of them in turn.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from bench import reuse, tools
from bench.peers import Peers
from bench.reuse import Case
from tsuzuki.upscaling import find

UPCONV, ANIME = "waifu2x-upconv7-anime-2x-n1", "realesr-animevideov3-2x"
CASES = (
    Case("limited_animation_360p.mp4", None, "visual", 4.0),
    Case("static_camera_live_action.mp4", 5, "visual", 1.0),
    Case("screen_recording_360p.mp4", None, "visual", 1.0),
    Case("elf_live_action.mp4", 1, "visual", 1.0),
)
"""The least ratio is that against framelift with its own engine, PyTorch; the others have to be
slower, too."""
ROUNDS = 5


def main() -> bool:
    rows, all_least = [], []
    with tempfile.TemporaryDirectory() as home:
        peers = Peers(Path(home))
        for case in CASES:
            clip = tools.media(case.clip)
            ratios: dict[tuple[str, str], list[float]] = {}
            for _ in range(ROUNDS):
                for network in (UPCONV, ANIME):
                    theirs = {"PNGs": peers.classic(clip, find(network))}
                    if network == ANIME:
                        theirs["framelift"] = peers.framelift(clip, "torch")
                        theirs["framelift, OpenVINO"] = peers.framelift(clip, "openvino")
                    with tempfile.TemporaryDirectory() as folder:
                        seconds, frames, _ = reuse.run(case, clip, Path(folder), network)
                    for name, frame in theirs.items():
                        ratios.setdefault((network, name), []).append(frame / (seconds / frames))
            for (network, name), found in ratios.items():
                least = case.least if name == "framelift" else 1.0
                all_least.append((f"{case.clip} {name}", median(found), least))
                rows.append(
                    (case.clip, network, name, f"{median(found):.2f}",
                     f"{min(found):.2f} to {max(found):.2f}", f"{least:g}")
                )  # fmt: skip
    tools.table(
        "race: how many times as long others take for a frame, x264 veryfast",
        ("clip", "network", "other", "median", "all", "at least"),
        rows,
    )
    kept = [tools.verdict(*one, "times", least=True) for one in all_least]
    return all(kept)
