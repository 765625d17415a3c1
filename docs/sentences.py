"""The sentences of the library, as templates, found in its source.

Every literal of two words and more counts, unless it is a doc string, something logged, or one of
those named here: so nobody can add a sentence that has no translation without a test failing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "tsuzuki"
_PROSE = re.compile(r"\w[,;:]? ([A-Za-z]{2,}|\{\})|[)}] [a-z]{3,}")
_WORD = re.compile(r"\b[A-Za-z]?[a-z]{2,}\b")
_LOOKED_UP = {"tr", "trn", "trp"}
"""Functions whose texts are found as such."""
_UNSEEN_CALLS = re.compile(r"(typer|_?log(ger|ging)?|warnings|re|struct)\.|.*\bcommand$")
"""Options have their texts from `tsuzuki.cli.help`; what is logged stays English."""
_UNSEEN_ERRORS = {"AssertionError", "AttributeError", "NotImplementedError", "TypeError"}
"""Faults of the program."""
_ERRORS_ONLY = ("gui/", "metrics/prometheus.py")
"""The window looks up what it says itself; what Prometheus is told, programs read."""
_UNSEEN_TEXTS = re.compile(
    r"SELECT |INSERT |UPDATE |DELETE |PRAGMA |from tsuzuki|waifu2x |Real-CUGAN |tsuzuki \{|PyAV \{"
    r"|\{ours\}|--content \{|BT\.2020 |chromaticity-derived |Basic |model name|log log-level "
    r"|'\{parent\}' in parents |and mimeType |journalctl |Dolby Vision|HDR Vivid|Tsuzuki: "
)
"""Programs, and names that are the same everywhere. So are lists of several lines."""


def find_sentences() -> Iterator[tuple[str, str, int]]:
    """Yield every sentence of the library as a template, with its file and line."""
    for file in sorted(SOURCE.rglob("*.py")):
        name = file.relative_to(SOURCE).as_posix()
        found = sentences_in(
            file.read_text(encoding="utf-8"),
            errors_only=name.startswith(_ERRORS_ONLY),
            warns=name.startswith("sessions/"),
        )
        yield from ((text, name, line) for text, line in found)


def sentences_in(
    source: str, *, errors_only: bool = False, warns: bool = False
) -> list[tuple[str, int]]:
    """Return the sentences of a module with their lines.

    ``warns`` has what is logged as a warning count too, where the command line shows it.
    """
    finder, tree = _Finder(warns=warns), ast.parse(source)
    for part in ast.walk(tree) if errors_only else (tree,):
        if not errors_only or isinstance(part, ast.Raise):
            finder.visit(part)
    return finder.found


def is_prose(template: str) -> bool:
    """Tell whether there are words of a sentence in it."""
    plain = re.sub(r"\{\w+\}", "{}", re.sub(r"\[/?[a-z ]*(\{\w+\})?\]", "", template))
    prose = "\n" not in template and _PROSE.search(plain) and _WORD.search(plain)
    return bool(prose) and not _UNSEEN_TEXTS.match(template.lstrip())


class _Finder(ast.NodeVisitor):
    def __init__(self, *, warns: bool) -> None:
        self._warns = warns
        self.found: list[tuple[str, int]] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a doc string
            self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        pass

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if self._warns and name == "_log.warning":
            self._add(str(ast.literal_eval(node.args[0])).replace("%s", "{}"), node.lineno)
        if name not in _LOOKED_UP | _UNSEEN_ERRORS and not _UNSEEN_CALLS.match(name):
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node.value, node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add(_template_of(node), node.lineno)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def _add(self, template: str, line: int) -> None:
        template = _with_names(template)
        if is_prose(template):
            self.found.append((template.strip(), line))


def _with_names(text: str) -> str:
    """Return a template in which whatever `str.format` replaces has a name."""
    numbers = iter(range(1, 100))
    text = re.sub(r"\{\}", lambda _: f"{{value{next(numbers)}}}", text)
    return text if re.search(r"\{\w+\}", text) else text.replace("{", "{{").replace("}", "}}")


def _template_of(node: ast.JoinedStr) -> str:
    """Return a template with a name for each value, made from how the source calls it."""
    used: set[str] = set()
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            name = plain = _name_of(part.value)
            number = 1
            while name in used:
                number += 1
                name = f"{plain}{number}"
            used.add(name)
            parts.append(f"{{{name}}}")
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value).replace("{", "{{").replace("}", "}}"))
    return "".join(parts)


def _name_of(value: ast.expr) -> str:  # noqa: PLR0911 - one for each kind
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Subscript(value=inner) | ast.Await(value=inner):
            return _name_of(inner)
        case ast.Call(func=ast.Attribute(attr="join")):
            return "listed"
        case ast.Call(func=ast.Attribute(attr="command")):
            return "command"
        case ast.Call(args=[inner, *_]) if not isinstance(inner, ast.Constant):
            return _name_of(inner)
        case ast.Call(func=inner):
            return _name_of(inner)
        case ast.BinOp(left=left, right=right):
            return _name_of(right if isinstance(left, ast.Constant) else left)
        case _:
            return "value"
