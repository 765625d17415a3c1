"""Which threads of a worker go first where there are fewer cores than work."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

LOWEST = 19
"""The lowest priority that Unix knows."""


def give_way() -> None:
    """Let the other threads of this process go first, on Linux; elsewhere this does nothing.

    The threads that this one starts, such as an encoder's, inherit it. A network's threads wait for
    each other many times a frame: where one of them has to share its core, all of them lose.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
