"""The help, and what is said of a wrong command line, in the language that is spoken.

Help texts stand where the options do and are looked up before they are shown. The framework has
words of its own, which are listed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from tsuzuki.cli.text import safe, stderr
from tsuzuki.language import tr
from tsuzuki.sentences import told

NAMES = ["-h", "--help"]
"""What asks for the help of a command."""
_ATTRIBUTES = ("help", "short_help", "epilog", "show_default", "rich_help_panel")
COMPLAINTS = (
    "No such option: {option}",
    "No such option: {option} (Possible options: {options})",
    "Option {option} does not take a value.",
    "Option {option} requires an argument.",
    "Got unexpected extra argument(s) ({arguments})",
    "No such command {command}.",
    "No such command {command}. Did you mean {commands}?",
    "Missing command.",
    "Missing argument {argument}.",
    "Missing option {option}.",
    "Invalid value for {option}: {reason}",
    "Value {value} is not a valid {type}.",
    "Input should be a valid number, unable to parse string as a number",
    "Input should be a valid integer, unable to parse string as an integer",
    "Input should be greater than or equal to {least}",
    "Input should be less than or equal to {most}",
)
"""What the framework may say of a command line."""


def help_texts(command: Any) -> Iterator[str]:
    """Yield the texts in the help of a command and of those below it."""
    for owner, name in _places(command):
        yield getattr(owner, name)


def put_in_language(command: Any) -> None:
    """Have a command and those below it show their help in the language that is spoken."""
    from typer import rich_utils  # noqa: PLC0415 - takes its time

    put_texts(command)
    for one in _commands(command):
        one.context_class = _context_class(one.context_class)
    rich_utils.ARGUMENTS_PANEL_TITLE = tr("Arguments")
    rich_utils.OPTIONS_PANEL_TITLE = tr("Options")
    rich_utils.COMMANDS_PANEL_TITLE = tr("Commands")
    rich_utils.DEFAULT_STRING = tr("[default: {}]")
    rich_utils.ENVVAR_STRING = tr("[env var: {}]")
    rich_utils.REQUIRED_LONG_STRING = tr("[required]")


def put_texts(command: Any) -> None:
    """Have a command and those below it hold the texts of their help in the language spoken."""
    for owner, name in list(_places(command)):
        setattr(owner, name, tr(getattr(owner, name)))


def show_usage_error(error: Any) -> None:
    """Say what is wrong with a command line, and how to get help."""
    console, context, text = stderr(), getattr(error, "ctx", None), error.format_message()
    if not text:  # the help was shown
        return
    if context is not None:
        console.print(context.get_usage(), markup=False, style="yellow")
        hint = tr("Try '{command} --help' for help.").format(command=context.command_path)
        console.print(hint, markup=False, style="dim")
    title = tr("Error")
    console.print(f"[bold red]{title}:[/] ", end="")
    console.print(safe(told(text)), markup=False, soft_wrap=True)


def _places(command: Any) -> Iterator[tuple[Any, str]]:
    """Yield whatever holds a text, and the name that it holds it by."""
    for one in _commands(command):
        asks = one.get_help_option(typer.Context(one, help_option_names=NAMES))
        for owner in (one, *one.params, asks):
            for name in _ATTRIBUTES:
                text = getattr(owner, name, None)
                if isinstance(text, str) and any(map(str.isalpha, text)):
                    yield owner, name


def _commands(command: Any) -> Iterator[Any]:
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from _commands(child)


def _context_class(base: Any) -> Any:
    """Return a kind of context whose line of usage begins with a word of the language spoken."""

    class Formatter(base.formatter_class):  # type: ignore[misc]
        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            usage = tr("Usage:")
            super().write_usage(prog, args, prefix or f"{usage} ")

    class Context(base):  # type: ignore[misc]
        formatter_class = Formatter

    return Context
