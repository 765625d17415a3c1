"""The queue: one job after the other, each a process of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from tsuzuki.errors import TsuzukiError
from tsuzuki.gui.jobs import Job, JobStore
from tsuzuki.gui.process import JobProcess
from tsuzuki.gui.state import RunState
from tsuzuki.pipeline import events

_log = logging.getLogger(__name__)

LOOK_MS = 200
"""How often the processes are looked after."""
MOST_SECONDS = 0.03
"""Time that reading takes at once: a window that comes back may have much to read."""
DIED = "died"
"""Code of the end of a process that said nothing of it."""


class Entry:
    """A job with what is known of its run."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.state = RunState()
        self.process: JobProcess | None = None
        self.stopping: str = ""
        """What was asked for: ``now``, ``segment`` or nothing."""

    @property
    def is_running(self) -> bool:
        """Whether its process is being started, or has not been seen to end."""
        return self.job.state == "started"


class Queue(QObject):
    """Jobs in order; at most one runs."""

    changed = Signal(str)
    """A job, by its id, is not what it was."""
    happened = Signal(str, object)
    """A job's run has sent an event."""
    ended = Signal(str)
    """The run of a job is over; its ``outcome`` says how."""
    reordered = Signal()
    """Jobs came, went or changed places."""
    drained = Signal()
    """Nothing is left to do."""
    _launched = Signal(str, object, object)
    """A job has its process, or an error that kept it from having one."""

    def __init__(self, store: JobStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.store = store
        self._entries: dict[str, Entry] = {}
        self._writer = ThreadPoolExecutor(1, "queue")
        self._held = True
        """Whether waiting jobs are left waiting."""
        for job in store.load():
            self._entries[job.id] = self._found(job)
        self._launched.connect(self._on_launched, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def entries(self) -> list[Entry]:
        """Return all jobs in their order."""
        return list(self._entries.values())

    def entry(self, job_id: str) -> Entry:
        """Return a job; KeyError for one that is gone."""
        return self._entries[job_id]

    def get(self, job_id: str | None) -> Entry | None:
        """Return a job, or None where there is none."""
        return self._entries.get(job_id or "")

    @property
    def running(self) -> Entry | None:
        """The job that is at work."""
        return next((entry for entry in self._entries.values() if entry.is_running), None)

    @property
    def has_work(self) -> bool:
        """Whether something runs, or waits to be run."""
        waiting = any(e.job.state == "waiting" for e in self._entries.values())
        return self.running is not None or (waiting and not self._held)

    # What the person wants

    def add(self, job: Job) -> str:
        """Put a job at the end; return its id."""
        number = 1 + max((e.job.number for e in self._entries.values()), default=0)
        entry = self._entries[job.id] = Entry(job)
        self._keep(entry, number=number)
        self.reordered.emit()
        return job.id

    def start(self) -> None:
        """Work on what waits, one after the other."""
        self._held = False
        self._start_next()

    def hold(self) -> None:
        """Let what waits wait; what runs goes on."""
        self._held = True

    def pause(self, job_id: str, *, after_segment: bool = False) -> None:
        """Have a running job save and stop; what waits then waits, too."""
        entry = self.entry(job_id)
        if not entry.is_running:
            return
        self._held = True
        entry.stopping = "segment" if after_segment else "now"
        if entry.process is not None:
            self._write(lambda stop: stop(after_segment=after_segment), entry.process.stop)
        self.changed.emit(job_id)

    def resume(self, job_id: str, **changes: Any) -> None:
        """Go on with a job that has stopped, next of all; ``changes`` are fields of `Job`.

        What is taken over from another machine is so once: later that one may have it again.
        """
        entry = self.entry(job_id)
        if entry.is_running:
            if entry.stopping == "segment":
                self._write(self.store.ask_to_go_on, job_id)
                entry.stopping = ""
                self.changed.emit(job_id)
            return
        changes = {"take_over": False, **changes}
        self._keep(entry, state="waiting", outcome="", pid=None, **changes)
        self._held = False
        if self.running is None:
            self._begin(entry)
        else:
            self.move(job_id, to=0)

    def allow_sleep(self, allowed: bool) -> None:  # noqa: FBT001 - as Qt's setEnabled
        """Have all jobs let the computer sleep, or not; one that runs when it starts again."""
        for entry in self.entries():
            self._keep(entry, allow_sleep=allowed)

    def session_moved(self, session_id: str, sessions_dir: str | None) -> None:
        """Have the jobs of a session know the sessions folder that it is in now."""
        for entry in self.entries():
            if session_id in {entry.job.session_id, entry.state.session_id}:
                self._keep(entry, sessions_dir=sessions_dir)

    def remove(self, job_id: str) -> None:
        """Take a job that does not run out of the queue; its session stays."""
        entry = self.entry(job_id)
        if entry.is_running:
            return
        del self._entries[job_id]
        self._write(self.store.remove, job_id)
        self.reordered.emit()

    def move(self, job_id: str, *, to: int) -> None:
        """Move a job to another place, from 0."""
        order = [one for one in self._entries if one != job_id]
        order.insert(max(0, to), job_id)
        self._entries = {one: self._entries[one] for one in order}
        for number, entry in enumerate(self._entries.values(), 1):
            if entry.job.number != number:
                self._keep(entry, number=number)
        self.reordered.emit()

    # What happens

    def look(self) -> None:
        """Read what the processes report, and see which have ended."""
        for entry in self.entries():
            if entry.process is not None:
                self._look_at(entry, entry.process)

    def _look_at(self, entry: Entry, process: JobProcess) -> None:
        running = process.is_running  # before reading: what it says last is read, too
        until = time.monotonic() + MOST_SECONDS
        while news := process.news():
            for event in news:
                entry.state.take(event)
                self.happened.emit(entry.job.id, event)
                if isinstance(event, events.SessionOpened):
                    self._keep(entry, session_id=event.session_id, output=event.output)
            if time.monotonic() > until:
                break
        self.changed.emit(entry.job.id)
        if not running and not process.is_behind:
            self._finish(entry, process.last_words)

    def _finish(self, entry: Entry, last_words: str) -> None:
        state = entry.state
        if not state.is_over:
            state.stopped = events.Stopped(
                session_id=state.session_id,
                code=DIED,
                exit_code=1,
                message=last_words,
                resume_command=None,
            )
        entry.process, entry.stopping = None, ""
        stopped = state.stopped
        outcome = "paused" if stopped is not None and stopped.code == "cancelled" else "failed"
        if state.finished is not None:
            outcome = "finished"
        self._keep(entry, state="ended", outcome=outcome, pid=None)
        self.ended.emit(entry.job.id)
        self._start_next()
        if not self._held and not self.has_work:
            self._held = True
            self.drained.emit()

    def _start_next(self) -> None:
        if self._held or self.running is not None:
            return
        for entry in self.entries():
            if entry.job.state == "waiting":
                self._begin(entry)
                return

    def _begin(self, entry: Entry) -> None:
        entry.state = entry.state.of_next_run(entry.job.session_id)
        # Kept before it starts: a window killed in between must not start a second process.
        self._keep(entry, state="started", outcome="")
        self._writer.submit(self._launch, entry.job)

    def _launch(self, job: Job) -> None:
        """Start the process of a job; in the thread that writes."""
        try:
            self._launched.emit(job.id, JobProcess.start(self.store, job), None)
        except Exception as error:  # noqa: BLE001 - else the job would seem to run for ever
            self._launched.emit(job.id, None, error)

    def _on_launched(
        self, job_id: str, process: JobProcess | None, error: Exception | None
    ) -> None:
        entry = self._entries[job_id]  # what runs is not removed
        if process is None:
            self._finish(entry, str(error))
            return
        entry.process = process
        # What was agreed to, or asked to be thrown away, was so for this run.
        self._keep(entry, pid=process.pid, restart=False, overwrite=False)
        if entry.stopping:
            self.pause(job_id, after_segment=entry.stopping == "segment")

    def close(self) -> None:
        """Look after the jobs no more; they run on."""
        self._timer.stop()
        self._writer.shutdown()

    def _keep(self, entry: Entry, **changes: Any) -> Future[None]:
        """Change a job; the future is done when that is on disk."""
        entry.job = msgspec.structs.replace(entry.job, **changes)
        written = self._write(self.store.save, entry.job)
        self.changed.emit(entry.job.id)
        return written

    def _write(self, call: Callable[[Any], None], what: object) -> Future[None]:
        """Write in a thread, in order: a flush may take longer than a window may stand still."""

        def write() -> None:
            try:
                call(what)
            except (TsuzukiError, ValueError) as error:  # a full disk, a name that is no Unicode
                _log.warning("%s", error)

        return self._writer.submit(write)

    def _found(self, job: Job) -> Entry:
        """Return a job of an earlier window; one that runs is watched again."""
        entry = Entry(job)
        if job.state == "waiting":
            return entry
        process = JobProcess(self.store, job, None)
        if job.state == "started":
            entry.process = process
            self._held = False
            return entry
        for event in process.head_and_tail():
            entry.state.take(event)
        return entry
