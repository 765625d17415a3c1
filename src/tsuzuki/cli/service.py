"""``tsuzuki service``."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.cli.settings import OPTIONS, chosen_settings
from tsuzuki.errors import InputNotFoundError, SettingsError
from tsuzuki.language import tr

app = typer.Typer(
    help="Have unfinished work go on by itself when you log in, and a folder watched: by systemd "
    "on Linux, launchd on macOS, the Task Scheduler on Windows. It needs no administrator.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("install")
def install_service(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FOLDER [-- OPTION...]",
            help="A folder to watch as well, and options of tsuzuki watch for it.",
            show_default=False,
        ),
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Start it at once, too.")] = False,
    notify: o.Notify = None,
    sessions_dir: o.SessionsDir = None,
) -> None:
    """Go on with everything unfinished at each login; installing again replaces what was there.

    [bold]Examples[/bold]

      tsuzuki service install --now
      tsuzuki service install incoming/ -- --content photo --done-dir incoming/done
    """
    from tsuzuki.unattended.notify import Notifier  # noqa: PLC0415 - keeps --help fast
    from tsuzuki.unattended.service import Start, this_service  # noqa: PLC0415

    Notifier(notify or (), on_problem=_say)  # says what is wrong with the addresses
    if notify and sys.platform == "win32":
        raise SettingsError(
            "A task of Windows has no variables of its own. Set TSUZUKI_NOTIFY for your user with "
            "setx, and leave --notify out."
        )
    command = [sys.executable, "-P", "-m", "tsuzuki", "resume", "--all"]
    if words:
        command[4:] = ["watch", _watched(context, words), "--resume-all", *words[1:]]
    if sessions_dir is not None:
        command += ["--sessions-dir", os.path.abspath(sessions_dir)]  # noqa: PTH100 - keeps links
    environment = {"PYTHONUTF8": "1"}
    if notify:  # a secret must not stand on a command line
        environment["TSUZUKI_NOTIFY"] = " ".join(notify)
    service = this_service()
    start = Start(
        command=tuple(command),
        folder=Path.cwd() if words else Path.home(),  # relative paths keep their meaning
        environment=environment,
        lasting=bool(words),
    )
    service.install(start, now=now)
    _say(tr("Installed in {file}. At each login this is run:").format(file=service.file))
    _say(f"  {shlex.join(command)}")
    if sys.platform == "linux":
        _say(tr("To have it start with the computer, before you log in: loginctl enable-linger"))


@app.command("remove")
def remove_service() -> None:
    """Stop it, and start nothing at login any more. Sessions and outputs stay."""
    from tsuzuki.unattended.service import this_service  # noqa: PLC0415

    service = this_service()
    removed = tr("Removed {what}.").format(what=service.file)
    _say(removed if service.remove() else tr("Nothing was installed."))


@app.command("status")
def show_service() -> None:
    """Show whether it is installed and running. Ends with exit code 1 where it is not installed."""
    from tsuzuki.unattended.service import this_service  # noqa: PLC0415

    service = this_service()
    if not service.is_installed:
        _say(tr("Not installed. `tsuzuki service install` does that."))
        raise typer.Exit(1)
    running = tr("Installed in {file}, running. What it writes: {log}")
    idle = tr("Installed in {file}, not running. What it writes: {log}")
    text = running if service.is_running else idle
    _say(text.format(file=service.file, log=service.log))


def _watched(context: typer.Context, words: list[str]) -> str:
    """Return the absolute folder; what is wrong with the options is told now, not at a login."""
    folder = Path(words[0])
    if not folder.is_dir():
        raise InputNotFoundError(f"There is no folder {folder}. Check its name.")
    root = context.find_root()
    watch: Any = root.command.commands["watch"]  # type: ignore[attr-defined]
    with watch.make_context("watch", list(words), parent=root) as asked:
        chosen_settings(asked, {k: v for k, v in asked.params.items() if k in OPTIONS})
    return os.path.abspath(folder)  # noqa: PTH100 - keeps links


def _say(text: str) -> None:
    from tsuzuki.cli.text import safe, stdout  # noqa: PLC0415

    stdout().print(safe(text), markup=False, soft_wrap=True)
