"""A start at login, by what the system has for that."""

from __future__ import annotations

import sys

from tsuzuki.errors import ResourceError
from tsuzuki.unattended.service.base import Service, Start, Status
from tsuzuki.unattended.service.launchd import Launchd
from tsuzuki.unattended.service.systemd import Systemd
from tsuzuki.unattended.service.task_scheduler import TaskScheduler

__all__ = ["Service", "Start", "Status", "this_service"]


def this_service() -> Service:
    """Return the service of this system; `ResourceError` where none is known."""
    kinds: dict[str, type[Service]] = {
        "linux": Systemd,
        "darwin": Launchd,
        "win32": TaskScheduler,
    }
    if sys.platform not in kinds:
        raise ResourceError(
            "Starting at login is known for Linux with systemd, macOS and Windows. Here, have "
            "your system run `tsuzuki resume --all`."
        )
    return kinds[sys.platform]()
