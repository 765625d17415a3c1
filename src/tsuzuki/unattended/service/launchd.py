"""macOS: an agent of launchd."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path
from typing import Any

from tsuzuki.durable import Durable
from tsuzuki.unattended.service.base import (
    NAME,
    RESTART_SECONDS,
    STOP_SECONDS,
    Service,
    Start,
    Status,
    ask,
    order,
)

LOG = Path("Library") / "Logs" / f"{NAME}.log"


class Launchd(Service):
    """``~/Library/LaunchAgents/tsuzuki.plist``."""

    log_hint = f"~/{LOG.as_posix()}"

    def __init__(self) -> None:
        self.path = Path.home() / "Library" / "LaunchAgents" / f"{NAME}.plist"
        self._durable = Durable()

    def install(self, start: Start, *, now: bool) -> None:
        """Write the agent, which launchd starts at login; with ``now`` load it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        (Path.home() / LOG).parent.mkdir(parents=True, exist_ok=True)
        ask("launchctl", "bootout", self._target)
        self._durable.write_atomic(self.path, plistlib.dumps(agent(start)))
        if now:
            order("launchctl", "bootstrap", _domain(), str(self.path))

    def remove(self) -> bool:
        """Unload and remove the agent."""
        ask("launchctl", "bootout", self._target)
        return self._durable.remove_file(self.path)

    def status(self) -> Status:
        """Tell whether the agent is there and has a process."""
        shown = ask("launchctl", "print", self._target) or ""
        return Status(self.path.is_file(), "\tpid = " in shown, str(self.path))

    @property
    def _target(self) -> str:
        return f"{_domain()}/{NAME}"


def _domain() -> str:
    return f"gui/{os.getuid()}"


def agent(start: Start) -> dict[str, Any]:
    """Return the agent's property list (launchd.plist(5))."""
    log = str(Path.home() / LOG)
    keep = {"KeepAlive": {"SuccessfulExit": False}, "ThrottleInterval": RESTART_SECONDS}
    return {
        "Label": NAME,
        "ProgramArguments": list(start.command),
        "WorkingDirectory": str(start.folder),
        "EnvironmentVariables": start.environment,
        "RunAtLoad": True,
        "ExitTimeOut": STOP_SECONDS,
        "StandardOutPath": log,
        "StandardErrorPath": log,
        **(keep if start.lasting else {}),
    }
