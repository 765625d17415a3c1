"""Measure: ``python -m bench`` runs every benchmark, ``python -m bench NAME ...`` some of them.

Prints tables, adds them to ``bench/results.json`` and draws ``docs/performance.svg`` from there.
Ends with status 1 where a limit is not kept. The machine should have nothing else to do; all of it
takes about an hour and a half on two cores.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from pathlib import Path

from bench import chart, tools

NAMES = (
    "bookkeeping",
    "worker",
    "resume",
    "memory",
    "end_to_end",
    "reuse",
    "race",
    "quality",
    "workers",
    "cluster",
    "disk",
    "prediction",
)
RESULTS = Path(__file__).with_name("results.json")
CHART = Path(__file__).parents[1] / "docs" / "performance.svg"


def main() -> int:
    chosen = sys.argv[1:] or list(NAMES)
    if unknown := [name for name in chosen if name not in NAMES]:
        print(f"There is no benchmark {unknown[0]!r}. Choose from {', '.join(NAMES)}.")
        return 2
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    machine = f"{platform.machine()}, {tools.CORES} cores, Python {platform.python_version()}"
    print(f"{machine}, load {load:.1f}")
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    missed = []
    for name in chosen:
        tools.TABLES.clear()
        if not importlib.import_module(f"bench.{name}").main():
            missed.append(name)
        known[name] = {"machine": machine, "tables": tools.TABLES}
        RESULTS.write_text(json.dumps(known, indent=1) + "\n")
        CHART.write_text(chart.draw(known))
    print(f"\nLimits not kept: {', '.join(missed)}" if missed else "\nAll limits were kept.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
