"""A look at a video, and at what would become of it; nothing is written."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.facts import Probe
from tsuzuki.video.index import no_frames


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen."""

    probe: Probe
    plan: Plan | None
    """What `upscale` would do; None where it cannot."""
    problem: TsuzukiError | None
    """Why it cannot."""


def look(path: Path, settings: ProcessingSettings) -> Look:
    """Look at a video in a worker process, which a hostile file may take down without harm.

    Raises what opening the video raises.
    """
    supervisor = Supervisor(threading.Event(), lambda _: None)
    name = str(path.absolute())
    try:
        facts = supervisor.ask(m.Look(path=name, settings=settings), m.Looked).facts
        try:
            request = m.MakePlan(path=name, settings=settings, output=None)
            plan = supervisor.ask(request, m.PlanMade).plan
        except TsuzukiError as problem:
            return Look(probe=facts, plan=None, problem=problem)
        if 0 < facts.duration <= (settings.range_start or 0):
            beyond = no_frames(settings.range_start, settings.range_end, facts.duration)
            return Look(probe=facts, plan=None, problem=beyond)
        return Look(probe=facts, plan=plan, problem=None)
    finally:
        supervisor.stop(lambda _: None)


def probe_apart(path: Path, cancel: threading.Event) -> Probe:
    """Open a video in a worker process, and no more.

    Raises what opening it raises, and `Cancelled` when ``cancel`` is set meanwhile.
    """
    supervisor = Supervisor(cancel, lambda _: None)
    try:
        request = m.Look(path=str(path.absolute()), settings=ProcessingSettings())
        return supervisor.ask(request, m.Looked).facts
    finally:
        supervisor.stop(lambda _: None)


def survey() -> m.Surveyed:
    """List devices and networks in a worker process, which a driver may take down without harm."""
    supervisor = Supervisor(threading.Event(), lambda _: None)
    try:
        return supervisor.ask(m.Survey(), m.Surveyed)
    finally:
        supervisor.stop(lambda _: None)
