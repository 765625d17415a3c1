"""The real command, with workers that take a while for each frame: ``python -m bench.slow …``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from tsuzuki.pipeline import process, worker
from tsuzuki.upscaling import processor, resample

PAUSE = 0.05
"""Seconds a frame."""
_ROOT = str(Path(__file__).parent.parent)


def work() -> None:
    """Be such a worker."""
    quick = resample.nearest

    def slow(*args: Any) -> Any:
        time.sleep(PAUSE)
        return quick(*args)

    with mock.patch.object(processor, "nearest", slow):
        worker.main()


def make_workers_slow() -> None:
    """Have the workers that this process starts be such."""
    process.PROGRAM = (
        f"import sys; sys.path.insert(0, {_ROOT!r}); from bench.slow import work; work()"
    )


if __name__ == "__main__":
    from tsuzuki.cli import main

    make_workers_slow()
    sys.exit(main())
