"""Linux: a unit of the user's systemd."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from tsuzuki.durable import Durable
from tsuzuki.errors import ResourceError
from tsuzuki.unattended.service.base import (
    DESCRIPTION,
    NAME,
    RESTART_SECONDS,
    STOP_SECONDS,
    Service,
    Start,
    Status,
    ask,
    order,
)

UNIT = f"{NAME}.service"
NO_SYSTEMD = (
    "No systemd runs for this user here, so nothing was installed ({why}). Log in as the user "
    "itself, not by su or sudo; where there is no systemd at all, have something else run this at "
    "login: {command}"
)


class Systemd(Service):
    """``~/.config/systemd/user/tsuzuki.service``."""

    log_hint = f"journalctl --user -u {NAME}"

    def __init__(self) -> None:
        home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        self._folder = Path(home) / "systemd" / "user"
        self.path = self._folder / UNIT
        self._durable = Durable()

    def install(self, start: Start, *, now: bool) -> None:
        """Write the unit and enable it."""
        try:
            order("systemctl", "--user", "show-environment")
        except ResourceError as error:
            command = shlex.join(start.command)
            raise ResourceError(NO_SYSTEMD.format(why=error.message, command=command)) from error
        self._folder.mkdir(parents=True, exist_ok=True)
        self._durable.write_atomic(self.path, unit(start).encode())
        order("systemctl", "--user", "daemon-reload")
        order("systemctl", "--user", "enable", UNIT)
        if now:
            order("systemctl", "--user", "restart", "--no-block", UNIT)

    def remove(self) -> bool:
        """Stop and disable the unit and remove it, with systemd or without."""
        ask("systemctl", "--user", "disable", "--now", UNIT)
        # Where systemd is not there to remove its own link.
        link = self._folder / "default.target.wants" / UNIT
        if os.path.lexists(link):
            self._durable.remove_file(link)
        removed = self.path.is_file() and self._durable.remove_file(self.path)
        ask("systemctl", "--user", "daemon-reload")
        return removed

    def status(self) -> Status:
        """Tell whether the unit is there and active."""
        active = ask("systemctl", "--user", "is-active", UNIT)
        return Status(self.path.is_file(), active is not None, str(self.path))


def unit(start: Start) -> str:
    """Return the text of the unit."""
    environment = "".join(
        f"Environment={_quoted(f'{name}={value}')}\n" for name, value in start.environment.items()
    )
    # A setting that is refused would be refused again; 31 is that nothing is unfinished.
    again = f"Restart=on-failure\nRestartSec={RESTART_SECONDS}\nRestartPreventExitStatus=2 3 4\n"
    return f"""[Unit]
Description={DESCRIPTION}

[Service]
ExecStart=:{command_line(start.command)}
WorkingDirectory=-{_specifiers(start.folder)}
{environment}SuccessExitStatus=31 130
KillMode=mixed
TimeoutStopSec={STOP_SECONDS}
{again if start.lasting else ""}
[Install]
WantedBy=default.target
"""


def command_line(words: tuple[str, ...]) -> str:
    """Return words as systemd reads them (systemd.service(5), "Command lines")."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    escaped = "".join(
        f"\\x{ord(c):02x}" if ord(c) < 32 else f"\\{c}" if c in '\\"' else c for c in word
    )
    return f'"{_specifiers(escaped)}"'


def _specifiers(text: object) -> str:
    return str(text).replace("%", "%%")
