"""Ctrl-C and its relatives: they only set a flag, and the run saves and ends by itself."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tsuzuki.errors import Cancelled

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Signals that end a run; a system has those that it knows."""
TOGETHER = 0.3
"""Seconds in which signals count as one: terminal, shell and wrappers each send their own."""


@contextmanager
def cancel_on_signals(on_first: Callable[[], None]) -> Iterator[threading.Event]:
    """Give an event that the first signal sets; the second one ends the process at once.

    Python's own handlers run between two steps of the main thread, which may be waiting in a
    library; the wake-up socket is written to at once, and a thread of its own reads it. A signal
    that was ignored before (``nohup``) stays so. Works in the main thread only.
    """
    cancel = threading.Event()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    watcher = threading.Thread(
        target=_watch, args=(reader, cancel, on_first), name="signals", daemon=True
    )
    watcher.start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    handlers = {
        number: signal.signal(number, lambda *_: None)
        for number in _numbers()
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield cancel
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        writer.close()
        watcher.join()
        reader.close()


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


def _watch(reader: socket.socket, cancel: threading.Event, on_first: Callable[[], None]) -> None:
    ending = {int(number) for number in _numbers()}
    first = 0.0
    while data := reader.recv(16):
        if not ending.intersection(data):
            continue
        if not cancel.is_set():
            first = time.monotonic()
            cancel.set()
            with suppress(OSError):  # the terminal may be what has gone
                on_first()
        elif time.monotonic() - first > TOGETHER:
            os._exit(Cancelled.exit_code)
