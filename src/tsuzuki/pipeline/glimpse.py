"""Frames for a person to look at, from a worker process; nothing is written."""

from __future__ import annotations

import threading
from pathlib import Path

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.settings import ProcessingSettings


def stills(path: Path, count: int, height: int) -> list[bytes]:
    """Return ``count`` frames, evenly over the video, as PNG of at most ``height`` pixels.

    Raises what opening the video raises.
    """
    supervisor = Supervisor(threading.Event(), lambda _: None)
    try:
        request = m.TakeStills(path=str(path.absolute()), count=count, height=height)
        return supervisor.ask(request, m.StillsTaken).stills
    finally:
        supervisor.stop(lambda _: None)


def preview(
    path: Path,
    settings: ProcessingSettings,
    moment: float,
    cancel: threading.Event | None = None,
) -> m.Previewed:
    """Upscale the frame at ``moment``, in seconds, with these settings.

    The frame is taken as it is, without deinterlacing. Raises what `upscale` raises for settings
    that cannot be used, and `Cancelled` when ``cancel`` is set.
    """
    supervisor = Supervisor(cancel or threading.Event(), lambda _: None)
    try:
        request = m.MakePlan(path=str(path.absolute()), settings=settings, output=None)
        plan = supervisor.ask(request, m.PlanMade).plan
        return supervisor.ask(m.Preview(plan=plan, moment=moment), m.Previewed)
    finally:
        supervisor.stop(lambda _: None)
