"""The real command in a child process, watched through its JSON lines, and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

import tsuzuki
from tsuzuki.errors import WorkerError

OPTIONS = (
    *("--quality", "Fast", "--content", "anime", "--device", "cpu", "--on-existing", "resume"),
    # Small numbers, so that a clip of three seconds meets what a film meets in hours.
    *("--segment-frames", "18", "--loss-budget", "0.5", "--json"),
)


class Outcome(msgspec.Struct, frozen=True):
    """What became of one run."""

    safe_before: int
    """Frames that were safe when the run began."""
    seen: int
    """Frames that it had finished when it was killed, or all."""
    computed: int
    killed: bool


def run(video: Path, output: Path, sessions: Path, *, log: Path) -> Outcome:
    """Upscale to the end."""
    return _follow(_start(video, output, sessions, log), log, kill_at=None, with_worker=False)


def run_and_kill(
    video: Path, output: Path, sessions: Path, *, log: Path, kill_at: int, with_worker: bool
) -> Outcome:
    """Upscale until ``kill_at`` frames are finished, then kill the process where it stands.

    With ``with_worker`` its worker process is killed in the same instant, as by a power cut; else
    the worker is left to notice.
    """
    return _follow(
        _start(video, output, sessions, log), log, kill_at=kill_at, with_worker=with_worker
    )


def _start(video: Path, output: Path, sessions: Path, log: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tsuzuki", "upscale", str(video), "--output", str(output)]
    home = str(Path(tsuzuki.__file__).resolve().parent.parent)
    with log.open("a", encoding="utf-8") as errors:
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            [*command, *OPTIONS, "--sessions-dir", str(sessions)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": home},
            start_new_session=True,  # a process group of its own, to be killed as one
        )


def _follow(
    process: subprocess.Popen[str], log: Path, *, kill_at: int | None, with_worker: bool
) -> Outcome:
    safe = seen = computed = 0
    killed = False
    try:
        for event in _events(process):
            match event["event"]:
                case "session-opened":
                    safe = event["frames_done"]
                case "step-progress" if event["step"] == "upscale":
                    seen = max(seen, event["frames_done"] or 0)
                case "finished":
                    seen, computed = event["frames"], event["frames_computed"]
            if kill_at is not None and not killed and seen >= kill_at:
                _kill(process, with_worker=with_worker)
                killed = True
    finally:
        process.kill()
        code = process.wait()
    if not killed and code != 0:
        words = log.read_text(encoding="utf-8", errors="replace")[-500:]
        raise WorkerError(f"The run failed with code {code}: {words} See {log} for more.")
    return Outcome(safe, seen, computed, killed)


def _events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.endswith("\n"):  # the last line of a killed process may be cut
                yield json.loads(line)
    process.wait()


def _kill(process: subprocess.Popen[str], *, with_worker: bool) -> None:
    if not with_worker:
        process.kill()
    elif sys.platform == "win32":
        tree = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(tree, check=False, capture_output=True)  # noqa: S603 - no shell
    else:
        os.killpg(process.pid, signal.SIGKILL)
