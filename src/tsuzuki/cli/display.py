"""What a run shows while it works: bars on a terminal, lines of text elsewhere, or JSON."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol, Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from tsuzuki.cli.text import duration, forecast, is_terminal, safe, safe_json, size, stderr, stdout
from tsuzuki.gui.words import frames
from tsuzuki.language import tr, trp
from tsuzuki.pipeline import events
from tsuzuki.sentences import told
from tsuzuki.sessions.progress import STEPS, StepName
from tsuzuki.sessions.ranges import FrameRanges

LINE_INTERVAL = 10.0
"""Seconds between two lines of plain text."""
MAX_FAILED = 40
"""Ranges of damaged frames that are listed."""
LEAST_TOLD = 0.005
"""Share of reused area from which on it is told."""


class Display(Protocol):
    """Shows the events of one run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, event: events.Event) -> None:
        """Show one event; called in the runner's thread."""

    def say(self, text: str) -> None:
        """Show a line to the person; called in any thread."""


def display_for(*, json: bool, json_interval: float = 0.0) -> Display:
    """Return the display that suits where the output goes."""
    if json:
        return JsonLines(json_interval)
    return Bars() if is_terminal() else Lines()


class JsonLines:
    """One event a line on stdout; sentences go to stderr.

    Events of progress come at least ``interval`` seconds apart, the last one of a step in any case.
    """

    def __init__(self, interval: float = 0.0) -> None:
        self._interval = interval
        self._last = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def show(self, event: events.Event) -> None:
        """Print the event, unless it is one of progress that comes too soon."""
        if isinstance(event, events.StepProgressed) and event.progress < 100:
            now = time.monotonic()
            if now - self._last < self._interval:
                return
            self._last = now
        sys.stdout.write(safe_json(events.to_json(event)) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Print a sentence to stderr."""
        stderr().print(safe(text), markup=False, soft_wrap=True)


class Lines:
    """A line every ten seconds and at each step's change."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._again = 0
        self._nodes: dict[str, events.NodeProgressed] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def show(self, event: events.Event) -> None:
        """Print the event if it changes a step, or if it is time."""
        if isinstance(event, events.ResumeReport):
            self._again = event.frames_again
        elif isinstance(event, events.StepProgressed):
            if time.monotonic() - self._last >= LINE_INTERVAL:
                nodes = "".join(f"; {node_figures(one)}" for one in self._nodes.values())
                self.say(f"{_name(event.step)}: {event.progress:.1f} %{_figures(event)}{nodes}")
        elif isinstance(event, events.NodeProgressed):
            self._nodes[event.node] = event
        elif isinstance(event, events.Finished):
            self._sentence(event)
            print_output(event.output)
        else:
            self._sentence(event)

    def say(self, text: str) -> None:
        """Print a line to stderr."""
        self._last = time.monotonic()
        stderr().print(safe(text), markup=False, soft_wrap=True)

    def _sentence(self, event: events.Event) -> None:
        if text := sentence(event, frames_again=self._again):
            self.say(text)


class Bars:
    """A bar for each step, below the sentences."""

    def __init__(self) -> None:
        self._console = stderr()
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(min_width=8, no_wrap=True)),
            BarColumn(bar_width=20, table_column=Column(no_wrap=True)),
            TextColumn("{task.percentage:5.1f} %", table_column=Column(no_wrap=True)),
            TextColumn(
                "{task.fields[figures]}",
                style="dim",
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=self._console,
            refresh_per_second=4,
            expand=True,
        )
        self._echo = contextlib.ExitStack()
        self._tasks: dict[str, TaskID] = {}
        self._nodes: dict[str, events.NodeProgressed] = {}
        self._again = 0

    def __enter__(self) -> Self:
        for step in STEPS:
            self._tasks[step] = self._progress.add_task(_name(step), total=100.0, figures="")
        return self

    def start(self) -> None:
        """Show the bars; before, a person may have been asked something."""
        self._echo.enter_context(_without_echo())
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        self._echo.close()

    def show(self, event: events.Event) -> None:
        """Move the bars, or print the event's sentence above them."""
        match event:
            case events.StepProgressed():
                self._move(event.step, event.progress, _figures(event).lstrip(", "))
            case events.NodeProgressed():
                self._show_node(event)
            case events.StepSkipped():
                self._move(event.step, 100.0, tr("done before"))
            case events.StepCompleted():
                self._move(event.step, 100.0, duration(event.seconds))
            case events.ResumeReport():
                self._again = event.frames_again
            case events.StepStarted() | events.SegmentSealed() | events.FramesSpooled():
                pass
            case events.SessionOpened():
                self._say_about(event)
                self.start()
            case _:
                self._say_about(event)

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(safe(text), markup=False, soft_wrap=True)

    def _say_about(self, event: events.Event) -> None:
        if text := sentence(event, frames_again=self._again):
            self.say(text)
        if isinstance(event, events.Finished):
            self._progress.stop()
            if not sys.stdout.isatty():
                print_output(event.output)

    def _show_node(self, event: events.NodeProgressed) -> None:
        """Show the node's share of the frames computed, in a bar of its own."""
        self._nodes[event.node] = event
        all_computed = sum(node.frames_computed for node in self._nodes.values())
        name = f"  {safe(event.node)}"
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(escape(name), total=100.0, figures="")
        share = 100.0 * event.frames_computed / max(1, all_computed)
        self._move(name, share, node_figures(event).partition(": ")[2])

    def _move(self, name: str, progress: float, figures: str) -> None:
        self._progress.update(self._tasks[name], completed=progress, figures=figures)


@contextlib.contextmanager
def _without_echo() -> Iterator[None]:
    """Keep the terminal from showing keys such as ^C, which would move the bars out of place."""
    try:
        import termios  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        yield
        return

    def set_up(attributes: list[Any]) -> None:
        with contextlib.suppress(OSError, ValueError, termios.error):
            terminal = sys.stdin.fileno()
            if os.tcgetpgrp(terminal) == os.getpgrp():  # else the system would stop us for it
                termios.tcsetattr(terminal, termios.TCSADRAIN, attributes)

    before: list[Any] = []
    with contextlib.suppress(OSError, ValueError, termios.error):
        before = termios.tcgetattr(sys.stdin.fileno())
    try:
        if before:
            set_up([*before[:3], before[3] & ~(termios.ECHO | termios.ECHOCTL), *before[4:]])
        yield
    finally:
        if before:
            set_up(before)


def print_output(path: str) -> None:
    """Print the path of the output to stdout, for scripts."""
    stdout().print(safe(path), markup=False, soft_wrap=True)


def sentence(event: events.Event, *, frames_again: int = 0) -> str | None:
    """Return what the event means to a person; None where only bars move."""
    text: str | None = None
    match event:
        case events.SessionOpened():
            text = _opened(event)
        case events.StepSkipped():
            text = f"{_name(event.step)}: " + tr("done before")
        case events.StepCompleted():
            time = duration(event.seconds)
            text = f"{_name(event.step)}: " + tr("done in {time}").format(time=time)
        case events.Warned():
            text = tr("Note: {text}").format(text=told(event.message))
        case events.WorkerRestarted():
            anew = tr("A worker was started anew: {reason}")
            text = anew.format(reason=told(event.reason))
        case events.Finished():
            text = _finished(event, frames_again)
    return text


def _opened(event: events.SessionOpened) -> str:
    session = tr("session {id}").format(id=event.session_id)
    line = f"{event.video_file} → {event.output} ({session})"
    if not event.resumed:
        return line
    if event.frames_total is None:
        more = tr("Going on: {done} frames are done and safe.")
    else:
        more = tr("Going on: {done} of {total} frames are done and safe.")
    return f"{line}\n{more.format(done=event.frames_done, total=event.frames_total)}"


def _finished(event: events.Finished, frames_again: int) -> str:
    figures = tr("{frames}, {size}, {computed} computed in {time}").format(
        frames=frames(event.frames),
        size=size(event.size),
        computed=event.frames_computed,
        time=duration(event.seconds),
    )
    if event.reused >= LEAST_TOLD:
        share = f"{100 * event.reused:.0f}"
        reused = tr("{share} % of the picture reused from the frame before").format(share=share)
        figures = f"{figures}; {reused}"
    lines = [tr("Done: {output}").format(output=event.output) + f" ({figures})"]
    if frames_again:
        again = tr("The interruption cost {frames} computed again.")
        lines.append(again.format(frames=frames(frames_again)))
    if event.failed_frames:
        ranges = FrameRanges((number, number) for number in event.failed_frames).ranges()
        shown = [str(a) if a == b else f"{a}-{b}" for a, b in ranges]
        more = tr(", … (--json tells all)") if len(shown) > MAX_FAILED else ""
        damaged = tr(
            "{frames} of the source could not be decoded whole; they are patched or repeat a "
            "neighbour. Counted in the source: {numbers}"
        )
        numbers = ", ".join(shown[:MAX_FAILED]) + more
        lines.append(damaged.format(frames=frames(len(event.failed_frames)), numbers=numbers))
    if event.kept_frames:
        lines.append(tr("The frames are kept in {folder}").format(folder=event.kept_frames))
    if not event.bit_identical:
        lines.append(
            tr(
                "Changes were accepted on the way: this output may differ from that of an "
                "uninterrupted run."
            )
        )
    return "\n".join(lines)


def node_figures(event: events.NodeProgressed) -> str:
    """Return what a node does, after its name."""
    if not event.workers:
        return tr("{node}: gone after {frames}").format(
            node=event.node, frames=frames(event.frames_computed)
        )
    speed = event.frames_per_second
    told = "" if speed is None else ", " + tr("{speed} frames/s").format(speed=f"{speed:.2f}")
    return f"{event.node}: {frames(event.frames_computed)}{told}"


def _name(step: StepName) -> str:
    return {
        "validate": trp("step", "validate"),
        "extract": trp("step", "extract"),
        "upscale": trp("step", "upscale"),
        "combine": trp("step", "combine"),
    }[step]


def _figures(event: events.StepProgressed) -> str:
    parts = []
    if event.frames_done is not None and event.frames_total is not None:
        done = tr("{done}/{total} frames")
        parts.append(done.format(done=event.frames_done, total=event.frames_total))
    if event.eta is not None:
        left = forecast(event.eta, event.eta_low, event.eta_high)
        parts.append(tr("{time} left").format(time=left))
    if event.frames_per_second is not None:
        speed = f"{event.frames_per_second:.2f}"
        parts.append(tr("{speed} frames/s").format(speed=speed))
    if event.reused is not None and event.reused >= LEAST_TOLD:
        share = f"{100 * event.reused:.0f}"
        parts.append(tr("{share} % reused").format(share=share))
    if event.disk_used is not None:
        parts.append(tr("{size} on disk").format(size=size(event.disk_used)))
    return "".join(f", {part}" for part in parts)
