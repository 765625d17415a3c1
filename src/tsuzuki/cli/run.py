"""One video after the other through the pipeline, shown and stoppable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tsuzuki.cli.boundary import show_error
from tsuzuki.cli.display import Display, display_for
from tsuzuki.cli.signals import cancel_on_signals
from tsuzuki.errors import OutputExistsError, TsuzukiError
from tsuzuki.pipeline import events

SAVING = "Saving what is finished … (press again to end at once)"


class Job(NamedTuple):
    """One call of the pipeline."""

    name: str
    """The video or the session, as the person named it."""
    call: Callable[..., Any]
    """`tsuzuki.pipeline.upscale` or `resume` with all but ``on_event`` and ``cancel``."""
    done_if_output_exists: bool = False
    """An existing output means that an earlier run of the same queue wrote it."""


def run_queue(jobs: Iterable[Job], *, json: bool) -> int:
    """Run the jobs one after the other and return the worst exit code.

    A failing job does not stop the rest; a signal stops them all.
    """
    worst = 0
    shown: list[Display] = []
    with cancel_on_signals(lambda: shown[-1].say(SAVING) if shown else None) as cancel:
        for job in jobs:
            with display_for(json=json) as display:
                shown.append(display)
                worst = max(worst, _run(job, display, cancel))
            if cancel.is_set():
                break
    return worst


def _run(job: Job, display: Display, cancel: threading.Event) -> int:
    stopped: list[events.Stopped] = []

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.Stopped):
            stopped.append(event)
        display.show(event)

    try:
        job.call(on_event=on_event, cancel=cancel)
    except OutputExistsError as error:
        if job.done_if_output_exists:
            display.say(f"Skipped {job.name}: its output is there already.")
            return 0
        return _failed(error, display, stopped)
    except TsuzukiError as error:
        return _failed(error, display, stopped)
    return 0


def _failed(error: TsuzukiError, display: Display, stopped: list[events.Stopped]) -> int:
    display.__exit__(None, None, None)  # the message belongs below the bars
    command = stopped[-1].resume_command if stopped else None
    hint = f"Go on with: {command}" if command and command not in error.message else None
    show_error(error, hint=hint)
    return error.exit_code
