"""The process that does a job. It lives on when the window goes, and can be found again."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tsuzuki.durable import open_regular
from tsuzuki.errors import TsuzukiError
from tsuzuki.gui.jobs import Job, JobStore
from tsuzuki.language import VARIABLE, spoken
from tsuzuki.pipeline import events
from tsuzuki.pipeline.process import environment

_PIECE = 1 << 17
"""Bytes of reports that are read at once."""
_ENDS = 1 << 16


class JobProcess:
    """A running ``tsuzuki`` command, started here or by an earlier window."""

    def __init__(self, store: JobStore, job: Job, child: subprocess.Popen[bytes] | None) -> None:
        self._store = store
        self._job_id = job.id
        self._child = child
        self.pid = child.pid if child else job.pid
        self._read = 0
        self._rest = b""

    @classmethod
    def start(cls, store: JobStore, job: Job) -> JobProcess:
        """Start the process of a job, independent of this one."""
        words = [*job.words()]
        at = words.index("--")
        words[at:at] = ["--stop-file", str(store.stop_file(job.id))]
        reports, errors = store.begin(job.id)
        try:
            child = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [sys.executable, "-P", "-m", "tsuzuki", *words],
                stdin=subprocess.DEVNULL,
                stdout=reports,
                stderr=errors,
                env={**environment(), "PYTHONUTF8": "1", VARIABLE: spoken()},
                cwd=Path.home() if Path.home().is_dir() else None,
                start_new_session=sys.platform != "win32",
                creationflags=_DETACHED,
            )
        finally:
            os.close(reports)
            os.close(errors)
        return cls(store, job, child)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        if self._child is not None:
            return self._child.poll() is None
        return self.pid is not None and is_process_of(self.pid, self._job_id)

    def news(self) -> list[events.Event]:
        """Return the events since the last call, up to a bound; what is no event is passed over."""
        with suppress(OSError, TsuzukiError), open_regular(self._file) as file:
            file.seek(self._read)
            data = file.read(_PIECE)
            self._read += len(data)
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop()
            return [event for line in lines if (event := _event(line)) is not None]
        return []

    def head_and_tail(self) -> list[events.Event]:
        """Return the first and the last events: how a run began and how it ended."""
        with suppress(OSError, TsuzukiError), open_regular(self._file) as file:
            head = file.read(_ENDS)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(len(head), size - _ENDS))
            self._read = size
            lines = [*head.split(b"\n"), *file.read().split(b"\n")]
            return [event for line in lines if (event := _event(line)) is not None]
        return []

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read."""
        with suppress(OSError):
            return self._file.stat().st_size > self._read
        return False

    def stop(self, *, after_segment: bool = False) -> None:
        """Have it save what is finished and end."""
        self._store.ask_to_stop(self._job_id, after_segment=after_segment)

    def kill(self) -> None:
        """End it at once: nothing that is safe is lost."""
        if self._child is not None:
            self._child.kill()
        elif self.is_running and self.pid is not None and sys.platform != "win32":
            import signal  # noqa: PLC0415 - seldom

            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Wait for the end of a process that was started here."""
        if self._child is not None:
            self._child.wait()

    @property
    def last_words(self) -> str:
        """The end of what it wrote to standard error."""
        return self._store.last_words(self._job_id)

    @property
    def _file(self) -> Path:
        return self._store.events_file(self._job_id)


_DETACHED = (
    subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP  # type: ignore[attr-defined]
    if sys.platform == "win32"
    else 0
)


def is_process_of(pid: int, job_id: str) -> bool:
    """Tell whether a process is the one that does a job, and not another of the same number."""
    if sys.platform == "linux":
        try:
            state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, IndexError):
            return False
        return state not in {b"Z", b"X"} and job_id.encode() in words
    if sys.platform == "win32":
        return _lives_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _lives_on_windows(pid: int) -> bool:
    """Ask Windows for the exit code of a process, which running ones have not yet."""
    import ctypes  # noqa: PLC0415 - there it is

    query, still_active = 0x1000, 259  # PROCESS_QUERY_LIMITED_INFORMATION, STILL_ACTIVE
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(query, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == still_active


def _event(line: bytes) -> events.Event | None:
    try:
        return events.from_json(line) if line else None
    except ValueError:
        return None
