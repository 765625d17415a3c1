"""Folders that last no longer than the process that made them, however that ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

_PREFIX = "tsuzuki-"


def scratch_folder(kind: str) -> tempfile.TemporaryDirectory[str]:
    """Make an empty folder for temporary files; ``kind`` says of what, in letters.

    What processes that were killed have left of that kind is removed.
    """
    for path in left_behind(kind):
        shutil.rmtree(path, ignore_errors=True)
    prefix = f"{_PREFIX}{kind}-{os.getpid()}-"
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


def left_behind(kind: str) -> list[Path]:
    """Return the folders of this kind, and of this user, whose processes have ended."""
    if sys.platform == "win32":  # asking for a process would end it
        return []
    found = []
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}{kind}-*-*"):
        pid = path.name.removeprefix(f"{_PREFIX}{kind}-").partition("-")[0]
        with contextlib.suppress(OSError, OverflowError, ValueError):
            if path.lstat().st_uid == os.getuid() and not _is_running(int(pid)):
                found.append(path)
    return found


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True
