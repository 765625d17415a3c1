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
from tsuzuki.language import tr

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Signals that end a run; a system has those that it knows."""
TOGETHER = 0.3
"""Seconds in which signals count as one: terminal, shell and wrappers each send their own."""
PATIENCE = 9.5
"""Seconds from the first signal to the end, whatever the run hangs in."""


@contextmanager
def cancel_on_signals(on_first: Callable[[], None]) -> Iterator[threading.Event]:
    """Give an event that the first signal sets; the second one ends the process at once.

    A run that does not end by itself then is ended. Python's own handlers run between two steps of
    the main thread, which may be waiting in a library; the wake-up socket is written to at once,
    and a thread of its own reads it. A signal that was ignored before (``nohup``) stays so. Works
    in the main thread only.
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


@contextmanager
def answerable() -> Iterator[None]:
    """Let a signal raise `KeyboardInterrupt` where a person is asked something, and do no more."""
    wakeup = signal.set_wakeup_fd(-1)
    handlers = {
        number: signal.signal(number, signal.default_int_handler)
        for number in _numbers()
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)


def _last_words() -> bytes:
    words = tr("Ended at once. What was finished is safe; go on with: tsuzuki resume")
    return f"{words}\n".encode()


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


def _watch(reader: socket.socket, cancel: threading.Event, on_first: Callable[[], None]) -> None:
    ending = {int(number) for number in _numbers()}
    first = 0.0
    with suppress(TimeoutError):
        while data := reader.recv(16):
            if ending.intersection(data):
                if first and time.monotonic() - first > TOGETHER:
                    break
                if not first:
                    first = time.monotonic()
                    _say(on_first)
                    cancel.set()
            if first:
                reader.settimeout(max(0.001, first + PATIENCE - time.monotonic()))
        else:
            return
    _say(lambda: os.write(2, _last_words()))
    os._exit(Cancelled.exit_code)


def _say(call: Callable[[], object]) -> None:
    """Call it in a thread of its own: a terminal may be gone, or take nothing more."""
    saying = threading.Thread(target=_quietly, args=(call,), daemon=True)
    saying.start()
    saying.join(TOGETHER / 2)


def _quietly(call: Callable[[], object]) -> None:
    with suppress(OSError):
        call()
