"""Keeps a worker process at work."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tsuzuki.errors import Cancelled, EngineError, SuspiciousFrameError, WorkerError, by_code
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.process import WorkerProcess

_log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
"""How often a wish to stop is looked for."""
SUSPENDED_SECONDS = 5.0
"""A wait that took so much longer than asked for tells that the computer or the program slept."""
STOP_SECONDS = 6.0
"""Time that a worker is given to save what is finished."""
SILENT_SECONDS = 3600.0
"""A worker that is silent so long hangs, before its first frame and outside of rendering: large
networks take minutes a frame, and reading back a large output from a slow disk takes as long."""
HANG_FACTOR, HANG_SECONDS = 20.0, 600.0
"""While rendering, a worker hangs when it says nothing for this many times its slowest frame, and
this long: encoders may need minutes to finish a segment."""
MAX_DEATHS = 3
"""Deaths of workers in a row, without a new finished frame in between, that end the run."""
CANCELLED = "Everything finished is saved."
"""What is said where the user has stopped a run."""

_Answer = TypeVar("_Answer", bound=m.Message)


class Supervisor:
    """Keeps a worker process at work: replaces it when it dies or hangs, stops it on a wish."""

    def __init__(
        self,
        cancel: threading.Event,
        on_restart: Callable[[str], None],
        news: threading.Event | None = None,
    ) -> None:
        self._cancel = cancel
        self._news = news
        self._on_restart = on_restart
        self._worker: WorkerProcess | None = None
        self._opened: m.Open | None = None
        self._deaths = 0
        self._slowest = 0.0
        self._furthest = -1
        self._trouble = ""
        self._stopping = False
        self._heard = time.monotonic()

    @property
    def device(self) -> str | None:
        """What the worker has of the machine, where it shares that with others."""
        return self._opened.device if self._opened else None

    @property
    def worker_pid(self) -> int | None:
        """Process id of the present worker."""
        return self._worker.pid if self._worker else None

    def start(self) -> None:
        """Have a worker process, though there is nothing to ask it yet."""
        self._present()

    def open(self, job: m.Open) -> None:
        """Have this and every later worker work on a session; no answer is waited for."""
        self._opened = job
        self.send(job)

    def ask(
        self,
        request: m.Message,
        answer: type[_Answer],
        on_report: Callable[[m.Message], None] = lambda _: None,
    ) -> _Answer:
        """Send a request and wait for its answer; a worker that dies over it is replaced."""
        self.send(request)
        while True:
            try:
                report = self.receive(silent_seconds=SILENT_SECONDS)
            except WorkerRestartedError:
                self.send(request)
                continue
            if isinstance(report, answer):
                return report
            on_report(report)

    def send(self, request: m.Message) -> None:
        """Send a request whose answer `receive` will bring; while stopping nobody hears it."""
        if not self._stopping:
            self._present().send(request)
            self._heard = time.monotonic()

    def check_cancel(self) -> None:
        """Raise `Cancelled` if the run is to stop."""
        if self._cancel.is_set():
            raise Cancelled(CANCELLED)

    def receive(self, silent_seconds: float | None = None) -> m.Message:
        """Wait for the next message of the worker; see `poll`."""
        while (message := self.poll(POLL_SECONDS, silent_seconds)) is None:
            pass
        return message

    def poll(self, seconds: float, silent_seconds: float | None = None) -> m.Message | None:
        """Return the next message of the worker; None where there is none within ``seconds``.

        The worker may be silent for ``silent_seconds``; by default the time that its frames took
        tells when it hangs. Raises `Cancelled`, the worker's own failure, or `WorkerRestartedError`
        when it was replaced and all requests in flight have to be sent again.
        """
        worker = self._present()
        self.check_cancel()
        asked = time.monotonic()
        heard = True
        try:
            message = worker.inbox.get(block=seconds > 0, timeout=seconds)
        except queue.Empty:
            heard, message = False, None
        if time.monotonic() - asked > SUSPENDED_SECONDS:
            self.forgive_silence()
        if not heard:
            self._check_for_hang(silent_seconds or self._patience())
            return None
        silent, self._heard = time.monotonic() - self._heard, time.monotonic()
        match message:
            case None:
                self._replace(str(worker.death()))
            case m.Failure():
                self._fail(message)
            case m.FrameDone():
                if message.computed and not message.reused:
                    self._slowest = max(self._slowest, message.seconds)
                if self._slowest:  # and what slow encoders were waited for
                    self._slowest = max(self._slowest, silent)
                if message.frame > self._furthest:
                    self._furthest = message.frame
                    self._deaths = 0
        return message  # type: ignore[no-any-return]

    def forgive_silence(self) -> None:
        """Count the worker's silence from now on: everything was suspended, the worker too."""
        self._heard = time.monotonic()

    def begin_to_stop(self) -> None:
        """Have the worker save what is finished; `stop` is to follow."""
        self._stopping = True
        self._deadline = time.monotonic() + STOP_SECONDS
        if self._worker is not None:
            self._worker.send(m.Stop())

    def stop(self, on_report: Callable[[m.Message], None]) -> None:
        """Have the worker save what is finished, then end it, whatever ``on_report`` raises."""
        if not self._stopping:
            self.begin_to_stop()
        worker, self._worker = self._worker, None
        if worker is None:
            return
        try:
            with contextlib.suppress(queue.Empty):
                while True:
                    left = self._deadline - time.monotonic()
                    message = worker.inbox.get(block=left > 0, timeout=max(0.0, left))
                    if message is None or isinstance(message, m.Stopped | m.Failure):
                        break
                    on_report(message)
        finally:
            worker.close()

    def _present(self) -> WorkerProcess:
        if self._worker is None:
            self._worker = WorkerProcess(self._news) if self._news else WorkerProcess()
            self._heard = time.monotonic()
        return self._worker

    def _patience(self) -> float:
        if not self._slowest:
            return SILENT_SECONDS
        return max(HANG_SECONDS, HANG_FACTOR * self._slowest)

    def _check_for_hang(self, limit: float) -> None:
        if time.monotonic() - self._heard > limit:
            self._replace(f"The worker process said nothing for {limit:.0f} s.")

    def _fail(self, failure: m.Failure) -> None:
        if failure.traceback:
            _log.error("worker failed:\n%s", failure.traceback)
        if failure.code == WorkerError.code or self._may_try_again(failure):
            self._replace(failure.message)
        raise by_code(failure.code)(failure.message, **failure.details)

    def _may_try_again(self, failure: m.Failure) -> bool:
        """Tell whether a fresh worker may do better: once for each trouble of an engine."""
        if failure.code not in {EngineError.code, SuspiciousFrameError.code}:
            return False
        again, self._trouble = failure.message == self._trouble, failure.message
        return not again

    def _replace(self, reason: str) -> None:
        """Start a fresh worker, unless too many died already, and tell the caller to ask again."""
        assert self._worker is not None
        self._worker.close()
        self._worker = None
        self._deaths += 1
        _log.warning("%s (%d in a row)", reason, self._deaths)
        if self._deaths >= MAX_DEATHS:
            raise WorkerError(
                f"{reason} This happened {self._deaths} times at the same place, so the work is "
                "paused; everything finished is saved. The session's log may tell more. "
                "Run `tsuzuki resume` to try again, or `tsuzuki upscale` with another --device "
                "for a new session.",
                reason=reason,
            )
        self._on_restart(reason)
        if self._opened is not None:
            self.send(self._opened)
        raise WorkerRestartedError(self, reason)


class WorkerLostError(Exception):
    """What a worker had in work has to be asked for again."""

    def __init__(self, worker: object, reason: str) -> None:
        super().__init__(reason)
        self.worker = worker


class WorkerRestartedError(WorkerLostError):
    """The worker was replaced."""


class WorkerGivenUpError(WorkerLostError):
    """The worker was not replaced; others go on without it."""
