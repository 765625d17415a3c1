"""The catalogues of texts: ``python -m docs.texts`` brings them up to date with the source."""

from __future__ import annotations

import io
import json
from pathlib import Path

import typer.main
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from docs.sentences import SOURCE, find_sentences
from tsuzuki.cli import app
from tsuzuki.cli.help import help_texts
from tsuzuki.language import LANGUAGES, LOCALES
from tsuzuki.sentences import TEMPLATES

KEYWORDS = {"tr": None, "trn": (1, 2), "trp": ((1, "c"), 2)}
DOMAIN = "tsuzuki"


def template() -> Catalog:
    """Return every text of the source."""
    catalogue = Catalog(project="Tsuzuki", charset="utf-8")
    found = extract_from_dir(str(SOURCE), [("**.py", "python")], keywords=KEYWORDS)
    for name, line, text, comments, context in found:
        catalogue.add(text, None, [(name, line)], auto_comments=comments, context=context)
    for text, name, line in find_sentences():
        catalogue.add(text, None, [(name, line)])
    for text in help_texts(typer.main.get_command(app)):
        catalogue.add(text)
    return catalogue


def sentences() -> bytes:
    """Return the templates of the library's sentences as the program reads them."""
    texts = sorted({text for text, _, _ in find_sentences()})
    return (json.dumps(texts, ensure_ascii=False, indent=0) + "\n").encode()


def po_file(language: str) -> Path:
    """Return the catalogue that people edit."""
    return LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """Return a catalogue as it is kept."""
    with po_file(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as the program reads it."""
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def update(language: str) -> None:
    """Add new texts, drop those that are gone, and compile."""
    file = po_file(language)
    file.parent.mkdir(parents=True, exist_ok=True)
    catalogue = read(language) if file.exists() else Catalog(locale=language, domain=DOMAIN)
    catalogue.update(template(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    out = io.BytesIO()
    write_po(out, catalogue, width=100, sort_output=True, no_location=True, omit_header=False)
    file.write_bytes(out.getvalue())
    file.with_suffix(".mo").write_bytes(compiled(catalogue))


def missing(language: str) -> list[str]:
    """Return the texts of the source that a catalogue lacks."""
    kept = read(language)
    lacking = []
    for message in template():
        if not message.id:
            continue
        known = kept.get(message.id, context=message.context)
        texts = [] if known is None or known.fuzzy else [known.string]
        flat = texts[0] if texts and isinstance(texts[0], tuple | list) else texts
        if not flat or not all(flat):
            lacking.append(str(message.id))
    return lacking


if __name__ == "__main__":
    TEMPLATES.write_bytes(sentences())
    for code in LANGUAGES:
        if code != "en":
            update(code)
