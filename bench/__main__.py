"""Measure: ``python -m bench`` runs every benchmark, ``python -m bench NAME ...`` some of them.

Prints tables, adds them to ``bench/results.json`` and draws ``docs/performance.svg`` from there.
One that cannot run is told, and the others run. Ends with status 1 where that was so, or a limit is
not kept. The machine should have nothing else to do; all of it
takes about an hour and a half on two cores.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import traceback
from pathlib import Path

from bench import chart, tools

NAMES = (
    "bookkeeping",
    "worker",
    "start",
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
NEEDS = {
    "race": "the programs ffmpeg and ffprobe, and the web for the packages of the others",
    "cluster": "Ray: python -m pip install -c constraints.txt -e '.[cluster]'",
}
"""What some want beside the test videos."""
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
    for name in (one for one in NEEDS if one in chosen):
        print(f"{name} needs {NEEDS[name]}")
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    missed = []
    for name in chosen:
        kept = run(name)
        if not kept:
            missed.append(name)
        if kept is not None:
            known[name] = {"machine": machine, "tables": [*tools.TABLES]}
            RESULTS.write_text(json.dumps(known, indent=1) + "\n")
            CHART.write_text(chart.draw(known))
    print(f"\nLimits not kept: {', '.join(missed)}" if missed else "\nAll limits were kept.")
    return 1 if missed else 0


def run(name: str) -> bool | None:
    """Run a benchmark; return whether its limits were kept, and None where it could not run."""
    tools.TABLES.clear()
    try:
        return bool(importlib.import_module(f"bench.{name}").main())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the others are still to come
        if not isinstance(error, SystemExit):
            traceback.print_exc()
        print(f"\n{name} could not run: {error}", flush=True)
        return None


if __name__ == "__main__":
    sys.exit(main())
