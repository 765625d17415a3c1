"""The real command as a victim, and what it is compared with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Who = Literal["both", "runner", "worker"]
SECONDS = 120.0
"""No run of these tests takes so long."""


class Victim:
    """The real command in a process group of its own, and the events that it told."""

    def __init__(self, arguments: list[str], stderr: Path) -> None:
        self._stderr = stderr
        self._news = threading.Condition()
        self.events: list[dict[str, Any]] = []
        self.heard: list[float] = []
        """When each event was heard."""
        with stderr.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tsuzuki", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> bool:
        """Wait for an event; False where the command ended without it."""
        seen = 0
        with self._news:
            while True:
                if any(map(wanted, self.events[seen:])):
                    return True
                if not self._reader.is_alive():
                    return False
                seen = len(self.events)
                self._news.wait(0.05)

    def workers(self) -> list[int]:
        """Return the process ids of the command's children."""
        pids: list[int] = []
        tasks = Path(f"/proc/{self.process.pid}/task")
        if tasks.is_dir():
            for children in tasks.glob("*/children"):
                with contextlib.suppress(OSError):
                    pids += map(int, children.read_text().split())
            return pids
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True)
        pairs = [map(int, line.split()) for line in table.stdout.splitlines()]
        return [pid for pid, parent in pairs if parent == self.process.pid]

    def kill(self, who: Who) -> None:
        """Kill runner and worker together, or one of them alone."""
        with contextlib.suppress(ProcessLookupError):
            if who == "both":
                os.killpg(self.process.pid, signal.SIGKILL)
            elif who == "runner":
                self.process.kill()
            else:
                for pid in self.workers():
                    os.kill(pid, signal.SIGKILL)

    def end(self, timeout: float = SECONDS) -> int:
        """Wait until the command has ended and everything it told was heard."""
        code = self.process.wait(timeout)
        self._reader.join(timeout)
        return code

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind."""
        return [event for event in self.events if event["event"] == kind]

    @property
    def step(self) -> str:
        """The step in which the command is, or was when it died; opening before, leaving after."""
        step = "opening"
        for event in self.events:
            if event["event"] == "step-started":
                step = event["step"]
        return "leaving" if self.all("finished") else step

    @property
    def frames_computed(self) -> int:
        """Frames computed by this run, as far as it told."""
        told = [event.get("frames_computed") for event in self.events if event["event"] != SEALED]
        return max((number for number in told if number is not None), default=0)

    @property
    def frames_before(self) -> int:
        """Frames that this run found safe."""
        opened = self.all("session-opened")
        return opened[0]["frames_done"] if opened else 0

    @property
    def errors(self) -> str:
        """What the command wrote to stderr."""
        return self._stderr.read_text()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                with self._news:
                    if line.endswith(b"\n"):  # a kill may cut the last one
                        self.heard.append(time.monotonic())
                        self.events.append(json.loads(line))
                    self._news.notify_all()


SEALED = "segment-sealed"


class Command:
    """``tsuzuki upscale`` of one clip with some options; run it again until the output is there."""

    def __init__(self, clip: Path, folder: Path, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        self.clip = clip
        self.folder = folder
        self.output = folder / "out.mkv"
        self.sessions = folder / "sessions"
        self.options = options
        self._started: list[Victim] = []

    @property
    def arguments(self) -> list[str]:
        """What it is called with."""
        arguments = ["upscale", str(self.clip), "-o", str(self.output), "--json", "--allow-sleep"]
        return [*arguments, "--sessions-dir", str(self.sessions), *self.options]

    def start(self) -> Victim:
        """Start it and do not wait."""
        victim = Victim(self.arguments, self.folder / f"stderr-{len(self._started)}.txt")
        self._started.append(victim)
        return victim

    def run(self) -> Victim:
        """Run it undisturbed; it has to succeed."""
        victim = self.start()
        assert victim.end() == 0, victim.errors
        return victim

    def digest(self) -> str:
        """Return the digest of the output."""
        return hashlib.sha256(self.output.read_bytes()).hexdigest()

    def has_session(self) -> bool:
        """Tell whether a session is left; one that is being removed has lost its name first."""
        names = (path.parent.name for path in self.sessions.glob("*/progress.json"))
        return any(re.fullmatch("[0-9a-f]{12}", name) for name in names)

    def close(self) -> None:
        """Leave nothing running."""
        for victim in self._started:
            if victim.process.poll() is None:
                os.killpg(victim.process.pid, signal.SIGKILL)
            victim.end()


class Undisturbed:
    """An uninterrupted run: its digest, and how long its steps took."""

    def __init__(self, command: Command) -> None:
        victim = command.run()
        self.digest = command.digest()
        self.frames = victim.all("finished")[0]["frames"]
        self.seconds = victim.heard[-1] - victim.heard[0]
        self.steps = {event["step"]: event["seconds"] for event in victim.all("step-completed")}
