"""An unfinished session, shown to a person who decides what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from rich.console import Group
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tsuzuki.cli.signals import answerable
from tsuzuki.cli.text import bar, is_terminal, moment, safe, stderr
from tsuzuki.gui.words import step_title
from tsuzuki.language import tr
from tsuzuki.pipeline.command import options_for
from tsuzuki.sentences import told
from tsuzuki.sessions.progress import STEPS, ProgressData, StepProgress
from tsuzuki.settings import ProcessingSettings

Answer = Literal["resume", "restart", "cancel"]
MARKS = {"completed": "✔", "in_progress": "▶", "failed": "✘", "pending": "…"}


def session_panel(progress: ProgressData, heading: str) -> Panel:
    """Return video, settings and the four steps with bars."""
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(progress).items():
        facts.add_row(Text(name, style="dim"), Text(safe(value)))
    steps = Table.grid(padding=(0, 2))
    for step in STEPS:
        state = progress["steps"].get(step)
        steps.add_row(*_step_row(step_title(step), state))
    return Panel(
        Group(facts, Rule(style="dim"), steps), title=heading, title_align="left", expand=False
    )


def ask(progress: ProgressData) -> Answer:
    """Show the session and ask whether to resume it (the default), restart or cancel."""
    console = stderr()
    console.print(session_panel(progress, tr("An unfinished session was found")))
    question = tr(
        "[bold]\\[r][/]esume from where it ended, re[bold]\\[s][/]tart from the beginning, "
        "[bold]\\[c][/]ancel?"
    )
    while True:
        try:
            reply = console.input(f"{question} [dim](r)[/] ").strip().lower()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return "cancel"
        for answer, replies in _REPLIES.items():
            if reply in replies:
                return answer
        console.print(tr("Answer r, s or c."))


def confirm(question: str) -> bool:
    """Ask a question whose answer is no unless the person says yes."""
    try:
        reply = stderr().input(f"{question} [dim](y/N)[/] ")
    except (EOFError, KeyboardInterrupt):
        return False
    return reply.strip().lower() in {"y", "yes"}


def ask_of_hdr_loss(*, ask: bool) -> bool | Callable[[str], bool]:
    """Return what asks a person whether to go on without dynamic HDR metadata, if one is there."""
    return _accepts_hdr_loss if ask and is_terminal() else False


def _accepts_hdr_loss(what: str) -> bool:
    stderr().print(safe(told(what)), markup=False, soft_wrap=True)
    with answerable():
        return confirm(tr("Go on without it?"))


_REPLIES: dict[Answer, tuple[str, ...]] = {
    "resume": ("", "r", "resume"),
    "restart": ("s", "restart"),
    "cancel": ("c", "cancel", "q"),
}


def options_of(settings: ProcessingSettings | Mapping[str, Any]) -> str:
    """Return the options of the command line that give these settings; the scale always."""
    return " ".join(options_for(settings))


def _facts(progress: ProgressData) -> dict[str, str]:
    settings = ProcessingSettings.from_dict(progress["settings"])
    facts = {
        tr("Session"): progress["session_id"],
        tr("Video"): progress["video_file"],
        tr("Updated"): moment(progress["last_updated"]),
        tr("Scale"): settings.enlargement,
        tr("Quality"): settings.quality,
        tr("Noise reduction"): str(settings.noise_reduction),
        tr("Options"): options_of(settings),
    }
    if output := progress.get("output"):
        facts[tr("Output")] = output
    reasons = [step["error"] for step in progress["steps"].values() if step.get("error")]
    if reasons:
        facts[tr("Failed") if progress["status"] == "failed" else tr("Paused")] = told(reasons[-1])
    return facts


def _step_row(title: str, state: StepProgress | None) -> tuple[Text, Text, Text, Text]:
    status = state["status"] if state else "pending"
    done = 100.0 if status == "completed" else state["progress"] if state else 0.0
    return (
        Text(MARKS.get(status, " ")),
        Text(title),
        Text(bar(done), style="green" if done >= 100 else "cyan"),
        Text(f"{done:5.1f} %"),
    )
