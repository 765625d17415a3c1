"""The public functions: upscale a video, resume a session."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from tsuzuki.sessions.cleanup import has_work
from tsuzuki.sessions.identity import differences
from tsuzuki.sessions.layout import frame_name
from tsuzuki.sessions.lock import SessionLock
from tsuzuki.sessions.log import session_log
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.progress import ProgressData, StepName
from tsuzuki.sessions.search import SessionMatch, is_same_job
from tsuzuki.settings import ProcessingSettings

_log = logging.getLogger(__name__)

Choice = Literal["resume", "restart", "fail"]
OnExisting = Choice | Callable[[ProgressData], Choice]
"""What to do with an unfinished session, or a function that decides it from its progress."""
TILES = frozenset({"settings.tile_size", "upscaling.passes"})
"""Parts of the identity that the size of tiles changes."""
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
    accept_suspicious: Iterable[int] = (),
    overwrite: bool = False,
    sessions_dir: PathLike | None = None,
    allow_sleep: bool = False,
) -> Result:
    """Upscale a video, or go on with the session that an interrupted run has left.

    ``settings`` default to those of `ProcessingSettings`, ``output`` to
    ``<stem>_2x.<container>`` beside the input; an existing folder takes a file of that name.
    Setting ``cancel`` makes the run save what is finished and raise `Cancelled`. Where a session
    of this video with these settings has work in it, ``on_existing`` chooses to ``resume`` it, to
    ``restart`` from nothing, or to ``fail``; it may be a function that is given the session's
    progress and returns one of these. A session whose video, model files or versions have
    changed is refused with `SessionDiffersError` unless ``accept_changes``. A frame that cannot be
    what went into the network, enlarged, stops the run with `SuspiciousFrameError`, unless its
    number (from 1) is in ``accept_suspicious``. An existing output is only replaced with
    ``overwrite``. ``on_event`` is called with each event, in this thread.

    Raises the errors of `tsuzuki.errors`; whatever is raised, finished work is kept.
    """
    wish = ProcessingSettings.from_dict(settings or {})
    source = _path(path, InputError)
    target = None if output is None else _path(output, OutputError)
    with _runner(on_event, cancel, sessions_dir, allow_sleep=allow_sleep) as runner:
        runner.accepted = frozenset(accept_suspicious)
        plan = runner.plan(source, wish, target)
        runner.manager.cleanup_old_sessions()
        existing = runner.find_session(plan)
        if existing is None:
            return runner.start(plan, target, overwrite=overwrite)
        session_id = existing["session_id"]
        choice = runner.choose(existing, on_existing)
        if choice == "fail":
            raise SessionError(
                f"Session {session_id} of this video with these settings exists. Go on with "
                f"`tsuzuki resume {session_id}`, or start anew with --on-existing restart.",
                session_id=session_id,
            )
        if choice == "restart":
            validate.check_output(plan, validate.place_output(plan, target), overwrite=overwrite)
            runner.manager.cleanup_session(session_id)
            return runner.start(plan, target, overwrite=overwrite)
        return runner.go_on(plan, session_id, target, overwrite=overwrite, accept=accept_changes)


def resume(
    session_id: str,
    *,
    video: PathLike | None = None,
    output: PathLike | None = None,
    on_event: events.OnEvent | None = None,
    cancel: threading.Event | None = None,
    accept_changes: bool = False,
    accept_suspicious: Iterable[int] = (),
    tile_size: int | None = None,
    overwrite: bool = False,
    sessions_dir: PathLike | None = None,
    allow_sleep: bool = False,
) -> Result:
    """Go on with a session, with its own settings; see `upscale` for the parameters.

    ``video`` says where the video lies now, if it was moved. ``tile_size`` goes on with other tiles
    from the next segment on, where memory is short; that is an accepted change.

    Raises `SessionNotFoundError` where there is no such session.
    """
    moved = None if video is None else _path(video, InputError)
    target = None if output is None else _path(output, OutputError)
    with _runner(on_event, cancel, sessions_dir, allow_sleep=allow_sleep) as runner:
        progress = runner.manager.load_progress(session_id)
        if progress is None:
            raise SessionNotFoundError(
                f"There is no session {session_id} in {runner.manager.root}. "
                "`tsuzuki sessions list` shows those that exist.",
                session_id=session_id,
            )
        runner.accepted = frozenset(accept_suspicious)
        settings = ProcessingSettings.from_dict(progress["settings"])
        if tile_size is not None:
            settings = ProcessingSettings.from_dict({**settings.to_dict(), "tile_size": tile_size})
            runner.may_differ |= TILES
        path = moved or Path(progress["video_file"])
        if moved is None and not path.exists():
            raise InputNotFoundError(
                f"The video of session {session_id} is no longer at {path}. If it was moved, run "
                f"`tsuzuki resume {session_id} --video PATH` with where it is now; if its disk is "
                "not connected, connect it.",
                path=str(path),
            )
        plan = runner.plan(path, settings, None)
        return runner.go_on(plan, session_id, target, overwrite=overwrite, accept=accept_changes)


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


def _path(path: PathLike, error: type[TsuzukiError]) -> Path:
    """Return the absolute path; one that is no Unicode could neither be sent nor saved."""
    name = os.fspath(path)
    try:
        name.encode()
    except UnicodeEncodeError as reason:
        raise error(f"The name {name!r} is not valid Unicode. Choose another.") from reason
    return Path(name).absolute()


@contextlib.contextmanager
def _runner(
    on_event: events.OnEvent | None,
    cancel: threading.Event | None,
    sessions_dir: PathLike | None,
    *,
    allow_sleep: bool,
) -> Iterator[_Runner]:
    emit = on_event or (lambda _: None)
    root = None if sessions_dir is None else _path(sessions_dir, SettingsError)
    with SessionManager(root) as manager:
        runner = _Runner(manager, emit, cancel or threading.Event(), allow_sleep=allow_sleep)
        try:
            yield runner
        except BaseException as error:
            runner.stop(error)
            raise
        finally:
            runner.supervisor.stop(lambda _: None)


class _Runner:
    """A manager, a supervised worker, and the session that they work on."""

    def __init__(
        self,
        manager: SessionManager,
        emit: events.OnEvent,
        cancel: threading.Event,
        *,
        allow_sleep: bool,
    ) -> None:
        self.manager = manager
        self.accepted: frozenset[int] = frozenset()
        """Frames (from 1) to take as they come out of the network."""
        self.may_differ: frozenset[str] = frozenset()
        """Parts of the identity that the user wants changed."""
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

    def find_session(self, plan: Plan) -> ProgressData | None:
        """Return the session of this video with these settings; tell of its other sessions."""
        own = self.manager.generate_session_id(plan.probe.path, plan.settings)
        found = None
        for match in self.manager.find_sessions(plan.probe.path, plan.settings):
            # One with the id that a new session would get counts whatever differs, to be refused.
            if found is None and (match.session_id == own or is_same_job(match)):
                found = match.progress
            elif match.progress["status"] != "completed":
                self._emit(_other_session(match))
        return found

    def choose(self, progress: ProgressData, on_existing: OnExisting) -> Choice:
        """Ask what to do with a session that was found, if there is unfinished work in it."""
        if not callable(on_existing):
            return on_existing
        paths = self.manager.paths(progress["session_id"])
        begun = has_work(paths) or paths.index.exists()
        return on_existing(progress) if begun and progress["status"] != "completed" else "resume"

    def start(self, plan: Plan, output: Path | None, *, overwrite: bool) -> Result:
        """Check everything that can be known now, create the session, work."""
        target = validate.place_output(plan, output)
        validate.check_output(plan, target, overwrite=overwrite)
        session_id = self.manager.create_session(plan.probe.path, plan.settings, plan.video_info)
        with self._session(session_id, plan, overwrite=overwrite) as run:
            run.state["output"] = str(target)
            run.remembered("validate")["identity"] = run.identity
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
        with self._session(session_id, plan, overwrite=overwrite) as run:
            run.state.setdefault("output", str(validate.default_output(plan)))
            if output is not None:
                combine.remove_temporaries(run)  # those beside the output as it was
                run.state["output"] = str(validate.place_output(plan, output))
            if run.keep_frames:  # for good: a later run without the wish must not delete them
                run.state["settings"]["keep_frames"] = True
            run.state["video_file"] = plan.probe.path
            _check_identity(run, accept=accept, may_differ=self.may_differ)
            run.state["settings"]["tile_size"] = plan.settings.tile_size
            if not combine.is_published(run):
                validate.check_output(plan, run.output, overwrite=run.overwrite)
            return self._work(run, resumed=True)

    def stop(self, error: BaseException) -> None:
        """Save what is finished and why it went no further, and tell; the first call counts."""
        if self._stopped:
            return
        self._stopped = True
        run = self._run
        try:
            self.supervisor.stop(run.on_report if run else lambda _: None)
        except Exception:  # noqa: BLE001 - the first error counts, and has to be saved
            _log.exception("while stopping")
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
    def _session(self, session_id: str, plan: Plan, *, overwrite: bool) -> Iterator[Run]:
        paths = self.manager.paths(session_id)
        with SessionLock(paths), session_log(paths):
            run = Run(self.manager, session_id, plan, self.supervisor, self._emit)
            run.overwrite = overwrite
            self._run = run
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
            self._accept_frames(run)
            published = combine.is_published(run)
            for step in _STEPS:
                self._do(run, step, done=published)
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
                frames_done=len(self.manager.completed_frames(run.session_id)),
                settings=run.plan.settings.to_dict(),
            )
        )
        for note in (*run.plan.notes, *run.index.warnings):
            run.warn("note", note)
        if resumed:
            reached = run.remembered("upscale").pop("reached", 0)
            names = (frame_name(n + 1) for n in run.store.open_frames(run.segments, reached))
            lost = self.manager.get_remaining_frames(run.session_id, names)
            run.emit(events.ResumeReport(session_id=run.session_id, frames_again=len(lost)))

    def _accept_frames(self, run: Run) -> None:
        if self.accepted:
            known = run.remembered("validate").setdefault("accepted_suspicious", [])
            known[:] = sorted({*known, *self.accepted})
            frames = ", ".join(map(str, sorted(self.accepted)))
            run.warn("accepted-frames", f"Accepted as the network gives them: frame {frames}.")

    def _do(self, run: Run, step: _Step, *, done: bool) -> None:
        run.step = step.name
        if done or step.is_done(run):
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
        combine.remove_temporaries(run)
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
            bit_identical=run.bit_identical,
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


def _other_session(match: SessionMatch) -> events.Warned:
    what = "; ".join(
        f"{d.field.removeprefix('settings.').replace('_', ' ')} {d.stored}, not {d.present}"
        for d in match.differences
    )
    return events.Warned(
        session_id=match.session_id,
        code="other-session",
        message=f"There is another unfinished session of this video ({what}). To go on with that "
        f"one: tsuzuki resume {match.session_id}",
    )


def _check_identity(run: Run, *, accept: bool, may_differ: frozenset[str]) -> None:
    """Refuse to go on where the output would have other bytes, unless the user accepts that."""
    validated = run.remembered("validate")
    stored, present = validated.get("identity"), run.identity
    changes = differences(stored, present) if stored is not None else []
    if not changes:
        validated["identity"] = present
        return
    listed = "; ".join(map(str, changes))
    if not accept and not may_differ.issuperset(change.field for change in changes):
        raise SessionDiffersError(
            f"Session {run.session_id} was begun with something else: {listed}. Put it back as it "
            "was, or go on with --accept-changes (the output will not have the same bytes as an "
            "uninterrupted run), or start anew with --on-existing restart.",
            differences=[str(change) for change in changes],
        )
    validated.setdefault("accepted_changes", []).extend(str(change) for change in changes)
    validated["identity"] = present
    run.begin_segments_anew(video=any(change.field.startswith("video") for change in changes))
    run.warn("accepted-changes", f"Going on in spite of these changes: {listed}.")
