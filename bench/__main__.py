"""Measure: ``python -m bench`` runs every benchmark, ``python -m bench NAME ...`` some of them.

Ends with status 1 where a limit is not kept. The machine should have nothing else to do.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys

from bench.tools import CORES

NAMES = (
    "bookkeeping",
    "worker",
    "resume",
    "memory",
    "end_to_end",
    "reuse",
    "quality",
    "workers",
    "disk",
)


def main() -> int:
    chosen = sys.argv[1:] or list(NAMES)
    if unknown := [name for name in chosen if name not in NAMES]:
        print(f"There is no benchmark {unknown[0]!r}. Choose from {', '.join(NAMES)}.")
        return 2
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(
        f"{platform.machine()}, {CORES} cores, load {load:.1f}, Python {platform.python_version()}"
    )
    missed = [name for name in chosen if not importlib.import_module(f"bench.{name}").main()]
    print(f"\nLimits not kept: {', '.join(missed)}" if missed else "\nAll limits were kept.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
