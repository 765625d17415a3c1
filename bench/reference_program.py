"""Run one reference program over frames. Stands alone: it runs in another environment.

``python reference_program.py JOB FRAMES RESULTS``: JOB is JSON with ``package``, ``class`` and
``arguments``; FRAMES and RESULTS are ``.npz`` files of frames of shape (height, width, 3), uint8.
"""

import importlib
import json
import sys

import numpy as np
from PIL import Image


def main() -> None:
    job = json.loads(sys.argv[1])
    module = importlib.import_module(f"{job['package']}.{job['module']}")
    program = getattr(module, job["class"])(**job["arguments"])
    with np.load(sys.argv[2]) as frames:
        results = {
            name: np.asarray(program.process_pil(Image.fromarray(frames[name]))) for name in frames
        }
    np.savez(sys.argv[3], **results)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
