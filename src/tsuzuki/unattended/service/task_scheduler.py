"""Windows: a task of the Task Scheduler."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from tsuzuki.errors import SettingsError
from tsuzuki.unattended.service.base import (
    DESCRIPTION,
    RESTART_SECONDS,
    Service,
    Start,
    Status,
    ask,
    order,
)

TASK = "Tsuzuki"
SCHEMA = "http://schemas.microsoft.com/windows/2004/02/mit/task"


class TaskScheduler(Service):
    """The task ``Tsuzuki``."""

    log_hint = "the window that it opens"

    def install(self, start: Start, *, now: bool) -> None:
        """Create the task from a file of XML, and with ``now`` run it."""
        if "TSUZUKI_NOTIFY" in start.environment:
            raise SettingsError(
                "A task of Windows has no environment of its own. Set TSUZUKI_NOTIFY for your "
                "user with setx, and leave --notify out."
            )
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "task.xml"
            file.write_bytes(task(start))
            order("schtasks", "/Create", "/TN", TASK, "/XML", str(file), "/F")
        if now:
            order("schtasks", "/Run", "/TN", TASK)

    def remove(self) -> bool:
        """End and delete the task."""
        if not self.status().installed:
            return False
        ask("schtasks", "/End", "/TN", TASK)
        order("schtasks", "/Delete", "/TN", TASK, "/F")
        return True

    def status(self) -> Status:
        """Tell whether there is the task; what its state is called depends on the language."""
        found = ask("schtasks", "/Query", "/TN", TASK, "/FO", "LIST")
        return Status(found is not None, "Running" in (found or ""), f"task {TASK}")


def task(start: Start) -> bytes:
    """Return the task as XML in UTF-16, as the Task Scheduler itself writes it."""
    user = f"{os.environ.get('USERDOMAIN', '.')}\\{os.environ.get('USERNAME', '')}"
    restart = {"RestartOnFailure": {"Interval": f"PT{RESTART_SECONDS}S", "Count": "999"}}
    tree = {
        "RegistrationInfo": {"Description": DESCRIPTION},
        "Triggers": {"LogonTrigger": {"Enabled": "true", "UserId": user}},
        "Principals": {
            "Principal": {
                "UserId": user,
                "LogonType": "InteractiveToken",
                "RunLevel": "LeastPrivilege",
            }
        },
        # In the order of the schema. The usual settings would end it after three days, and
        # without mains.
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
    root = ET.Element("Task", {"version": "1.2", "xmlns": SCHEMA})
    _add(root, tree)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{text}'.encode("utf-16")


def _add(parent: ET.Element, tree: dict[str, object]) -> None:
    for name, value in tree.items():
        child = ET.SubElement(parent, name)
        if isinstance(value, dict):
            _add(child, value)
        else:
            child.text = str(value)
