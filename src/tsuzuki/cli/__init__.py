"""The command line: a command parses, calls the library once and prints."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
import typer.main
from typer.exceptions import TyperException

from tsuzuki import language
from tsuzuki.cli import (
    bench,
    cloud,
    compare,
    demo,
    doctor,
    gui,
    metrics,
    models,
    probe,
    resume,
    service,
    sessions,
    upscale,
    watch,
)
from tsuzuki.cli.boundary import guarded
from tsuzuki.cli.help import NAMES, put_in_language, show_usage_error
from tsuzuki.cli.notes import show_warnings
from tsuzuki.cli.text import break_japanese

HELP = """Upscale videos with AI, and never lose the work.

A run may be stopped at any instant, in any way, and goes on later from the very frame, with the
same bytes as if nothing had happened.

[bold]Examples[/bold]

  tsuzuki upscale holiday.mp4             # to holiday_2x.mp4, twice as large
  tsuzuki upscale film.mkv --content photo --quality Quality
  tsuzuki upscale season-1/ -o upscaled/  # every video of a folder
  tsuzuki resume                          # go on after an interruption
"""

INTERRUPTED = (
    "[bold]Interrupted?[/bold] Ctrl-C, a crash or a power cut loses nothing that was finished: run "
    "[bold]tsuzuki resume[/bold], or the same command again."
)
COMMANDS: tuple[tuple[Callable[..., None], str], ...] = (
    (upscale.upscale, INTERRUPTED),
    (resume.resume, ""),
    (watch.watch, ""),
    (models.models, ""),
    (probe.probe, ""),
    (compare.compare, ""),
    (metrics.metrics, ""),
    (doctor.doctor, ""),
    (demo.demo, ""),
    (gui.gui, ""),
)


def _unwrap(text: str) -> str:
    """Join the lines of a paragraph, so that they break where the terminal ends."""
    blocks = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(b if b.startswith("  ") else b.replace("\n", " ") for b in blocks)


app = typer.Typer(
    name="tsuzuki",
    help=_unwrap(HELP),
    epilog=INTERRUPTED,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": NAMES, "max_content_width": 100},
)
for _command, _epilog in COMMANDS:
    app.command(help=_unwrap(_command.__doc__ or ""), epilog=_epilog or None)(_command)
for _name, _group in (
    ("sessions", sessions.app),
    ("cloud", cloud.app),
    ("service", service.app),
    ("bench", bench.app),
):
    for _part in _group.registered_commands:
        _part.help = _unwrap((_part.callback and _part.callback.__doc__) or "")
    app.add_typer(_group, name=_name)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - keeps --help fast

        typer.echo(f"tsuzuki {version('tsuzuki')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="TSUZUKI_DEBUG", help="Show the traceback of an error."),
    ] = False,
) -> None:
    if debug:
        os.environ["TSUZUKI_DEBUG"] = "1"
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # File names may hold bytes or characters that the terminal's encoding lacks.
            stream.reconfigure(errors="backslashreplace")
    show_warnings()
    language.use(None)
    if language.spoken() == "ja":
        break_japanese()
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> None:
    command = typer.main.get_command(app)
    if language.is_translated() or "typer.rich_utils" in sys.modules:
        put_in_language(command)
    try:
        code = command.main(arguments, prog_name="tsuzuki", standalone_mode=False)
    except TyperException as error:
        show_usage_error(error)
        code = error.exit_code
    except typer.Abort:
        code = 1
    raise SystemExit(code)


__all__ = ["app", "main"]
