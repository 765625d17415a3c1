"""What every system's way to start a program at login has to offer."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tsuzuki.errors import ResourceError

NAME = "tsuzuki"
DESCRIPTION = "Tsuzuki: goes on with unfinished videos"
SECONDS = 30.0
"""Time that the system's own commands are given."""
STOP_SECONDS = 20
"""Time to save what is finished; it takes less than ten."""
RESTART_SECONDS = 60


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What is started."""

    command: tuple[str, ...]
    folder: Path
    """Working folder."""
    environment: dict[str, str] = {}
    lasting: bool = False
    """Whether it runs until it is stopped, and so is started again if it fails."""


class Status(NamedTuple):
    """How things stand."""

    installed: bool
    running: bool
    where: str
    """The file, or the name, that holds the service."""


class Service(ABC):
    """Starts one command of this user at login."""

    log_hint: str
    """Where what it writes can be read."""

    @abstractmethod
    def install(self, start: Start, *, now: bool) -> None:
        """Have it started at each login, and with ``now`` at once; replaces an earlier one.

        Raises `ResourceError` where the system does not offer that.
        """

    @abstractmethod
    def remove(self) -> bool:
        """Stop it and leave nothing of it; False where there was nothing."""

    @abstractmethod
    def status(self) -> Status:
        """Tell how things stand."""


def ask(*words: str) -> str | None:
    """Run a command of the system; return what it wrote, or None where it failed."""
    try:
        return order(*words)
    except ResourceError:
        return None


def order(*words: str) -> str:
    """Run a command of the system; raises `ResourceError` with what it wrote where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and our own paths, no shell
            words,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResourceError(f"`{_shown(words)}` did not run: {error}") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise ResourceError(f"`{_shown(words)}` failed: {said}")
    return done.stdout


def _shown(words: Sequence[str]) -> str:
    return " ".join(words)
