"""Kills in the midst of clips whose frames hang together, or whose times and colours are special.

What comes out has the bytes of an undisturbed run, and passes the same comparison with its source.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.media.comparing import Pair
from tests.media.outside import complaints

from tsuzuki.cli import main

pytest.importorskip("fcntl", reason="kills as POSIX knows them")

from tests.real_command import Command

pytestmark = pytest.mark.usefixtures("forked_workers")  # but for the runs that are killed


class Case(NamedTuple):
    """A clip, and what is otherwise than in the source."""

    name: str
    options: tuple[str, ...] = ()
    span: str | None = None
    apart: frozenset[str] = frozenset()


X265 = ("--encoder", "x265")
CASES = {
    "interlaced": Case("bbb_480i_tff.ts", span="1-2"),
    "telecined": Case("bbb_telecined_16x9.mpg", apart=frozenset({"frames", "times", "picture"})),
    "variable rate": Case("bbb_vfr.mkv"),
    "HDR10": Case("androidx_sample_with_colr_mdcv_and_clli.mp4", X265, "0-0.3"),
    "HLG": Case("androidx_hlg10-color-test.mp4", X265),
    "PQ": Case("bbb_10bit_pqtag.mkv"),
}
QUICK = ("--engine", "nearest", "--preset", "ultrafast", "--segment-frames", "12", "--scale", "1")
SPOOL = ("--loss-budget", "0")
LONG = ("HDR10", "PQ")  # HLG is another of their kind
KILLS = 2
SAFE = ("frames-spooled", "segment-sealed")


def last_safe(event: dict[str, Any]) -> Any:
    """Return the last frame that an event says to be safe; 0 where it says nothing of the kind."""
    return event["last"] if event["event"] in SAFE else 0


def run(job: Command, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Run a job in this process; return its events."""
    capsys.readouterr()
    code = main(job.arguments)
    out, err = capsys.readouterr()
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def kill_again_and_again(job: Command, frames: int) -> int:
    """Kill runs of the job in the midst of their frames; return how many did not end well."""
    killed = 0
    for number in range(1, KILLS + 1):
        victim = job.start()
        at = frames * number // (KILLS + 1)
        victim.wait_for(lambda event, at=at: last_safe(event) >= at)
        victim.kill("both")
        killed += victim.end() == -9
    return killed


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=[pytest.mark.slow] if name in LONG else [])
        for name, case in CASES.items()
    ],
)
def test_a_killed_run_ends_as_an_undisturbed_one(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case
) -> None:
    options = [*QUICK, *SPOOL, *case.options]
    span: Any = None
    if case.span:
        options += ["--range", case.span]
        span = tuple(map(Fraction, case.span.split("-")))
    whole = Command(media / case.name, tmp_path / "whole", *options)
    frames = run(whole, capsys)[-1]["frames"]
    job = Command(media / case.name, tmp_path / "killed", *options)
    assert kill_again_and_again(job, frames) == KILLS
    assert run(job, capsys)[0]["frames_done"] > 0
    assert job.digest() == whole.digest()
    pair = Pair(media / case.name, job.output, scale=1, span=span)
    differing = {name for name, found in pair.findings().items() if not found.ok}
    assert differing == case.apart
    assert complaints(job.output) == ""


def test_film_has_its_own_times(upscaled: Callable[..., Any]) -> None:
    pair = upscaled(CASES["telecined"].name, scale_factor=1, deinterlace="auto").pair
    assert len(pair.output.pictures) == len(pair.times) * 4 // 5
    first = pair.output.pictures[0].time
    for number, picture in enumerate(pair.output.pictures):
        ideal = first + number * Fraction(1001, 24000)
        assert abs(picture.time - ideal) <= Fraction(1, 1000)
