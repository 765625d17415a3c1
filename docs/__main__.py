"""Write the generated pages anew: ``python -m docs``."""

from pathlib import Path

from docs.commands import PAGES, page

for code, name in PAGES.items():
    (Path(__file__).parent / name).write_text(page(code), encoding="utf-8", newline="\n")
