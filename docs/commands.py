"""The help of every command as a page of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from tsuzuki import language
from tsuzuki.cli import app
from tsuzuki.cli.help import put_texts

HEADS = {
    "en": """# Commands

[日本語](cli.ja.md)

Written by `python -m docs` from the program's own help; do not edit.
""",
    "ja": """# コマンド

[English](cli.md)

プログラム自身のヘルプから `python -m docs` が書いています。編集しないでください。
""",
}
COLUMNS = {"en": "| option | meaning | default |", "ja": "| オプション | 意味 | 既定 |"}
PAGES = {"en": "cli.md", "ja": "cli.ja.md"}
"""Files by the code of their language."""


def page(code: str = "en") -> str:
    """Return the whole page in a language."""
    before = language.spoken()
    language.use(code)
    command = typer.main.get_command(app)
    put_texts(command)
    language.use(before)
    return "\n".join([HEADS[code], *_command("tsuzuki", command, COLUMNS[code])])


def _command(name: str, command: Any, columns: str) -> Iterator[str]:
    yield f"## {name}\n"
    yield _plain(command.help or "") + "\n"
    children = getattr(command, "commands", {})
    rows = [row for parameter in command.params for row in _row(parameter)]
    if rows:
        yield f"{columns}\n|---|---|---|"
        yield from rows
        yield ""
    for child_name, child in children.items():
        yield from _command(f"{name} {child_name}", child, columns)


def _row(parameter: Any) -> Iterator[str]:
    if parameter.name in {"install_completion", "show_completion"}:
        return
    argument = parameter.param_type_name == "argument"
    names = [_argument(parameter)] if argument else parameter.opts
    metavar = "" if argument or not parameter.metavar else f" {parameter.metavar}"
    option = f"`{', '.join(names)}{metavar}`".replace("|", "\\|")
    yield f"| {option} | {_plain(parameter.help or '')} | {_default(parameter)} |"


def _argument(parameter: Any) -> str:
    """Return the name of an argument, as its usage shows whether it may be left out or repeated."""
    name = parameter.metavar or parameter.name.upper()
    name = name if parameter.required else f"[{name}]"
    return f"{name}..." if parameter.nargs == -1 else name


def _default(parameter: Any) -> str:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    value = parameter.default
    plain = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    return f"`{value}`" if plain else ""


def _plain(text: str) -> str:
    """Turn the help's own markup into Markdown: bold words, examples as code."""
    text = re.sub(r"\[/?bold\]", "**", text)
    blocks = text.split("\n\n")
    return "\n\n".join(f"```sh\n{_dedent(b)}\n```" if b.startswith("  ") else b for b in blocks)


def _dedent(block: str) -> str:
    return "\n".join(line.strip() for line in block.splitlines())
