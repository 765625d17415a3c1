"""What a session has decided on or found out, for its later runs to go by."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from tsuzuki.errors import TsuzukiError
from tsuzuki.sessions.identity import fingerprint
from tsuzuki.sessions.progress import ProgressData
from tsuzuki.video.facts import Framing, Judged


def decided_framing(session: ProgressData) -> Framing | None:
    """Return what a session has decided on; None where it did not, or cannot be read."""
    identity = session["steps"]["validate"].get("data", {}).get("identity", {})
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(identity.get("framing"), Framing | None)
    return None


def decided_facts(session: ProgressData, path: Path) -> Judged | None:
    """Return what a session has found out about this file; None where that is another one."""
    found = session["steps"]["validate"].get("data", {}).get("judged")
    with contextlib.suppress(msgspec.ValidationError, OSError, TsuzukiError):
        if fingerprint(path) == session.get("fingerprint"):
            return msgspec.convert(found, Judged | None)
    return None
