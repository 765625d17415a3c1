"""What sessions report in the log, shown to the person too."""

from __future__ import annotations

import contextlib
import logging

from tsuzuki.cli.text import safe, stderr
from tsuzuki.language import tr
from tsuzuki.sentences import told


class Notes(logging.Handler):
    """Prints warnings to stderr, each as a line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one warning."""
        with contextlib.suppress(OSError):  # it may go to a file, on a disk that is full
            note = tr("Note: {text}").format(text=told(record.getMessage()))
            stderr().print(safe(note), markup=False, soft_wrap=True)


def show_warnings() -> None:
    """Show the warnings of sessions, such as on damaged files; runs tell theirs by events."""
    logging.getLogger("tsuzuki").addHandler(logging.NullHandler())
    sessions = logging.getLogger("tsuzuki.sessions")
    if not any(isinstance(handler, Notes) for handler in sessions.handlers):
        sessions.addHandler(Notes(logging.WARNING))
