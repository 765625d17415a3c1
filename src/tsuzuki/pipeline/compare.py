"""Hold one video against another; nothing is written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.video.comparison import Comparison


def compare(
    first: Path, second: Path, on_progress: Callable[[float], None], *, sheet: bool = False
) -> tuple[Comparison, bytes]:
    """Compare two videos in a worker process; see `tsuzuki.video.compare.compare`."""
    supervisor = Supervisor(threading.Event(), lambda _: None)

    def listen(message: m.Message) -> None:
        if isinstance(message, m.Progress):
            on_progress(message.done)

    try:
        names = [str(path.absolute()) for path in (first, second)]
        request = m.CompareFiles(first=names[0], second=names[1], sheet=sheet)
        answer = supervisor.ask(request, m.FilesCompared, listen)
        return answer.comparison, answer.sheet
    finally:
        supervisor.stop(lambda _: None)
