"""Names of files that are still being written. They carry no meaning but their pattern."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

MAX_NAME_BYTES = 200
"""Of the final name that a temporary name repeats; file systems allow 255 in all."""
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)


def temporary_name(name: str) -> str:
    """Return a new name for a file that is to become ``name``."""
    return f".{_stem(name)}.{secrets.token_hex(8)}.tmp"


def is_temporary(name: str) -> bool:
    """Whether a file of this name was being written."""
    return _TEMPORARY.fullmatch(name) is not None


def temporaries_of(target: Path) -> list[Path]:
    """Return the files that were, or are, being written to become ``target``."""
    stem = _stem(target.name)
    found = ((path, _TEMPORARY.fullmatch(path.name)) for path in target.parent.iterdir())
    return [path for path, match in found if match is not None and match[1] == stem]


def _stem(name: str) -> str:
    return name.encode(errors="surrogateescape")[:MAX_NAME_BYTES].decode(errors="ignore")
