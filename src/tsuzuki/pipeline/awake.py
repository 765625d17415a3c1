"""Keeps the machine from going to sleep while it works."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keep the system (not the screen) awake within the block, where it lets us.

    Servers have nothing to ask for that, and never sleep anyway.
    """
    from wakepy import keep  # noqa: PLC0415 - slow to import, and needed in long runs only

    with keep.running(on_fail=_note):
        yield


def _note(result: object) -> None:
    _log.debug("The machine cannot be kept from sleeping: %s", result)
