"""The benchmarks as a whole (`python -m bench`), with small ones in the place of the real."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from bench import __main__ as bench
from bench import tools


def good() -> bool:
    tools.table("good", ("what", "figure"), [("it", 1)])
    return tools.verdict("it", 1.0, 2.0, "s")


def slow() -> bool:
    tools.table("slow", ("what", "figure"), [("it", 3)])
    return tools.verdict("it", 3.0, 2.0, "s")


def lacking() -> NoReturn:
    raise SystemExit("The peers need the program ffmpeg: install ffmpeg.")


def broken() -> NoReturn:
    import a_package_that_nobody_has  # noqa: F401

    raise AssertionError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have these four alone; return the file of their results."""
    made = {"lacking": lacking, "good": good, "broken": broken, "slow": slow}
    for name, main in made.items():
        monkeypatch.setitem(sys.modules, f"bench.{name}", SimpleNamespace(main=main))
    monkeypatch.setattr(bench, "NAMES", tuple(made))
    monkeypatch.setattr(bench, "NEEDS", {"lacking": "the program ffmpeg"})
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(bench, "CHART", tmp_path / "chart.svg")
    return tmp_path / "results.json"


def run(monkeypatch: pytest.MonkeyPatch, *names: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *names])
    return bench.main()


def test_those_that_cannot_run_are_told_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write_text(json.dumps({"lacking": {"machine": "another", "tables": []}}))
    assert run(monkeypatch) == 1
    shown = capsys.readouterr()
    assert "lacking could not run: The peers need the program ffmpeg" in shown.out
    assert "broken could not run: No module named 'a_package_that_nobody_has'" in shown.out
    assert "ModuleNotFoundError" in shown.err
    assert shown.out.endswith("Limits not kept: lacking, broken, slow\n")
    results = json.loads(small.read_text())
    assert results["lacking"]["machine"] == "another", "what is known of it is kept"
    titles = {name: [table["title"] for table in results[name]["tables"]] for name in results}
    assert titles == {"lacking": [], "good": ["good"], "slow": ["slow"]}


def test_what_is_needed_is_said_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    shown = capsys.readouterr().out
    assert shown.index("lacking needs the program ffmpeg") < shown.index("could not run")
    assert run(monkeypatch, "good") == 0
    assert "needs" not in capsys.readouterr().out
    assert run(monkeypatch, "nonsense") == 2
