"""The runner's end of a worker process."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO, cast

from tsuzuki.errors import WorkerError
from tsuzuki.pipeline.messages import Channel, Message, Report

_log = logging.getLogger(__name__)

DYING_SECONDS = 5.0
"""Time from the end of its messages to the end of a worker, at most."""
PROGRAM = "from tsuzuki.pipeline.worker import main; main()"
"""What a worker runs."""


class WorkerProcess:
    """A child process that renders; it dies with this one, whatever becomes of this one.

    Messages from it are in ``inbox``, in order; None follows the last one when it is gone.
    ``news`` is set with each of them.
    """

    def __init__(self, news: threading.Event | None = None) -> None:
        self._news = news or threading.Event()
        # -P: a file named like a module in the current folder must not be run.
        self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        self._channel = Channel(
            cast(BinaryIO, self._process.stdout), cast(BinaryIO, self._process.stdin), Report
        )
        # No SimpleQueue: a signal during its timed get can make it wait for ever (CPython 3.11).
        self.inbox: queue.Queue[Any] = queue.Queue()
        self._last_words: deque[str] = deque(maxlen=20)
        self._threads = [
            threading.Thread(target=self._read_messages, name="worker-inbox", daemon=True),
            threading.Thread(target=self._read_stderr, name="worker-stderr", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, message: Message) -> None:
        """Send a request. That the worker is gone shows in the inbox, not here."""
        data = self._channel.encode(message)
        with contextlib.suppress(OSError, ValueError):
            self._channel.send_encoded(data)

    def close(self, timeout: float = 0.0) -> None:
        """Let the worker end by itself for ``timeout`` seconds, then kill it."""
        try:
            self._process.wait(timeout) if timeout else self._process.kill()
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                stream.close() if stream else None

    def death(self) -> WorkerError:
        """Describe how the worker ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(DYING_SECONDS)
        self._process.kill()  # it may have sent nonsense and live on
        code = self._process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        words = " ".join(self._last_words)
        return WorkerError(
            f"The worker process {how}."
            + (f" Its last words were: {words[-500:]}" if words else ""),
            returncode=code,
        )

    def _read_messages(self) -> None:
        try:
            while (message := self._channel.receive()) is not None:
                self.inbox.put(message)
                self._news.set()
        except (OSError, ValueError):
            _log.exception("the worker sent something unreadable")
        finally:
            self.inbox.put(None)
            self._news.set()

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            text = line.decode(errors="replace").rstrip()
            self._last_words.append(text)
            _log.debug("worker: %s", text)


def environment() -> dict[str, str]:
    """Return this process's environment for a child, with this very package importable."""
    home = str(Path(__file__).resolve().parents[2])
    paths = [home, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, paths))),
        # glibc: memory of frames goes back when it is free, and what a thread has freed serves all.
        "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
        "MALLOC_ARENA_MAX": "1",
        "SVT_LOG": "1",  # only errors: SVT-AV1 writes to stderr past FFmpeg's log
    }
