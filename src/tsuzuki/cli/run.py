"""One video after the other through the pipeline, shown and stoppable."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tsuzuki.cli.boundary import show_error
from tsuzuki.cli.display import Display, display_for
from tsuzuki.cli.signals import cancel_on_signals
from tsuzuki.cli.stop_file import cancel_on_file
from tsuzuki.errors import Cancelled, OutputError, OutputExistsError, TsuzukiError
from tsuzuki.language import tr
from tsuzuki.pipeline import events
from tsuzuki.sentences import told
from tsuzuki.tracing import exported
from tsuzuki.unattended.notify import Notifier


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
    notify: Iterable[str] | None = None,
) -> int:
    """Work on the items one after the other and return the worst exit code.

    One that fails does not stop the rest; a signal, or ``stop_file``, stops them all. ``notify``
    has the places that are told of each end.
    """
    worst = 0
    made: dict[str, str] = {}
    with open_queue(
        json=json, json_interval=json_interval, stop_file=stop_file, notify=notify
    ) as queue:
        for item in items:
            if queue.cancel.is_set():
                return max(worst, Cancelled.exit_code)
            error = queue.run(item, made)
            worst = max(worst, error.exit_code if error else 0)
    return worst


@contextlib.contextmanager
def open_queue(
    *,
    json: bool,
    json_interval: float = 0.0,
    stop_file: Path | None = None,
    notify: Iterable[str] | None = None,
) -> Iterator[Queue]:
    """Give what works on items; a signal, or ``stop_file``, sets its ``cancel``."""
    queue = Queue(lambda: display_for(json=json, json_interval=json_interval))
    with (
        exported(queue.say),
        Notifier(notify or (), on_problem=queue.say) as queue.notifier,
        cancel_on_signals(queue.say_saving) as queue.cancel,
        cancel_on_file(stop_file, queue.cancel) as queue.heard,
    ):
        yield queue


class Queue:
    """Works on one item at a time; see `open_queue`."""

    cancel: threading.Event
    """Is set when the person wants an end."""
    heard: events.OnEvent
    notifier: Notifier

    def __init__(self, new_display: Callable[[], Display]) -> None:
        self._new_display = new_display
        self._shown: Display | None = None

    def say(self, text: str) -> None:
        """Show a line to the person; called in any thread."""
        (self._shown or self._new_display()).say(told(text))

    def say_saving(self) -> None:
        """Tell that what is finished is being saved, if something is in work."""
        if (shown := self._shown) is not None:
            shown.say(_saving())

    def run(
        self, item: QueueItem, made: dict[str, str], hear: events.OnEvent = lambda _: None
    ) -> TsuzukiError | None:
        """Work on one item; return what kept it from its end, which has been shown.

        ``made`` has the outputs of the queue so far, and whose they are; ``hear`` is told of each
        event before the person.
        """
        error: TsuzukiError | None = None
        with _terminal_may_be_gone(), self._new_display() as display:
            self._shown = display
            try:
                error = self._run(item, display, made, hear)
            finally:
                self._shown = None
        return error

    def _run(
        self, item: QueueItem, display: Display, made: dict[str, str], hear: events.OnEvent
    ) -> TsuzukiError | None:
        stopped: list[events.Stopped] = []

        def on_event(event: events.Event) -> None:
            hear(event)
            if isinstance(event, events.Stopped):
                stopped.append(event)  # shown when it is clear that the item is not skipped
                return
            if isinstance(event, events.SessionOpened) and event.output in made:
                raise _same_output(item, made[event.output])
            with _terminal_may_be_gone():
                display.show(event)
            self.heard(event)
            if isinstance(event, events.Finished):
                made[event.output] = item.name
            self.notifier.hear(event, item.name)

        try:
            item.call(on_event=on_event, cancel=self.cancel)
        except OutputExistsError as error:
            if (other := made.get(error.details.get("path", ""))) is not None:
                return self._failed(_same_output(item, other), item, display, stopped)
            if item.done_if_output_exists:
                skipped = tr("Skipped {name}: its output is there already.")
                display.say(skipped.format(name=item.name))
                return None
            return self._failed(error, item, display, stopped)
        except TsuzukiError as error:
            return self._failed(error, item, display, stopped)
        return None

    def _failed(
        self, error: TsuzukiError, item: QueueItem, display: Display, stopped: list[events.Stopped]
    ) -> TsuzukiError:
        command = stopped[-1].resume_command if stopped else None
        hint = None
        if command and command not in error.message:
            hint = tr("Go on with: {command}").format(command=command)
        with _terminal_may_be_gone():
            for event in stopped:
                display.show(event)
            display.__exit__(None, None, None)  # the message belongs below the bars
            show_error(error, hint=hint)
        for event in stopped:  # now, as what cannot be sent is told below the bars, too
            self.notifier.hear(event, item.name)
        return error


def _saving() -> str:
    return tr("Saving what is finished … (press again to end at once)")


def _same_output(item: QueueItem, other: str) -> OutputError:
    return OutputError(
        f"{item.name} was left out: its output would have the same name as that of {other}. "
        "Upscale it by itself, with another name after -o."
    )


@contextlib.contextmanager
def _terminal_may_be_gone() -> Iterator[None]:
    """Pass over the error of a closed terminal: its signal, or nohup, says what is to follow."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise
