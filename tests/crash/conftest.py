"""What every kit uses, and what a kit tells at the end."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.crash.machine.forks import Forks
from tests.real_command import Command, Undisturbed

pytest.importorskip("fcntl", reason="kills and signals as POSIX knows them")


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Make commands: ``command(clip, *options)``, each in a folder of its own."""
    made: list[Command] = []

    def make(clip: Path, *options: str, folder: Path | None = None) -> Command:
        made.append(Command(clip, folder or tmp_path / f"command-{len(made)}", *options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Undisturbed]:
    """Run a clip with options without disturbing it; the same one is run only once."""
    done: dict[Any, Undisturbed] = {}

    def measure(clip: Path, *options: str) -> Undisturbed:
        if (clip, options) not in done:
            folder = tmp_path_factory.mktemp("undisturbed")
            done[clip, options] = Undisturbed(Command(clip, folder, *options))
        return done[clip, options]

    return measure


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, draw_clip: Callable[..., Path]) -> Path:
    """A clip of 96 frames: eight segments of twelve, or one of the default length."""
    return draw_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 96)


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Start runners in milliseconds."""
    server = Forks(tmp_path_factory.mktemp("forks"))
    yield server
    server.close()


@pytest.fixture
def gone() -> Callable[..., bool]:
    """Tell whether processes end within two seconds; one that waits to be reaped has ended."""

    def runs(pid: int) -> bool:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
        return bool(state) and not state.startswith("Z")

    def look(*pids: int) -> bool:
        deadline = time.monotonic() + 2
        while any(map(runs, pids)):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    return look


# --- what a kit tells at the end ------------------------------------------------------------------


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Have a line of figures printed at the end: ``record(name, points=…, losses=…, …)``.

    Those of one name make one line. Whole numbers are added up, over all lines to a total, too;
    counters are shown by their keys, lists by their sum and greatest value.
    """

    def add(name: str, **figures: Any) -> None:
        plain = {k: dict(v) if isinstance(v, dict) else v for k, v in figures.items()}
        request.node.user_properties.append(("crash", {"name": name, **plain}))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    figures = [dict(v) for r in reports for k, v in r.user_properties if k == "crash"]
    if not figures:
        return
    lines: dict[str, dict[str, Any]] = {}
    total: Counter[str] = Counter()
    for one in figures:
        line = lines.setdefault(one.pop("name"), {})
        for key, value in one.items():
            line[key] = _sum(line[key], value) if key in line else value
            if isinstance(value, int):
                total[key] += value
    terminalreporter.section("crash")
    for name, line in lines.items():
        terminalreporter.write_line(f"{name}: {_shown(line)}")
    terminalreporter.write_line(f"total: {_shown(total)}")


def _shown(figures: Mapping[str, Any]) -> str:
    return "; ".join(f"{key} {_figure(value)}" for key, value in figures.items())


def _figure(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {number}" for key, number in sorted(value.items()))
    if isinstance(value, list):
        return f"{sum(value)} (at most {max(value, default=0)})"
    return str(value)


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return {key: one.get(key, 0) + other.get(key, 0) for key in {*one, *other}}
    return one + other
