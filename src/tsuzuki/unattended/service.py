"""A start at login, by what the system has for that: systemd, launchd or the Task Scheduler."""

from __future__ import annotations

import os
import plistlib
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import msgspec
import platformdirs

from tsuzuki.durable import Durable
from tsuzuki.errors import ResourceError

NAME = "tsuzuki"
DESCRIPTION = "Tsuzuki: goes on with unfinished videos"
STOP_SECONDS = 20
"""Time to save what is finished; it takes less than ten."""
RESTART_SECONDS = 60
_ANSWER_SECONDS = 30.0
_SCHEMA = "http://schemas.microsoft.com/windows/2004/02/mit/task"

Words = tuple[str, ...]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What is started."""

    command: Words
    folder: Path
    """Working folder."""
    environment: dict[str, str] = {}
    lasting: bool = False
    """Whether it runs until it is stopped, and so is started again where it fails."""


class Service(NamedTuple):
    """How a system starts one command of this user at login."""

    file: Path
    """What holds the service; it is installed while this is there."""
    render: Callable[[Start], bytes]
    """Returns what the file holds."""
    check: Words | None
    """Fails where the system cannot do it."""
    enable: tuple[Words, ...]
    start: tuple[Words, ...]
    stop: tuple[Words, ...]
    """Stop it, and start it at login no more; these fail where there was nothing."""
    forget: tuple[Words, ...]
    """What is left to do when the file is gone."""
    running: tuple[Words, str]
    """What to ask, and what is in the answer while it runs."""
    log: str
    """Where what it writes can be read."""

    def install(self, start: Start, *, now: bool) -> None:
        """Have it started at each login, and with ``now`` at once; replaces an earlier one.

        Raises `ResourceError` where the system does not do that.
        """
        if self.check is not None:
            try:
                _order(self.check)
            except ResourceError as error:
                raise ResourceError(
                    "No systemd runs for this user here, so nothing was installed "
                    f"({error.message}). Log in as the user itself, not by su or sudo; where there "
                    "is no systemd at all, have something else run this at login: "
                    f"{shlex.join(start.command)}"
                ) from error
        self._stop()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        Durable().write_atomic(self.file, self.render(start))
        try:
            for words in (*self.enable, *(self.start if now else ())):
                _order(words)
        except ResourceError:
            Durable().remove_file(self.file)
            raise

    def remove(self) -> bool:
        """Stop it and leave nothing of it; False where there was nothing."""
        if not self.is_installed:
            return False
        self._stop()
        Durable().remove_file(self.file)
        for words in self.forget:
            _order(words)
        return True

    @property
    def is_installed(self) -> bool:
        """Whether it is started at login."""
        return self.file.is_file()

    @property
    def is_running(self) -> bool:
        """Whether it runs now, as far as the system tells."""
        words, sign = self.running
        try:
            return sign in _order(words)
        except ResourceError:
            return False

    def _stop(self) -> None:
        for words in self.stop:
            try:
                _order(words)
            except ResourceError:
                continue


def this_service() -> Service:
    """Return the service of this system; `ResourceError` where none is known."""
    kinds = {"linux": systemd, "darwin": launchd, "win32": task_scheduler}
    if sys.platform not in kinds:
        raise ResourceError(
            "Starting at login is known for Linux with systemd, macOS and Windows. Here, have "
            "your system run `tsuzuki resume --all`."
        )
    return kinds[sys.platform]()


def _order(words: Words) -> str:
    """Run a command of the system and return what it wrote; `ResourceError` where it fails."""
    shown = " ".join(words)
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and our own paths, no shell
            words,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResourceError(f"`{shown}` did not run: {error}") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise ResourceError(f"`{shown}` failed: {said}")
    return done.stdout


# --- Linux ----------------------------------------------------------------------------------------


def systemd() -> Service:
    """Return a unit of the user's systemd."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    unit = f"{NAME}.service"
    systemctl = ("systemctl", "--user")
    return Service(
        file=home / "systemd" / "user" / unit,
        render=unit_file,
        check=(*systemctl, "show-environment"),
        enable=((*systemctl, "daemon-reload"), (*systemctl, "enable", unit)),
        start=((*systemctl, "start", "--no-block", unit),),
        stop=((*systemctl, "disable", "--now", unit),),
        forget=((*systemctl, "daemon-reload"),),
        running=((*systemctl, "is-active", unit), "active"),
        log=f"journalctl --user -u {NAME}",
    )


def unit_file(start: Start) -> bytes:
    """Return the unit (systemd.service(5))."""
    lines = [
        f"[Unit]\nDescription={DESCRIPTION}\n\n[Service]",
        f"ExecStart=:{' '.join(map(_quoted, start.command))}",
        f"WorkingDirectory=-{str(start.folder).replace('%', '%%')}",
        *(f"Environment={_quoted(f'{name}={v}')}" for name, v in start.environment.items()),
        "SuccessExitStatus=31 130",  # nothing is unfinished; stopped
        f"KillMode=mixed\nTimeoutStopSec={STOP_SECONDS}",
    ]
    if start.lasting:  # a setting that was refused would be refused again
        lines.append(f"Restart=on-failure\nRestartSec={RESTART_SECONDS}")
        lines.append("RestartPreventExitStatus=2 3 4")
    lines.append("\n[Install]\nWantedBy=default.target\n")
    return "\n".join(lines).encode()


def _quoted(word: str) -> str:
    """Return a word as systemd reads it: "Command lines" in systemd.service(5)."""
    escaped = (f"\\x{ord(c):02x}" if ord(c) < 32 or c in '\\"' else c for c in word)
    return f'"{"".join(escaped)}"'.replace("%", "%%")


# --- macOS ----------------------------------------------------------------------------------------


def launchd() -> Service:
    """Return an agent of launchd, which starts it when it is loaded, and loads it at login."""
    file = Path.home() / "Library" / "LaunchAgents" / f"{NAME}.plist"
    domain = f"gui/{os.getuid()}"
    return Service(
        file=file,
        render=lambda start: plistlib.dumps(agent(start)),
        check=None,
        enable=(),
        start=(("launchctl", "bootstrap", domain, str(file)),),
        stop=(("launchctl", "bootout", f"{domain}/{NAME}"),),
        forget=(),
        running=(("launchctl", "print", f"{domain}/{NAME}"), "pid = "),
        log=_mac_log(),
    )


def agent(start: Start) -> dict[str, Any]:
    """Return the property list of the agent (launchd.plist(5))."""
    keep = {"KeepAlive": {"SuccessfulExit": False}, "ThrottleInterval": RESTART_SECONDS}
    return {
        "Label": NAME,
        "ProgramArguments": list(start.command),
        "WorkingDirectory": str(start.folder),
        "EnvironmentVariables": start.environment,
        "RunAtLoad": True,
        "ExitTimeOut": STOP_SECONDS,
        "StandardOutPath": _mac_log(),
        "StandardErrorPath": _mac_log(),
        **(keep if start.lasting else {}),
    }


def _mac_log() -> str:
    return str(Path.home() / "Library" / "Logs" / f"{NAME}.log")


# --- Windows --------------------------------------------------------------------------------------


def task_scheduler() -> Service:
    """Return a task of the Task Scheduler."""
    file = platformdirs.user_state_path(NAME, appauthor=False) / "task.xml"
    named = ("/TN", NAME)
    return Service(
        file=file,
        render=task,
        check=None,
        enable=(("schtasks", "/Create", *named, "/XML", str(file), "/F"),),
        start=(("schtasks", "/Run", *named),),
        stop=(("schtasks", "/End", *named),),
        forget=(("schtasks", "/Delete", *named, "/F"),),
        running=(("schtasks", "/Query", *named, "/FO", "LIST"), "Running"),
        log="the window that it opens",
    )


def task(start: Start) -> bytes:
    """Return the task as XML in UTF-16. It has no variables of its own but gets the user's."""
    user = f"{os.environ.get('USERDOMAIN', '.')}\\{os.environ.get('USERNAME', '')}"
    restart = {"RestartOnFailure": {"Interval": f"PT{RESTART_SECONDS}S", "Count": "999"}}
    principal = {"UserId": user, "LogonType": "InteractiveToken", "RunLevel": "LeastPrivilege"}
    root = ET.Element("Task", {"version": "1.2", "xmlns": _SCHEMA})
    tree = {
        "RegistrationInfo": {"Description": DESCRIPTION},
        "Triggers": {"LogonTrigger": {"Enabled": "true", "UserId": user}},
        "Principals": {"Principal": principal},
        # Else it would end after three days, and without mains.
        "Settings": {
            **(restart if start.lasting else {}),
            "MultipleInstancesPolicy": "IgnoreNew",
            "DisallowStartIfOnBatteries": "false",
            "StopIfGoingOnBatteries": "false",
            "ExecutionTimeLimit": "PT0S",
        },
        "Actions": {
            "Exec": {
                "Command": start.command[0],
                "Arguments": subprocess.list2cmdline(start.command[1:]),
                "WorkingDirectory": str(start.folder),
            }
        },
    }
    _add(root, tree)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{text}'.encode("utf-16")


def _add(parent: ET.Element, tree: dict[str, Any]) -> None:
    for name, value in tree.items():
        child = ET.SubElement(parent, name)
        if isinstance(value, dict):
            _add(child, value)
        else:
            child.text = value
