"""The public functions: upscale a video, resume a session."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tsuzuki.errors import (
    Cancelled,
    InputError,
    InputNotFoundError,
    OutputError,
    ResourceError,
    SessionDiffersError,
    SessionError,
    SessionNotFoundError,
    SettingsError,
    TsuzukiError,
)
from tsuzuki.pipeline import events
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.awake import awake
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.steps import combine, extract, validate
from tsuzuki.pipeline.steps import upscale as upscaling
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.sessions.identity import differences
from tsuzuki.sessions.lock import SessionLock
from tsuzuki.sessions.log import session_log
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.progress import ProgressData, StepName
from tsuzuki.settings import ProcessingSettings

OnExisting = Literal["resume", "restart", "fail"]
PathLike = str | os.PathLike[str]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a run that came to its end has made."""

    output: Path
    session_id: str
    frames: int
    frames_computed: int
    """Frames computed by this run; the others were safe from earlier runs."""
    failed_frames: tuple[int, ...]
    """Damaged frames (from 1): they repeat a neighbour, or the decoder has patched them."""
    seconds: float
    size: int
    """Bytes of the output."""
    kept_frames: Path | None
    """Folder of the session with the kept frames, where they were asked for."""
    bit_identical: bool
    """False when changes were accepted on the way, which took the promise of equal bytes back."""


def upscale(
    path: PathLike,
    settings: ProcessingSettings | Mapping[str, Any] | None = None,
    *,
    output: PathLike | None = None,
    on_event: events.OnEvent | None = None,
    cancel: threading.Event | None = None,
    on_existing: OnExisting = "resume",
    accept_changes: bool = False,
    overwrite: bool = False,
    sessions_dir: PathLike | None = None,
    allow_sleep: bool = False,
) -> Result:
    """Upscale a video, or go on with the session that an interrupted run has left.

    ``settings`` default to those of `ProcessingSettings`, ``output`` to
    ``<stem>_2x.<container>`` beside the input; an existing folder takes a file of that name.
    Setting ``cancel`` makes the run save what is finished and raise `Cancelled`. Where a session
    of this video with these settings exists, ``on_existing`` chooses to ``resume`` it, to
    ``restart`` from nothing, or to ``fail``. A session whose video, model files or versions have
    changed is refused with `SessionDiffersError` unless ``accept_changes``. An existing output is
    only replaced with ``overwrite``. ``on_event`` is called with each event, in this thread.

    Raises the errors of `tsuzuki.errors`; whatever is raised, finished work is kept.
    """
    wish = ProcessingSettings.from_dict(settings or {})
    target = Path(output).absolute() if output is not None else None
    with _job(on_event, cancel, sessions_dir, allow_sleep=allow_sleep) as job:
        plan = job.plan(Path(path).absolute(), wish, target)
        existing = job.existing_session(plan)
        if existing is None:
            return job.start(plan, target, overwrite=overwrite)
        session_id = existing["session_id"]
        if on_existing == "fail":
            raise SessionError(
                f"Session {session_id} of this video with these settings exists. Go on with "
                f"`tsuzuki resume {session_id}`, or start anew with --on-existing restart.",
                session_id=session_id,
            )
        if on_existing == "restart":
            job.manager.cleanup_session(session_id)
            return job.start(plan, target, overwrite=overwrite)
        return job.go_on(plan, session_id, target, overwrite=overwrite, accept=accept_changes)


def resume(
    session_id: str,
    *,
    video: PathLike | None = None,
    output: PathLike | None = None,
    on_event: events.OnEvent | None = None,
    cancel: threading.Event | None = None,
    accept_changes: bool = False,
    overwrite: bool = False,
    sessions_dir: PathLike | None = None,
    allow_sleep: bool = False,
) -> Result:
    """Go on with a session, with its own settings; see `upscale` for the parameters.

    ``video`` says where the video lies now, if it was moved. Raises `SessionNotFoundError` where
    there is no such session.
    """
    target = Path(output).absolute() if output is not None else None
    with _job(on_event, cancel, sessions_dir, allow_sleep=allow_sleep) as job:
        progress = job.manager.load_progress(session_id)
        if progress is None:
            raise SessionNotFoundError(
                f"There is no session {session_id} in {job.manager.root}. "
                "`tsuzuki sessions list` shows those that exist.",
                session_id=session_id,
            )
        settings = ProcessingSettings.from_dict(progress["settings"])
        path = Path(video).absolute() if video is not None else Path(progress["video_file"])
        if video is None and not path.exists():
            raise InputNotFoundError(
                f"The video of session {session_id} is no longer at {path}. If it was moved, run "
                f"`tsuzuki resume {session_id} --video PATH` with where it is now; if its disk is "
                "not connected, connect it.",
                path=str(path),
            )
        plan = job.plan(path, settings, None)
        return job.go_on(plan, session_id, target, overwrite=overwrite, accept=accept_changes)


class _Step(NamedTuple):
    name: StepName
    is_done: Callable[[Run], bool]
    work: Callable[[Run], None]


_STEPS = (
    _Step("validate", validate.is_done, validate.validate),
    _Step("extract", extract.is_done, extract.extract),
    _Step("upscale", upscaling.is_done, upscaling.upscale),
    _Step("combine", combine.is_published, combine.combine),
)


@contextlib.contextmanager
def _job(
    on_event: events.OnEvent | None,
    cancel: threading.Event | None,
    sessions_dir: PathLike | None,
    *,
    allow_sleep: bool,
) -> Iterator[_Job]:
    emit = on_event or (lambda _: None)
    with SessionManager(sessions_dir) as manager:
        job = _Job(manager, emit, cancel or threading.Event(), allow_sleep=allow_sleep)
        try:
            yield job
        except BaseException as error:
            job.stop(error)
            raise
        finally:
            job.supervisor.stop(lambda _: None)


class _Job:
    """A worker, a manager, and the session that they work on."""

    def __init__(
        self,
        manager: SessionManager,
        emit: events.OnEvent,
        cancel: threading.Event,
        *,
        allow_sleep: bool,
    ) -> None:
        self.manager = manager
        self.supervisor = Supervisor(cancel, self._on_restart)
        self._emit = emit
        self._allow_sleep = allow_sleep
        self._run: Run | None = None
        self._stopped = False
        self._began = time.monotonic()

    def plan(self, path: Path, settings: ProcessingSettings, output: Path | None) -> Plan:
        """Have the worker probe the video and resolve the settings."""
        file = str(output) if output and not output.is_dir() else None
        request = m.MakePlan(path=str(path), settings=settings, output=file)
        return self.supervisor.ask(request, m.PlanMade).plan

    def existing_session(self, plan: Plan) -> ProgressData | None:
        """Return the session that holds work for this plan, if there is one.

        A session whose video lies elsewhere counts if its own file is gone: it was moved.
        """
        for match in self.manager.find_sessions(plan.probe.path, plan.settings):
            moved = not Path(match.progress["video_file"]).exists()
            if match.match == "exact" or (match.match == "moved" and moved):
                return match.progress
        return None

    def start(self, plan: Plan, output: Path | None, *, overwrite: bool) -> Result:
        """Check everything that can be known now, create the session, work."""
        target = validate.place_output(plan, output)
        validate.check_output(plan, target, overwrite=overwrite)
        session_id = self.manager.create_session(plan.probe.path, plan.settings, plan.video_info)
        with self._session(session_id, plan) as run:
            run.state["output"] = str(target)
            run.remembered("validate").update(identity=run.identity(), overwrite=overwrite)
            try:
                return self._work(run, resumed=False)
            except (InputError, OutputError, ResourceError, SettingsError) as error:
                if not run.index.pts:  # refused before anything was done: nothing to go on with
                    self._forget(run, error)
                raise

    def go_on(
        self, plan: Plan, session_id: str, output: Path | None, *, overwrite: bool, accept: bool
    ) -> Result:
        """Go on with an existing session, if it would still make the same output."""
        with self._session(session_id, plan) as run:
            if output is not None:
                run.state["output"] = str(validate.place_output(plan, output))
            run.state.setdefault("output", str(validate.default_output(plan)))
            if overwrite:
                run.remembered("validate")["overwrite"] = True
            if run.keep_frames:  # for good: a later run without the wish must not delete them
                run.state["settings"]["keep_frames"] = True
            run.state["video_file"] = plan.probe.path
            _check_identity(run, accept=accept)
            if not combine.is_published(run):
                validate.check_output(plan, run.output, overwrite=run.overwrite)
            return self._work(run, resumed=True)

    def stop(self, error: BaseException) -> None:
        """Save what is finished and why it went no further, and tell; the first call counts."""
        if self._stopped:
            return
        self._stopped = True
        run = self._run
        self.supervisor.stop(run.on_report if run else lambda _: None)
        if run is not None and run.step is not None:
            paused = isinstance(error, Cancelled | ResourceError | KeyboardInterrupt)
            with contextlib.suppress(TsuzukiError):
                self.manager.update_step_status(
                    run.session_id,
                    run.step,
                    "in_progress" if paused else "failed",
                    error=str(error) or type(error).__name__,
                )
        self._tell_stopped(error, run)

    def _forget(self, run: Run, error: TsuzukiError) -> None:
        """Remove a session in which nothing was done."""
        self._stopped = True
        self._run = run.step = None
        self.supervisor.stop(lambda _: None)
        with contextlib.suppress(TsuzukiError):
            self.manager.cleanup_session(run.session_id)
        self._tell_stopped(error, None)

    def _tell_stopped(self, error: BaseException, run: Run | None) -> None:
        if isinstance(error, TsuzukiError):
            command = f"tsuzuki resume {run.session_id}" if run else None
            if command and isinstance(error, OutputError):
                command += " -o NAME"  # without, it would fail in the same way
            self._emit(
                events.Stopped(
                    session_id=run.session_id if run else "",
                    code=error.code,
                    exit_code=error.exit_code,
                    message=error.message,
                    resume_command=command,
                    details=error.details,
                )
            )

    @contextlib.contextmanager
    def _session(self, session_id: str, plan: Plan) -> Iterator[Run]:
        paths = self.manager.paths(session_id)
        with SessionLock(paths), session_log(paths):
            run = self._run = Run(self.manager, session_id, plan, self.supervisor, self._emit)
            try:
                yield run
            except BaseException as error:
                self.stop(error)  # while the session is still locked
                raise

    def _work(self, run: Run, *, resumed: bool) -> Result:
        with contextlib.ExitStack() as stack:
            if not self._allow_sleep:
                stack.enter_context(awake())
            self._open(run, resumed=resumed)
            for step in _STEPS:
                self._do(run, step)
            return self._finish(run)

    def _open(self, run: Run, *, resumed: bool) -> None:
        known = extract.load_index(run)
        run.emit(
            events.SessionOpened(
                session_id=run.session_id,
                video_file=run.plan.probe.path,
                output=str(run.output),
                folder=str(run.store.paths.folder),
                resumed=resumed,
                frames_total=len(run.index) if known else None,
                frames_done=run.store.count_safe(run.segments),
                settings=run.plan.settings.to_dict(),
            )
        )
        for note in (*run.plan.notes, *run.index.warnings):
            run.warn("note", note)
        if resumed:
            reached = run.remembered("upscale").pop("reached", 0)
            again = run.store.count_lost(run.segments, reached)
            run.emit(events.ResumeReport(session_id=run.session_id, frames_again=again))

    def _do(self, run: Run, step: _Step) -> None:
        run.step = step.name
        if step.is_done(run):
            run.emit(events.StepSkipped(session_id=run.session_id, step=step.name))
        else:
            began = time.monotonic()
            self.manager.update_step_status(run.session_id, step.name, "in_progress")
            run.emit(events.StepStarted(session_id=run.session_id, step=step.name))
            step.work(run)
            run.emit(
                events.StepCompleted(
                    session_id=run.session_id, step=step.name, seconds=time.monotonic() - began
                )
            )
        self.manager.update_step_status(run.session_id, step.name, "completed")

    def _finish(self, run: Run) -> Result:
        self.supervisor.stop(lambda _: None)
        kept = run.store.paths.folder if run.keep_frames else None
        result = Result(
            output=run.output,
            session_id=run.session_id,
            frames=len(run.index),
            frames_computed=run.frames_computed,
            failed_frames=run.failed_frames,
            seconds=time.monotonic() - self._began,
            size=run.remembered("combine")["output"]["size"],
            kept_frames=kept,
            bit_identical="accepted_changes" not in run.remembered("validate"),
        )
        run.step = None
        self._run = None
        self.manager.cleanup_session(run.session_id, keep_frames=run.keep_frames)
        facts = {name: getattr(result, name) for name in Result.__struct_fields__}
        facts |= {"output": str(result.output), "kept_frames": str(kept) if kept else None}
        self._emit(events.Finished(**facts))
        return result

    def _on_restart(self, reason: str) -> None:
        session_id = self._run.session_id if self._run else ""
        self._emit(events.WorkerRestarted(session_id=session_id, reason=reason))


def _check_identity(run: Run, *, accept: bool) -> None:
    """Refuse to go on where the output would have other bytes, unless the user accepts that."""
    validated = run.remembered("validate")
    stored, present = validated.get("identity"), run.identity()
    changes = differences(stored, present) if stored is not None else []
    if not changes:
        validated["identity"] = present
        return
    listed = "; ".join(map(str, changes))
    if not accept:
        raise SessionDiffersError(
            f"Session {run.session_id} was begun with something else: {listed}. Put it back as it "
            "was, or go on with --accept-changes (the output will not have the same bytes as an "
            "uninterrupted run), or start anew with --on-existing restart.",
            differences=[str(change) for change in changes],
        )
    validated.setdefault("accepted_changes", []).extend(str(change) for change in changes)
    validated["identity"] = present
    run.warn("accepted-changes", f"Going on in spite of these changes: {listed}.")
