"""What the events of a run add up to: all that a window shows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tsuzuki.pipeline import events
from tsuzuki.sessions.pace import Forecast
from tsuzuki.sessions.progress import STEPS, ProgressData, StepName, StepStatus

MOST_WARNINGS = 200
_SHARES: dict[StepName, float] = {
    "validate": 0.005,
    "extract": 0.015,
    "upscale": 0.95,
    "combine": 0.03,
}
"""What each step adds to the whole, about."""


@dataclass
class StepState:
    """One of the four steps."""

    status: StepStatus = "pending"
    progress: float = 0.0
    """0 to 100."""
    seconds: float | None = None
    """How long it took; None while it is not done, or where an earlier run did it."""


@dataclass
class RunState:
    """What is known of a run. `take` its events in their order."""

    steps: dict[StepName, StepState] = field(
        default_factory=lambda: {step: StepState() for step in STEPS}
    )
    session_id: str = ""
    folder: str = ""
    output: str = ""
    resumed: bool = False
    frames_done: int | None = None
    frames_total: int | None = None
    frames_again: int = 0
    frames_per_second: float | None = None
    eta: Forecast | None = None
    """Time left of the present step."""
    reused: float | None = None
    disk_used: int | None = None
    last_segment: int | None = None
    """Number of the segment that was sealed last."""
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """Code and sentence of each warning."""
    restarts: int = 0
    """How often the worker process ended and another one took over."""
    restarted_because: str = ""
    """Why it ended the last time."""
    finished: events.Finished | None = None
    stopped: events.Stopped | None = None

    def of_next_run(self, session_id: str | None) -> RunState:
        """Return what is known as another run begins: of the same session, what is done."""
        if session_id is None:
            return RunState()
        return RunState(
            session_id=session_id, frames_done=self.frames_done, frames_total=self.frames_total
        )

    def take(self, event: events.Event) -> None:
        """Add an event."""
        match event:
            case events.SessionOpened():
                self._open(event)
            case events.SegmentSealed():
                self.last_segment = event.segment
            case events.ResumeReport():
                self.frames_again = event.frames_again
            case events.Warned():
                if len(self.warnings) < MOST_WARNINGS:
                    self.warnings.append((event.code, event.message))
            case events.WorkerRestarted():
                self.restarts += 1
                self.restarted_because = event.reason
            case events.Finished():
                self.finished = event
            case events.Stopped():
                self._stop(event)
            case _:
                self._take_step(event)

    def _take_step(self, event: events.Event) -> None:
        match event:
            case events.StepStarted():
                self.steps[event.step].status = "in_progress"
            case events.StepProgressed():
                self._progress(event)
            case events.StepSkipped():
                self.steps[event.step] = StepState("completed", 100.0)
            case events.StepCompleted():
                self.steps[event.step] = StepState("completed", 100.0, event.seconds)
                self.eta = self.frames_per_second = None

    @property
    def step(self) -> StepName | None:
        """The step that is being worked on."""
        return next((s for s in STEPS if self.steps[s].status == "in_progress"), None)

    @property
    def is_over(self) -> bool:
        """Whether the run has said how it ended."""
        return self.finished is not None or self.stopped is not None

    @property
    def progress(self) -> float:
        """How far the job is, 0 to 100: upscaling takes nearly all of the time."""
        if self.finished is not None:
            return 100.0
        return sum(share * self.steps[step].progress for step, share in _SHARES.items())

    def _open(self, event: events.SessionOpened) -> None:
        self.session_id, self.folder = event.session_id, event.folder
        self.output, self.resumed = event.output, event.resumed
        self.frames_done, self.frames_total = event.frames_done, event.frames_total

    def _progress(self, event: events.StepProgressed) -> None:
        step = self.steps[event.step]
        step.status, step.progress = "in_progress", event.progress
        self.eta, self.frames_per_second = _eta(event), event.frames_per_second
        for name in ("frames_done", "frames_total", "reused", "disk_used"):
            if (value := getattr(event, name)) is not None:
                setattr(self, name, value)

    def _stop(self, event: events.Stopped) -> None:
        self.stopped = event
        self.eta = self.frames_per_second = None
        if (step := self.step) is not None and event.code != "cancelled":
            self.steps[step].status = "failed"


def _eta(event: events.StepProgressed) -> Forecast | None:
    if event.eta is None:
        return None
    low = event.eta if event.eta_low is None else event.eta_low
    high = event.eta if event.eta_high is None else event.eta_high
    return Forecast(event.eta, low, high)


def state_of_session(progress: ProgressData) -> RunState:
    """Return what a session on disk tells, as if its run had been watched."""
    state = RunState(
        session_id=progress["session_id"], output=progress.get("output", ""), resumed=True
    )
    for step in STEPS:
        saved = progress["steps"][step]
        done = saved["status"] == "completed"
        state.steps[step] = StepState(saved["status"], 100.0 if done else saved["progress"])
    data: dict[str, Any] = progress["steps"]["upscale"].get("data", {})
    if total := data.get("total"):
        state.frames_total = total
        state.frames_done = sum(b - a + 1 for a, b in data.get("completed", ()))
    return state
