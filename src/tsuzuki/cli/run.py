"""One video after the other through the pipeline, shown and stoppable."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tsuzuki.cli.boundary import show_error
from tsuzuki.cli.display import Display, display_for
from tsuzuki.cli.signals import cancel_on_signals
from tsuzuki.cli.stop_file import cancel_on_file
from tsuzuki.errors import Cancelled, OutputError, OutputExistsError, TsuzukiError
from tsuzuki.language import tr
from tsuzuki.pipeline import events


class QueueItem(NamedTuple):
    """One call of the pipeline."""

    name: str
    """The video or the session, as the person named it."""
    call: Callable[..., Any]
    """`tsuzuki.pipeline.upscale` or `resume` with all but ``on_event`` and ``cancel``."""
    done_if_output_exists: bool = False
    """An existing output means that an earlier run of the same queue wrote it."""


def run_queue(
    items: Sequence[QueueItem],
    *,
    json: bool,
    json_interval: float = 0.0,
    stop_file: Path | None = None,
) -> int:
    """Work on the items one after the other and return the worst exit code.

    One that fails does not stop the rest; a signal, or ``stop_file``, stops them all.
    """
    worst = 0
    shown: list[Display] = []
    made: dict[str, str] = {}
    with (
        cancel_on_signals(lambda: shown[-1].say(_saving()) if shown else None) as cancel,
        cancel_on_file(stop_file, cancel) as heard,
    ):
        for item in items:
            if cancel.is_set():
                return max(worst, Cancelled.exit_code)
            with (
                _terminal_may_be_gone(),
                display_for(json=json, json_interval=json_interval) as display,
            ):
                shown.append(display)
                worst = max(worst, _run(item, display, cancel, made, heard))
    return worst


def _run(
    item: QueueItem,
    display: Display,
    cancel: threading.Event,
    made: dict[str, str],
    heard: events.OnEvent,
) -> int:
    """Work on one item; ``made`` has the outputs of the queue so far, and whose they are."""
    stopped: list[events.Stopped] = []

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.Stopped):
            stopped.append(event)  # shown when it is clear that the item is not skipped
            return
        if isinstance(event, events.SessionOpened) and event.output in made:
            raise _same_output(item, made[event.output])
        with _terminal_may_be_gone():
            display.show(event)
        heard(event)
        if isinstance(event, events.Finished):
            made[event.output] = item.name

    try:
        item.call(on_event=on_event, cancel=cancel)
    except OutputExistsError as error:
        if (other := made.get(error.details.get("path", ""))) is not None:
            return _failed(_same_output(item, other), display, stopped)
        if item.done_if_output_exists:
            display.say(tr("Skipped {name}: its output is there already.").format(name=item.name))
            return 0
        return _failed(error, display, stopped)
    except TsuzukiError as error:
        return _failed(error, display, stopped)
    return 0


def _saving() -> str:
    return tr("Saving what is finished … (press again to end at once)")


def _same_output(item: QueueItem, other: str) -> OutputError:
    return OutputError(
        f"{item.name} was left out: its output would have the same name as that of {other}. "
        "Upscale it by itself, with another name after -o."
    )


def _failed(error: TsuzukiError, display: Display, stopped: list[events.Stopped]) -> int:
    command = stopped[-1].resume_command if stopped else None
    hint = f"Go on with: {command}" if command and command not in error.message else None
    with _terminal_may_be_gone():
        for event in stopped:
            display.show(event)
        display.__exit__(None, None, None)  # the message belongs below the bars
        show_error(error, hint=hint)
    return error.exit_code


@contextlib.contextmanager
def _terminal_may_be_gone() -> Iterator[None]:
    """Pass over the error of a closed terminal: its signal, or nohup, says what is to follow."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise
