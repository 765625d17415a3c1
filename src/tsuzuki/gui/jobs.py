"""The queue on disk: one small file for each job, so that it outlives the window.

::

    <folder>/<job>.json      the job: what to upscale, and how far it got
             <job>.events    what its process reports, one event a line
             <job>.words     what its process writes to standard error
             <job>.stop      asks the process to stop
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
import platformdirs

from tsuzuki.durable import Durable, append_regular, read_bounded
from tsuzuki.errors import SettingsError, TsuzukiError
from tsuzuki.pipeline.command import options_for
from tsuzuki.settings import ProcessingSettings

_log = logging.getLogger(__name__)

JSON_INTERVAL = 0.5
"""Seconds between two events of progress; a day of them takes about 50 MB."""
_MAX_BYTES = 1 << 20
FOLDER_VARIABLE = "TSUZUKI_WINDOW_DIR"

_FLAGS = ("accept_changes", "accept_damage", "accept_hdr_loss", "overwrite", "allow_sleep")

State = Literal["waiting", "started", "ended"]
Outcome = Literal["", "finished", "paused", "failed"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One video of the queue, as it is kept."""

    id: str
    """12 hex digits."""
    number: int
    """Place in the queue."""
    video: str
    settings: dict[str, Any]
    output: str | None = None
    """A file, or an existing folder; None is beside the video."""
    session_id: str | None = None
    """The session that is gone on with, once it is known."""
    restart: bool = False
    """Whether an unfinished session of this video is given up."""
    accept_changes: bool = False
    accept_damage: bool = False
    accept_hdr_loss: bool = False
    accept_suspicious: tuple[int, ...] = ()
    overwrite: bool = False
    tile_size: int | None = None
    """Other tiles to go on with, where memory is short."""
    sessions_dir: str | None = None
    sync: str | None = None
    """Store for a copy of the session, see `tsuzuki.cloud.place`; None is no copy."""
    take_over: bool = False
    """Whether the session is taken over from another machine that has it in the store."""
    allow_sleep: bool = False
    """Whether the computer may sleep meanwhile."""
    state: State = "waiting"
    outcome: Outcome = ""
    pid: int | None = None
    """Of its process, while started."""

    def words(self) -> list[str]:
        """Return the words after ``tsuzuki`` that do this job."""
        if self.session_id is None:
            words = ["upscale", *options_for(self.settings)]
            words += ["--on-existing", "restart" if self.restart else "resume"]
        else:
            words = ["resume", "--video", self.video]
            words += ["--workers", str(self.settings.get("workers", 1))]
            if self.tile_size is not None:
                words += ["--tile-size", str(self.tile_size)]
        for frame in self.accept_suspicious:
            words += ["--accept-suspicious", str(frame)]
        for name in _FLAGS:
            if getattr(self, name):
                words.append("--" + name.replace("_", "-"))
        if self.output is not None:
            words += ["-o", self.output]
        if self.sessions_dir is not None:
            words += ["--sessions-dir", self.sessions_dir]
        if self.sync is not None:
            words += ["--sync", self.sync, *(["--take-over"] if self.take_over else [])]
        words += ["--json", "--json-interval", str(JSON_INTERVAL)]
        return [*words, "--", self.session_id or self.video]


def new_job(video: str, settings: ProcessingSettings, **more: Any) -> Job:
    """Return a job that waits."""
    return Job(id=secrets.token_hex(6), number=0, video=video, settings=settings.to_dict(), **more)


class JobStore:
    """The folder of jobs. Damaged files are reported in the log and left alone."""

    def __init__(self, folder: Path | None = None, durable: Durable | None = None) -> None:
        chosen = os.environ.get(FOLDER_VARIABLE)
        default = Path(chosen) if chosen else platformdirs.user_state_path("tsuzuki", False)
        self.folder = (folder or default / "window").absolute()
        self._durable = durable or Durable()
        self._durable.make_folder(self.folder)

    def load(self) -> list[Job]:
        """Return all jobs in the order of the queue."""
        return sorted(self._read_all(), key=lambda job: (job.number, job.id))

    def save(self, job: Job) -> None:
        """Keep a job; durable when this returns."""
        self._durable.write_atomic(self._path(job.id, "json"), msgspec.json.encode(job))

    def remove(self, job_id: str) -> None:
        """Forget a job. Its session is another matter."""
        for ending in ("json", "stop", "events", "words"):
            self._durable.remove_file(self._path(job_id, ending))

    def begin(self, job_id: str) -> tuple[int, int]:
        """Return open files for what a new process of a job reports and writes."""
        for ending in ("stop", "events", "words"):
            self._durable.remove_file(self._path(job_id, ending))
        reports = append_regular(self.events_file(job_id))
        try:
            return reports, append_regular(self._path(job_id, "words"))
        except BaseException:
            os.close(reports)
            raise

    def events_file(self, job_id: str) -> Path:
        """Return where the process of a job reports to."""
        return self._path(job_id, "events")

    def stop_file(self, job_id: str) -> Path:
        """Return the file that stops the process of a job by appearing."""
        return self._path(job_id, "stop")

    def ask_to_stop(self, job_id: str, *, after_segment: bool) -> None:
        """Have the process of a job stop, at once or after the segment in work."""
        wish = b"segment\n" if after_segment else b"now\n"
        self._durable.write_atomic(self.stop_file(job_id), wish)

    def ask_to_go_on(self, job_id: str) -> None:
        """Take the wish to stop after the segment back."""
        self._durable.remove_file(self.stop_file(job_id))

    def last_words(self, job_id: str) -> str:
        """Return the end of what the process of a job wrote to standard error."""
        with suppress(OSError, TsuzukiError):
            return read_bounded(self._path(job_id, "words"), _MAX_BYTES).decode(errors="replace")[
                -2000:
            ]
        return ""

    def _path(self, job_id: str, ending: str) -> Path:
        return self.folder / f"{job_id}.{ending}"

    def _read_all(self) -> Iterator[Job]:
        for path in sorted(self.folder.glob("*.json")):
            try:
                job = msgspec.json.decode(read_bounded(path, _MAX_BYTES), type=Job)
                ProcessingSettings.from_dict(job.settings)
            except (OSError, TsuzukiError, SettingsError, ValueError) as error:
                _log.warning("%s cannot be read: %s", path, error)
                continue
            if job.id == path.stem:
                yield job
