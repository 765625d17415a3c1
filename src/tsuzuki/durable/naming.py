"""Names of files that are still being written. They carry no meaning but their pattern."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

MAX_NAME_BYTES = 200
"""Of the final name that a temporary name repeats; file systems allow 255 in all."""
_TEMPORARY = re.compile(r"\.(.+)\.(?:([0-9a-f]{12})-)?[0-9a-f]{16}\.tmp", re.DOTALL)
_OWNER = re.compile(r"(?:[0-9a-f]{12})?")


def temporary_name(name: str, owner: str = "") -> str:
    """Return a new name for a file that is to become ``name``.

    ``owner``, 12 hex digits such as a session's id, tells whose it is where several sessions may
    write files of one name.
    """
    if _OWNER.fullmatch(owner) is None:
        raise ValueError(f"{owner!r} is no owner, which has 12 hex digits.")
    mark = f"{owner}-" if owner else ""
    return f".{_stem(name)}.{mark}{secrets.token_hex(8)}.tmp"


def is_temporary(name: str) -> bool:
    """Whether a file of this name was being written."""
    return _TEMPORARY.fullmatch(name) is not None


def temporaries_of(target: Path, owner: str = "") -> list[Path]:
    """Return the files that ``owner`` was, or is, writing to become ``target``."""
    wanted = _stem(target.name), owner or None
    found = ((path, _TEMPORARY.fullmatch(path.name)) for path in target.parent.iterdir())
    return [path for path, match in found if match is not None and match.groups() == wanted]


def _stem(name: str) -> str:
    """Return the name; a long one is cut, and told from its likes by a digest of the whole."""
    data = name.encode(errors="surrogatepass")
    if len(data) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(data).hexdigest()[:16]
    return f"{data[: MAX_NAME_BYTES - 17].decode(errors='ignore')}~{digest}"
