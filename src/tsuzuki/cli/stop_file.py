"""A file that stops a run by appearing: for programs that have no signal to send."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsuzuki.durable import read_bounded
from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline import events

AFTER_SEGMENT = "segment"
"""Word in the file that lets the segment in work be finished first."""
LOOK_SECONDS = 0.25
_LONGEST = 1024


@contextmanager
def cancel_on_file(path: Path | None, cancel: threading.Event) -> Iterator[events.OnEvent]:
    """Set ``cancel`` when the file is there, or at the end of the segment that is in work then.

    Gives a function that has to be called with every event.
    """
    after_segment, over = threading.Event(), threading.Event()

    def watch() -> None:
        assert path is not None
        while not over.wait(LOOK_SECONDS):
            wish = _wish(path)
            if wish is None:
                after_segment.clear()
            elif wish == AFTER_SEGMENT:
                after_segment.set()
            else:
                cancel.set()

    def heard(event: events.Event) -> None:
        if after_segment.is_set() and _nothing_is_lost(event):
            cancel.set()

    watcher = threading.Thread(target=watch, name="stop-file", daemon=True)
    if path is not None:
        watcher.start()
    try:
        yield heard
    finally:
        over.set()
        if path is not None:
            watcher.join()


def _wish(path: Path) -> str | None:
    """Return what the file says; None while there is none."""
    try:
        return read_bounded(path, _LONGEST).decode(errors="replace").strip()
    except FileNotFoundError:
        return None
    except (OSError, TsuzukiError):  # something is there: whoever put it there wants a stop
        return ""


def _nothing_is_lost(event: events.Event) -> bool:
    """Tell whether no segment is open at this moment."""
    match event:
        case events.SegmentSealed():
            return True
        case events.StepStarted() | events.StepProgressed() | events.StepCompleted():
            return event.step in {"validate", "extract"}
    return False
