"""The worker process: the only place where native code runs on the user's data.

It may be killed at any instant, by anyone: what it leaves behind is either complete or garbage.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import traceback
from typing import Any, BinaryIO

from tsuzuki.errors import OutOfMemoryError, TsuzukiError
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.jobs import build_index, make_plan, show
from tsuzuki.pipeline.outlook import Lookout, try_out
from tsuzuki.pipeline.quality import compare
from tsuzuki.pipeline.render import Renderer
from tsuzuki.video.compare import compare as compare_files


def main() -> None:
    """Serve the runner at the other end of stdin and stdout until it is gone."""
    reader, writer = _claim_standard_streams()
    _ignore_signals()
    _die_with_parent()
    Worker(m.Channel(reader, writer, m.Request)).serve()


class Worker:
    """Takes requests in the main thread and works on them in others.

    So a `Stop`, or the end of the runner, is noticed at once, whatever native code is doing.
    """

    def __init__(self, channel: m.Channel) -> None:
        self._channel = channel
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._renderer: Renderer | None = None
        self._lookout: Lookout
        self._failed = threading.Lock()

    def serve(self) -> None:
        """Handle requests; never returns."""
        threading.Thread(target=self._work, name="work", daemon=True).start()
        while (request := self._channel.receive()) is not None:
            match request:
                case m.Stop():
                    self._stop()
                case m.Open():
                    self._open(request)
                case m.Committed():
                    self._session.spooler.forget(range(request.first, request.last))
                case m.Render():
                    self._session.submit(request)
                case _:
                    self._requests.put(request)
        os._exit(1)  # the runner is gone; threads in native code would keep the process alive

    @property
    def _session(self) -> Renderer:
        assert self._renderer is not None, "nothing was opened"
        return self._renderer

    def _open(self, request: m.Open) -> None:
        """Work on a session before the next request is read: that may be to render some of it."""
        try:
            self._renderer = Renderer(request, self._channel.send, self._fail)
        except BaseException as error:  # noqa: BLE001 - it ends the process
            self._fail(error)
        self._lookout = Lookout(request.plan, request.index)
        self._channel.send(m.Opened())

    def _stop(self) -> None:
        if self._renderer is not None:
            self._renderer.spooler.flush()
        self._channel.send(m.Stopped())
        os._exit(0)

    def _work(self) -> None:
        try:
            while True:
                self._channel.send(self._answer(self._requests.get()))
        except BaseException as error:  # noqa: BLE001 - outermost layer of this thread
            self._fail(error)

    def _answer(self, request: Any) -> m.Message:
        answer: m.Message
        match request:
            case m.MakePlan():
                answer = m.PlanMade(plan=make_plan(request))
            case m.Look() | m.Survey() | m.TakeStills() | m.Preview():
                answer = show(request)
            case m.BuildIndex():
                answer = m.IndexBuilt(index=build_index(request.plan, self._progress))
            case m.TryOut():
                answer = try_out(request.plan, self._progress)
            case m.Compare():
                answer = compare(request.plan, self._progress, request.every)
            case m.CompareFiles():
                both = request.first, request.second
                found, sheet = compare_files(*both, self._progress, sheet=request.sheet)
                answer = m.FilesCompared(comparison=found, sheet=sheet)
            case _:
                answer = self._answer_of_session(request)
        return answer

    def _answer_of_session(self, request: Any) -> m.Message:
        """Answer what is asked once a session is open."""
        match request:
            case m.LookAhead():
                if request.seconds is None:
                    return self._lookout.glance()
                return self._lookout.look(request.first, request.seconds)
            case m.Cut():
                return self._session.cut(request)
            case m.ExtractFrames():
                return m.FramesExtracted(failed=self._session.extract(self._progress))
            case m.Combine():
                return self._session.combine(request, self._progress)
        raise AssertionError(f"unknown request {request!r}")

    def _progress(self, done: float) -> None:
        self._channel.send(m.Progress(done=done))

    def _fail(self, error: BaseException) -> None:
        """Tell the runner and end the process: the first failure counts."""
        self._failed.acquire()
        try:
            self._channel.send(_failure(error))
        finally:
            os._exit(1)


def _failure(error: BaseException) -> m.Failure:
    if isinstance(error, MemoryError) and not isinstance(error, TsuzukiError):
        error = OutOfMemoryError(
            "There is too little memory to go on. Close other programs and run `tsuzuki resume`; "
            "with --tile-size 128, or a smaller number, it takes less from the next segment on."
        )
    if isinstance(error, TsuzukiError):
        return m.Failure(code=error.code, message=error.message, details=error.details)
    return m.Failure(
        code="worker",
        message=f"The worker failed unexpectedly: {type(error).__name__}: {error}",
        details={},
        traceback="".join(traceback.format_exception(error)),
    )


def _claim_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for messages: whatever else prints goes to stderr."""
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as null:  # noqa: PTH123 - a device, not a path
        os.dup2(null.fileno(), 0)
    os.dup2(2, 1)
    return reader, writer


def _ignore_signals() -> None:
    """Leave Ctrl-C, closing the terminal and the like to the runner, which saves first."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)


def _die_with_parent() -> None:
    """On Linux, have the kernel kill this process with the runner, even while it is stopped."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415

    pr_set_pdeathsig = 1  # prctl(2)
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
