"""The language that the program speaks: English as it is written, or a catalogue.

Whatever a person reads goes through `tr`, `trn` or `trp`, with a literal text, so that the
catalogues below ``locale`` can be made from the source.
"""

from __future__ import annotations

import gettext
import locale
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LOCALES = Path(__file__).with_name("locale")
LANGUAGES = {"en": "English", "ja": "日本語"}
"""Languages by their codes, each in its own words."""
VARIABLE = "TSUZUKI_LANGUAGE"

_chosen = "en"
_catalogue: gettext.NullTranslations = gettext.NullTranslations()
_disguise: Callable[[str], str] | None = None


def tr(text: str) -> str:
    """Return the text in the chosen language."""
    return _shown(_catalogue.gettext(text))


def trn(one: str, many: str, number: int) -> str:
    """Return the text for a number of things; it stands for itself as ``{number}``."""
    return _shown(_catalogue.ngettext(one, many, number).format(number=f"{number:,}"))


def trp(context: str, text: str) -> str:
    """Return the text as it is meant in a context, where a word has several meanings."""
    return _shown(_catalogue.pgettext(context, text))


def use(language: str | None) -> str:
    """Speak a language, None for that of the system; return the code of what is spoken."""
    global _chosen, _catalogue  # noqa: PLW0603 - one language for the whole program
    wanted = language if language in LANGUAGES else system_language()
    _chosen = wanted
    _catalogue = gettext.translation("tsuzuki", LOCALES, [wanted], fallback=True)
    return wanted


def spoken() -> str:
    """Return the code of the language that is spoken."""
    return _chosen


def is_translated() -> bool:
    """Return whether texts are shown otherwise than they are written."""
    return _chosen != "en" or _disguise is not None


def system_language() -> str:
    """Return the language that the user's system speaks, English where there is no catalogue."""
    names = [os.environ.get(name, "") for name in (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")]
    with suppress(ValueError):
        names.append(locale.getlocale()[0] or "")
    for name in names:
        if name:
            code = name.replace("Japanese", "ja")[:2].lower()
            return code if code in LANGUAGES else "en"
    return "en"


def disguise(change: Callable[[str], str] | None) -> None:
    """Have every text changed: what is not, was never looked up. For tests."""
    global _disguise  # noqa: PLW0603 - as the language
    _disguise = change


def _shown(text: str) -> str:
    return _disguise(text) if _disguise else text
