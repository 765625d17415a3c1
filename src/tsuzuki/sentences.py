"""What the library says, told in the language that is spoken.

Errors, notices and reports are English where they are made: they cross processes and machines, and
go to logs and records, which everybody is to read. Whoever shows one to a person looks it up here.
The templates of all sentences, which ``python -m docs.texts`` takes from the source, say which one
it is and what values are in it.
"""

from __future__ import annotations

import json
import re
import string
from functools import cache, cached_property, partial

from tsuzuki import language
from tsuzuki.language import tr, trp

TEMPLATES = language.LOCALES / "sentences.json"
_NEXT = re.compile(r"(?<=[.!?]) (?=[A-Z`'])")
"""Between two sentences."""
_LONGEST = 1000
"""Characters of what is looked up: longer ones hold texts of others, and would take long."""
_MOST = 20
"""Members of a list that are looked up one by one."""


class Template:
    """A sentence with names in braces where its values stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts = list(string.Formatter().parse(text))
        self.names = [name for _, name, _, _ in parts if name is not None]
        self._literals = [literal for literal, *_ in parts]
        self.weight = sum(map(len, self._literals))
        """Length of what is the same in each of its sentences."""
        self._longest = max(self._literals, key=len)
        self._is_vague = sum(map(str.isalpha, "".join(self._literals))) < 4
        """Whether much that is no sentence of the library would do as well."""

    def values_in(self, said: str) -> dict[str, str] | None:
        """Return the values by name where this is what was said."""
        if self._longest.strip() not in said:
            return None
        # The value at the end may be empty, and the space before it stripped.
        match = self._pattern.fullmatch(said) or self._pattern.fullmatch(f"{said} ")
        values = match and match.groupdict()
        return None if values and self._is_vague and " " in "".join(values.values()) else values

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = iter(self.names)
        literals = [re.escape(literal) for literal in self._literals]
        groups = (
            f"{literal}(?P<{name}>.*?)" for literal, name in zip(literals, names, strict=False)
        )
        rest = literals[len(self.names) :]
        return re.compile("".join([*groups, *rest]), re.DOTALL)


def told(said: str) -> str:
    """Return what the library said in the language that is spoken; what is unknown stays."""
    return _told(said) if language.is_translated() and len(said) <= _LONGEST else said


def _told(said: str) -> str:
    core = said.strip()
    if core not in _whole() and " " not in core:
        return said  # a name or a number, as most values are
    ways = (partial(_one, tight=True), _several, _one, _list, _labelled)
    shown = next(filter(None, (way(core) for way in ways)), core)
    return said.replace(core, shown, 1) if shown != core else said


def _one(said: str, *, tight: bool = False) -> str | None:
    """Return the sentence where one template is all of it, the most particular one.

    Where it is ``tight``, no value may hold the end of a sentence and the beginning of another,
    unless the template is most of what was said.
    """
    if said in _whole():
        return tr(_whole()[said]).format()
    for template in _templates():
        values = template.values_in(said)
        if values is None:
            continue
        several = any(map(_NEXT.search, values.values())) and 2 * template.weight < len(said)
        if not (tight and several):
            shown = {name: _value(name, value) for name, value in values.items()}
            return tr(template.text).format(**shown)
    return None


def _several(said: str) -> str | None:
    """Return sentences that follow each other, each by a template of its own."""
    for space in _NEXT.finditer(said):
        if (first := _one(said[: space.start()], tight=True)) is not None:
            between = "" if first.endswith("。") else " "
            return f"{first}{between}{_told(said[space.end() :])}"
    return None


def _list(said: str) -> str | None:
    """Return a list whose members are known; short ones need not be."""
    for separator in ("; ", ", "):
        members = said.split(separator)
        if 1 < len(members) <= _MOST:
            shown = [_told(member) for member in members]
            unknown = [one for one, now in zip(members, shown, strict=True) if one == now]
            if len(unknown) < len(members) and not any(one.count(" ") > 3 for one in unknown):
                return separator.join(shown)
    return None


def _labelled(said: str) -> str | None:
    """Return what is known after a name and a colon."""
    label, colon, rest = said.partition(": ")
    shown = _told(rest) if colon else rest
    return f"{label}: {shown}" if shown != rest else None


def _value(name: str, value: str) -> str:
    """Return a value as it is shown; kinds of streams are the only single words."""
    shown = _told(value)
    if shown != value or name not in {"type", "kind", "kinds"}:
        return shown
    words = {
        "audio": tr("audio"),
        "video": trp("stream", "video"),
        "subtitle": tr("subtitle"),
        "data": tr("data"),
        "attachment": tr("attachment"),
        "or": tr("or"),
    }
    return " ".join(words.get(word, word) for word in value.split(" "))


@cache
def _templates() -> list[Template]:
    """Return the templates that have values, those with the most words first."""
    found = [Template(text) for text in _texts()]
    return sorted((one for one in found if one.names), key=lambda one: -one.weight)


@cache
def _whole() -> dict[str, str]:
    """Return the templates without values by what they say."""
    return {one.text.format(): one.text for one in map(Template, _texts()) if not one.names}


@cache
def _texts() -> list[str]:
    texts: list[str] = json.loads(TEMPLATES.read_bytes())
    return texts
