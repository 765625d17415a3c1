"""Write the generated pages anew: ``python -m docs``."""

from pathlib import Path

from docs.commands import page

(Path(__file__).parent / "cli.md").write_text(page(), encoding="utf-8", newline="\n")
