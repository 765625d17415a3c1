"""Where the test media are: read here only, by tests, benchmarks and the pages of the docs."""

from __future__ import annotations

import os
from pathlib import Path

MEDIA = Path(os.environ.get("TSUZUKI_MEDIA", Path(__file__).parents[2] / "shared" / "media"))
"""``$TSUZUKI_MEDIA``, else ``shared/media`` beside the project."""
