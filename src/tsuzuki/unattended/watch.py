"""The queue of a watched folder: what is to be done next, and what becomes of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from tsuzuki.durable import Durable, is_there
from tsuzuki.errors import (
    Cancelled,
    InputError,
    InputNotFoundError,
    OutputFolderError,
    ResourceError,
    SessionBusyError,
    SettingsError,
    TsuzukiError,
)
from tsuzuki.pipeline import events
from tsuzuki.pipeline.look import probe_apart
from tsuzuki.sentences import told
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.unattended.arrivals import Arrival, Arrivals
from tsuzuki.unattended.ledger import Entry, Ledger

OUTPUTS = "upscaled"
"""Folder below the watched one where outputs go unless another is wished for; never watched."""
LOOK_SECONDS = 2.0
"""How often the folder is looked at, at least."""
PATIENCE = 6
"""Times ``settle`` for which a file that cannot be opened may still be on its way."""
RETRY_SECONDS, LONGEST_RETRY = 60.0, 3600.0
"""Seconds until what the machine could not do is tried again: doubled each time, up to an hour."""
MENDS_ITSELF = (ResourceError, SessionBusyError, OutputFolderError)
"""What a full disk that is emptied, or a drive that comes back, mends: the video is sound."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is watched, and where things go."""

    folder: Path
    output_dir: Path
    done_dir: Path | None = None
    """Where sources go that are done; None leaves them where they are."""
    failed_dir: Path | None = None
    recursive: bool = False
    """Whether folders below are watched as well; they are repeated where things go."""
    settle: float = 5.0
    """Seconds that a file has to stay unchanged."""
    once: bool = False
    """Whether to end when nothing is left to do."""
    retry: bool = False
    """Whether to try again what failed in an earlier run."""

    def prepared(self) -> Plan:
        """Return the plan with absolute paths, its folders made; raises what is wrong with it."""
        if not (is_there(self.folder) and self.folder.is_dir()):
            raise InputNotFoundError(f"There is no folder {self.folder}. Check its name.")
        folder = self.folder.resolve()
        wishes = {name: getattr(self, name) for name in ("output_dir", "done_dir", "failed_dir")}
        others = {name: path.resolve() for name, path in wishes.items() if path is not None}
        for name, path in others.items():
            if folder == path or (self.recursive and folder.is_relative_to(path)):
                raise SettingsError(
                    f"--{name.replace('_', '-')} must be another folder than the one that is "
                    "watched, or what comes into it would be taken for something new."
                )
        for name, path in others.items():
            _make(path)
            if name != "output_dir" and path.stat().st_dev != folder.stat().st_dev:
                raise SettingsError(
                    f"--{name.replace('_', '-')} must lie on the same disk as {folder}: videos are "
                    "moved in one step, and never copied."
                )
        return msgspec.structs.replace(self, folder=folder, **others)


class Job(NamedTuple):
    """One video to work on."""

    source: Path
    output_dir: Path
    entry: Entry
    """Has the id of the session to go on with; none to begin."""


Do = Callable[[Job, events.OnEvent], TsuzukiError | None]
"""Works on a job, calling the function with each event; returns what kept it from its end."""


class Watch:
    """Finds what is to be done in a folder, has it done, and remembers what became of it.

    A process that is killed at any instant leaves what the next one goes on from: a video is noted
    as begun before any work is done on it, and as done when its output is complete. One watch works
    on a folder at a time; a second one raises `SessionBusyError`.
    """

    def __init__(
        self,
        plan: Plan,
        sessions_dir: Path | None,
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan.prepared()
        self._say = say
        self._clock = clock
        self._manager = SessionManager(sessions_dir)
        self._ledger = Ledger(self._manager.root, self.plan.folder)
        others = (self.plan.output_dir, self.plan.done_dir, self.plan.failed_dir)
        self._arrivals = Arrivals(
            self.plan.folder,
            recursive=self.plan.recursive,
            but=[self.plan.folder / OUTPUTS, *(path for path in others if path is not None)],
        )
        self.begun = frozenset(entry.session_id for entry in self._ledger.of("begun"))
        """The sessions that an earlier watch of this folder has left unfinished."""
        self._looked = clock()
        self._growing: list[Path] = []
        self._later: dict[Path, float] = {}
        self._tries: dict[Path, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ledger.close()
        self._manager.close()

    def run(self, do: Do, cancel: threading.Event) -> int:
        """Work until ``cancel``, or with ``once`` until nothing is left; return the exit code.

        With ``once`` that is the worst one; else `Cancelled` counts, where something was in work.
        """
        self._tidy()
        worst, started, waiting = 0, self._clock(), self.plan.once
        while not cancel.is_set():
            job = self._next(cancel)
            if job is not None:
                error = self._work(job, do)
                worst, waiting = max(worst, error.exit_code if error else 0), self.plan.once
                continue
            if self.plan.once and self._looked - started > self.plan.settle:
                for path in self._growing:
                    self._say(f"{path} is still being written and was left for the next time.")
                break
            if not waiting:
                self._say(f"Waiting for videos in {self.plan.folder}. Ctrl-C ends it.")
                waiting = True
            cancel.wait(min(LOOK_SECONDS, self.plan.settle / 2))
        return worst if self.plan.once or worst == Cancelled.exit_code else 0

    def _tidy(self) -> None:
        """Tell of, or forget, what failed; move what a killed process has not moved."""
        for entry in [*self._ledger.of("done"), *self._ledger.of("failed")]:
            path = Path(entry.source)
            if _stamp(path) != entry.stamp:
                continue
            if entry.state == "done":
                self._move(path, entry)
            elif is_there(Path(entry.output)) and self._is_over(entry):
                self._note(path, msgspec.structs.replace(entry, state="done"))
            elif self.plan.retry:
                self._ledger.forget(path)
            else:
                self._say(f"Failed before (--retry tries it again): {path}: {entry.reason}")
                self._move(path, entry)

    def _next(self, cancel: threading.Event) -> Job | None:
        """Return what to do now: what was begun comes first."""
        self._looked = now = self._clock()
        for entry in self._ledger.of("begun"):
            path = Path(entry.source)
            if _stamp(path) == entry.stamp and self._is_due(path) and not self._ended(path, entry):
                return self._job(path, entry)
        self._growing = []
        for arrival in self._arrivals.look(now):
            known = self._ledger.get(arrival.path)
            if known is not None and known.stamp == arrival.stamp:
                continue
            if arrival.rest < self.plan.settle:
                self._growing.append(arrival.path)
            elif self._is_due(arrival.path) and self._opens(arrival, cancel):
                return self._job(arrival.path, _new_entry(arrival))
        return None

    def _job(self, path: Path, entry: Entry) -> Job:
        return Job(path, self._below(self.plan.output_dir, path), entry)

    def _below(self, folder: Path, path: Path) -> Path:
        """Return the folder that is below ``folder`` what a video's is below the watched one."""
        return folder / path.parent.relative_to(self.plan.folder)

    def _is_due(self, path: Path) -> bool:
        return self._later.get(path, self._looked) <= self._looked

    def _ended(self, path: Path, entry: Entry) -> bool:
        """Note the end of what was killed between its end and the note of it."""
        if not self._is_over(entry):
            return False
        if is_there(Path(entry.output)):
            self._note(path, msgspec.structs.replace(entry, state="done"))
        else:  # its session was removed: it has to begin anew
            self._ledger.forget(path)
        return True

    def _is_over(self, entry: Entry) -> bool:
        """Whether there was a session and nothing is left of it to go on with."""
        if not entry.session_id:
            return False
        try:
            progress = self._manager.load_progress(entry.session_id)
        except TsuzukiError:  # going on tells why that is impossible
            return False
        return progress is None or progress["status"] == "completed"

    def _opens(self, arrival: Arrival, cancel: threading.Event) -> bool:
        """Tell whether it may be begun; one that cannot be opened is given time to get whole."""
        left = PATIENCE * self.plan.settle - arrival.rest
        if self.plan.once or left <= 0:
            return True
        try:
            probe_apart(arrival.path, cancel)
        except InputError:
            self._later[arrival.path] = self._looked + left
            return False
        except Cancelled:
            return False
        except TsuzukiError:  # of the machine: the work itself tells more
            return True
        return True

    def _work(self, job: Job, do: Do) -> TsuzukiError | None:
        path, entry = job.source, job.entry

        def hear(event: events.Event) -> None:
            nonlocal entry
            if isinstance(event, events.SessionOpened):
                entry = msgspec.structs.replace(
                    entry, session_id=event.session_id, output=event.output
                )
                self._ledger.save(path, entry)

        error: TsuzukiError | None
        try:
            _make(job.output_dir)
            error = do(job, hear)
        except OutputFolderError as unmade:
            error = unmade
            self._say(error.message)
        if error is None:
            self._note(path, msgspec.structs.replace(entry, state="done"))
        elif isinstance(error, InputNotFoundError) and not is_there(path):
            self._say(f"{path} is no longer there.")
        elif isinstance(error, MENDS_ITSELF):
            self._put_off(path)
        elif not isinstance(error, Cancelled):
            self._note(path, msgspec.structs.replace(entry, state="failed", reason=error.message))
        return error

    def _put_off(self, path: Path) -> None:
        tries = self._tries[path] = self._tries.get(path, 0) + 1
        seconds = min(RETRY_SECONDS * 2 ** (tries - 1), LONGEST_RETRY)
        self._later[path] = self._clock() + seconds
        if not self.plan.once:
            self._say(f"Trying {path.name} again in {seconds / 60:.0f} min.")

    def _note(self, path: Path, entry: Entry) -> None:
        """Remember how it ended; where that cannot be written, it is tried again."""
        try:
            self._ledger.save(path, entry)
        except ResourceError as error:
            self._say(f"Note: {error.message}")
            self._put_off(path)
        else:
            self._tries.pop(path, None)
            self._move(path, entry)

    def _move(self, path: Path, entry: Entry) -> None:
        """Move a source that is done or has failed, if that is wished; then it is forgotten."""
        to = self.plan.done_dir if entry.state == "done" else self.plan.failed_dir
        if to is None:
            return
        folder, durable = self._below(to, path), Durable()
        try:
            _make(folder)
            moved = durable.move_into(folder, path)
            if entry.state == "failed":
                reason = moved.with_name(f"{moved.name}.txt")
                durable.write_atomic(reason, f"{told(entry.reason)}\n".encode())
            self._ledger.forget(path)
        except (TsuzukiError, FileNotFoundError) as error:
            self._say(f"Note: {path} was not moved: {error}")


def _new_entry(arrival: Arrival) -> Entry:
    size, mtime_ns = arrival.stamp
    return Entry(source=str(arrival.path), size=size, mtime_ns=mtime_ns, state="begun")


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return size and time of a file as in `Arrival`; None where it is out of reach."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFolderError(
            f"The folder {folder} cannot be made ({error.strerror}). Choose another.",
            path=str(folder),
        ) from error
