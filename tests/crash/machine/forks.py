"""Runner and worker as real processes that start in milliseconds.

A server without threads has imported everything and forks a runner for each request; the runner
forks its worker. They are killed at a call that changes state, whichever of them comes to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import mmap
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NoReturn

import msgspec

from tsuzuki import pipeline
from tsuzuki.durable import OsPort, write
from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline import events, process, worker
from tsuzuki.pipeline.plan import Plan
from tsuzuki.sessions import SessionManager

SAY = 3
"""Where a runner and its worker tell what happens."""
CALLS = (
    "create", "write", "fsync", "fsync_folder", "replace", "rename_new", "unlink", "mkdir",
    "remove_tree",
)  # fmt: skip
SEALED = re.compile(r"segment_\d{6}(-[0-9a-f]{12}\.mkv|\.json)")
SECONDS = 60.0
"""No run takes so long."""


class Kill(msgspec.Struct, frozen=True):
    """Who dies at which call, counted from 1 over both processes."""

    call: int
    name: str | None = None
    """Count only calls of this name."""
    who: Literal["both", "self"] = "both"
    """``self``: the one of them that comes to it."""


class Pause(msgspec.Struct, frozen=True):
    """What happens after so many events of a kind."""

    event: str
    count: int
    then: Literal["cancel", "freeze"] = "cancel"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner has to do."""

    do: Literal["upscale", "resume", "repair", "remove"]
    options: dict[str, Any]
    say: str
    """File for the events."""
    program: int = 1
    kill: Kill | None = None
    pause: Pause | None = None


class Told:
    """What a run has told, and how it ended."""

    def __init__(self, say: Path, status: int | None) -> None:
        self.events: list[dict[str, Any]] = []
        for line in say.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):  # a kill may cut the last one
                self.events.append(json.loads(line))
        self.killed = status is not None and os.WIFSIGNALED(status)
        self.frozen = status is not None and os.WIFSTOPPED(status)
        (self.error,) = self.all("error") or [None]
        self.code = self.error["code"] if self.error else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind."""
        return [event for event in self.events if event["event"] == kind]

    def one(self, kind: str) -> dict[str, Any] | None:
        """Return the only event of a kind, if it came."""
        (event,) = self.all(kind) or [None]
        return event


class Runner:
    """A runner that has been started."""

    def __init__(self, server: Forks, pid: int, say: Path) -> None:
        self._server, self._say = server, say
        self.pid = pid

    def wait(self) -> Told:
        """Wait until it and its worker are gone, or until it is frozen."""
        return Told(self._say, self._server.ask({"wait": self.pid}))

    def thaw(self) -> None:
        """Let one that is frozen go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it and its worker."""
        os.killpg(self.pid, signal.SIGKILL)


class Forks:
    """The server, as its user sees it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.machine.forks"],
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, do: Any, *, program: int = 1, kill: Any = None, pause: Any = None,
              **options: Any) -> Runner:  # fmt: skip
        """Start a runner."""
        self._count += 1
        say = self._folder / f"told-{self._count % 8}.jsonl"
        say.write_bytes(b"")
        request = Request(
            do=do, options=options, say=str(say), program=program, kill=kill, pause=pause
        )
        return Runner(self, self.ask({"start": msgspec.to_builtins(request, enc_hook=str)}), say)

    def run(self, do: Any, **options: Any) -> Told:
        """Run one to its end, whatever that is."""
        return self.start(do, **options).wait()

    def ask(self, what: dict[str, Any]) -> int:
        """Ask the server."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the server is gone"
        return int(answer)

    def close(self) -> None:
        """End the server."""
        self._process.communicate(timeout=SECONDS)


# --- the server -----------------------------------------------------------------------------------


def serve() -> None:
    """Answer requests for new runners, and for the status of one that has ended or is frozen."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36  # prctl(2): so that workers without a runner can be waited for
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1)
    for line in sys.stdin.buffer:
        match json.loads(line):
            case {"start": request}:
                answer = _fork(lambda: _work(msgspec.convert(request, Request)))
            case {"wait": pid}:
                answer = _wait(pid)
        os.write(1, f"{answer}\n".encode())


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def _wait(pid: int) -> int:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-pid, 0)
    return status


# --- a runner -------------------------------------------------------------------------------------


def _work(request: Request) -> None:
    os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(os.open(request.say, os.O_WRONLY | os.O_APPEND), SAY)
    for fd in (0, 1):
        os.dup2(null, fd)
    sys.addaudithook(_watch_sealed_files)
    write.OsPort = _port(request.kill)  # type: ignore[misc]
    process.subprocess = SimpleNamespace(  # type: ignore[assignment]
        Popen=ForkedWorker, PIPE=None, TimeoutExpired=subprocess.TimeoutExpired
    )
    worker.make_plan = _plans_of(request.program)
    try:
        _do(request)
    except TsuzukiError as error:
        _say({"event": "error", "code": error.code, "message": error.message,
              "details": error.details})  # fmt: skip
    except BaseException as error:  # noqa: BLE001 - told, and judged there
        trace = "".join(traceback.format_exception(error))
        _say({"event": "error", "code": "unexpected", "message": trace, "details": {}})


def _do(request: Request) -> None:
    options = request.options
    match request.do:
        case "repair":
            with SessionManager(options["root"]) as manager:
                repaired = manager.repair_session(options["session_id"])
            _say({"event": "repaired", **msgspec.to_builtins(repaired, enc_hook=str)})
        case "remove":
            with SessionManager(options["root"]) as manager:
                manager.cleanup_session(options["session_id"])
            _say({"event": "removed"})
        case _:
            call = pipeline.upscale if request.do == "upscale" else pipeline.resume
            call(**options, **_listening(request.pause), allow_sleep=True)


def _listening(pause: Pause | None) -> dict[str, Any]:
    cancel, seen = threading.Event(), [0]

    def on_event(event: events.Event) -> None:
        line = events.to_json(event)
        os.write(SAY, line + b"\n")
        if pause is not None and json.loads(line)["event"] == pause.event:
            seen[0] += 1
            if seen[0] == pause.count:
                cancel.set() if pause.then == "cancel" else os.kill(os.getpid(), signal.SIGSTOP)

    return {"on_event": on_event, "cancel": cancel}


def _say(event: dict[str, Any]) -> None:
    os.write(SAY, json.dumps(event, default=str).encode() + b"\n")


def _watch_sealed_files(event: str, arguments: tuple[Any, ...]) -> None:
    """Tell when a segment or a record that has its name is opened for writing or replaced."""
    if event == "open":
        path, _, flags = arguments
        touched = flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC) and not isinstance(path, int)
    elif event == "os.rename":
        path = arguments[1]
        touched = os.path.lexists(path)
    else:
        return
    if touched and SEALED.fullmatch(os.path.basename(os.fsdecode(path))):  # noqa: PTH119
        _say({"event": "rewritten", "path": os.fsdecode(path)})


def _plans_of(program: int) -> Callable[..., Plan]:
    """Return how a version of the program plans: the second one has another default of the crf."""
    return worker.make_plan if program == 1 else lambda request: newer(worker_plan(request))


worker_plan = worker.make_plan


def newer(plan: Plan) -> Plan:
    """Return what the second version of the program makes of it."""
    options = plan.encoding.options
    encoding = msgspec.structs.replace(
        plan.encoding, options={**options, "crf": str(float(options["crf"]) + 9)}
    )
    return msgspec.structs.replace(plan, versions={"tsuzuki": "another"}, encoding=encoding)


class ForkedWorker:
    """What `subprocess.Popen` is for the real worker."""

    def __init__(self, *_: Any, **__: Any) -> None:
        asked, answers, errors = os.pipe(), os.pipe(), os.pipe()
        self.pid = _fork(lambda: self._serve(asked[0], answers[1], errors[1]))
        self._status: int | None = None
        for fd in (asked[0], answers[1], errors[1]):
            os.close(fd)
        self.stdin = os.fdopen(asked[1], "wb")
        self.stdout = os.fdopen(answers[0], "rb")
        self.stderr = os.fdopen(errors[0], "rb")

    def _serve(self, asked: int, answers: int, errors: int) -> NoReturn:
        for fd, place in ((asked, 0), (answers, 1), (errors, 2)):
            os.dup2(fd, place)
        os.closerange(SAY + 1, 256)
        sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), line_buffering=True)
        worker.main()
        raise AssertionError

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while self._status is None:
            pid, status = os.waitpid(self.pid, 0 if end is None else os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("worker", timeout or 0)
            else:
                time.sleep(0.002)
        return self._status

    def kill(self) -> None:
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)


def _port(kill: Kill | None) -> type[OsPort]:
    """Return a port that flushes nothing, since nothing is cut here, and kills at a call."""
    counted = mmap.mmap(-1, 4)
    """Calls of runner and worker, which share it; there is one kill."""

    def is_due(name: str) -> bool:
        if kill is None or kill.name not in {None, name}:
            return False
        count = int.from_bytes(counted, "little") + 1
        counted[:] = count.to_bytes(4, "little")
        return count == kill.call

    def die() -> None:
        if kill is not None and kill.who == "both":
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def call_of(name: str) -> Callable[..., Any]:
        real = getattr(OsPort, name)

        def call(self: OsPort, *arguments: Any) -> Any:
            if is_due(name):
                _half(name, arguments)
                die()
            return None if name.startswith("fsync") else real(self, *arguments)

        return call

    return type("KillingPort", (OsPort,), {name: call_of(name) for name in CALLS})


def _half(name: str, arguments: tuple[Any, ...]) -> None:
    """Do what may be done of a call when the kill comes."""
    if name == "write":
        fd, data = arguments
        os.write(fd, data[: len(data) // 2])
    elif name == "rename_new":
        with contextlib.suppress(OSError):
            os.link(*arguments)
    elif name == "remove_tree":
        files = sorted(path for path in arguments[0].rglob("*") if path.is_file())
        for path in files[::2]:
            path.unlink()


if __name__ == "__main__":
    serve()
