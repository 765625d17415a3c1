"""A few seconds of a video, upscaled for real: to look at, and to judge the whole by."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from tsuzuki.durable import ScratchFolder
from tsuzuki.errors import TsuzukiError
from tsuzuki.gui.jobs import JobStore, new_job
from tsuzuki.gui.process import JobProcess
from tsuzuki.gui.queue import LOOK_MS
from tsuzuki.gui.state import RunState
from tsuzuki.language import tr
from tsuzuki.pipeline.estimate import Trial, estimate
from tsuzuki.pipeline.plan import Plan
from tsuzuki.sentences import told
from tsuzuki.settings import ProcessingSettings
from tsuzuki.text import duration, size

SECONDS = 3


def estimate_text(plan: Plan, trial: Trial) -> str:
    """Return what the whole video will take."""
    found = estimate(plan, trial)
    return tr(
        "The whole video takes about {time}. The output will have about {output}, and the work "
        "needs about {work} beside it until it is complete."
    ).format(
        time=duration(found.seconds), output=size(found.output_size), work=size(found.work_size)
    )


def start_near(moment: float, length: float) -> float:
    """Return the moment to start a trial at, so that it lies within the video."""
    return max(0.0, min(moment, length - SECONDS))


class TrialRun(QObject):
    """Runs the trial in a folder of its own, which goes with it; after a kill, with the next trial.

    Raises `OSError` or `TsuzukiError` where it cannot begin, as with a full disk.
    """

    progressed = Signal(float)
    """0 to 100."""
    done = Signal(object)
    """What it took, a `Trial`."""
    failed = Signal(str)

    def __init__(
        self,
        video: str,
        settings: ProcessingSettings,
        start: float,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._scratch = ScratchFolder("trial")
        self.folder = self._scratch.path
        self.state = RunState()
        part = msgspec.structs.replace(
            settings, range_start=round(start, 3), range_end=round(start + SECONDS, 3)
        )
        job = new_job(
            video, part, output=str(self.folder), sessions_dir=str(self.folder / "sessions")
        )
        try:
            store = JobStore(self.folder / "window")
            self._process: JobProcess | None = JobProcess.start(store, job)
        except (OSError, TsuzukiError):
            self._scratch.close()
            raise
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    @property
    def output(self) -> Path | None:
        """The clip, once it is complete."""
        finished = self.state.finished
        return None if finished is None else Path(finished.output)

    def close(self) -> None:
        """End what runs, and remove the clip."""
        self._timer.stop()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._scratch.close()

    def _look(self) -> None:
        if (process := self._process) is None:
            return
        running = process.is_running
        for event in process.news():
            self.state.take(event)
        self.progressed.emit(self.state.progress)
        if running or process.is_behind:
            return
        self._timer.stop()
        self._process = None
        finished = self.state.finished
        seconds = self.state.steps["upscale"].seconds
        if finished is not None and seconds is not None:
            self.done.emit(Trial(frames=finished.frames, seconds=seconds, size=finished.size))
        else:
            stopped = self.state.stopped
            self.failed.emit(told(stopped.message) if stopped else process.last_words)
