"""What runs a session: its steps in order, one worker, and the end saved however it comes."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tsuzuki.durable import is_there
from tsuzuki.errors import (
    Cancelled,
    DamagedFramesError,
    HdrLossError,
    InputError,
    OutOfMemoryError,
    OutputError,
    ResourceError,
    SessionDiffersError,
    SettingsError,
    SuspiciousFrameError,
    TsuzukiError,
)
from tsuzuki.pipeline import events
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.awake import awake
from tsuzuki.pipeline.decided import decided_facts, decided_framing
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.steps import combine, extract, validate
from tsuzuki.pipeline.steps import upscale as upscaling
from tsuzuki.pipeline.team import Cluster, Team
from tsuzuki.sessions.identity import Difference
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.lock import SessionLock
from tsuzuki.sessions.log import session_log
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.progress import ProgressData, StepName
from tsuzuki.sessions.ranges import FrameRanges
from tsuzuki.sessions.runs import COMPLETED, RunRecorder
from tsuzuki.sessions.search import SessionMatch, is_same_job
from tsuzuki.settings import ProcessingSettings
from tsuzuki.tracing import span

_log = logging.getLogger(__name__)

Choice = Literal["resume", "restart", "fail"]
OnExisting = Choice | Callable[[ProgressData], Choice]
"""What to do with an unfinished session, or a function that decides it from its progress."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a run that came to its end has made."""

    output: Path
    session_id: str
    frames: int
    frames_computed: int
    """Frames computed by this run; the others were safe from earlier runs."""
    reused: float
    """Share of the video's area that was taken over from the frames before, 0 to 1."""
    failed_frames: tuple[int, ...]
    """Damaged frames by their numbers in the video, from 1, whatever part of it was upscaled.

    They repeat a neighbour, or the decoder has patched them.
    """
    seconds: float
    size: int
    """Bytes of the output."""
    kept_frames: Path | None
    """Folder of the session with the kept frames, where they were asked for."""
    bit_identical: bool
    """False when changes were accepted on the way, which took the promise of equal bytes back."""


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


class Runner:
    """A manager, a supervised worker, and the session that they work on."""

    def __init__(
        self,
        manager: SessionManager,
        emit: events.OnEvent,
        cancel: threading.Event,
        *,
        allow_sleep: bool,
        cluster: Cluster | None = None,
    ) -> None:
        self.manager = manager
        self.accepted: frozenset[int] = frozenset()
        """Frames (from 1) to take as they come out of the network."""
        self.accept_damage = False
        """Whether to go on however many frames are damaged."""
        self.accept_hdr_loss: validate.OnHdrLoss = False
        """Whether to go on without dynamic HDR metadata."""
        self.may_differ: frozenset[str] = frozenset()
        """Parts of the identity that the user wants changed."""
        self.team = Team(cancel, self._on_restart)
        self._emit = emit
        self._allow_sleep = allow_sleep
        self._cluster = cluster
        self._run: Run | None = None
        self._recorder: RunRecorder | None = None
        self._stopped = False
        self._began = time.monotonic()

    def plan(
        self,
        path: Path,
        settings: ProcessingSettings,
        output: Path | None,
        session: ProgressData | None = None,
    ) -> Plan:
        """Have the worker probe the video and resolve the settings as the session did."""
        file = str(output) if output and not (is_there(output) and output.is_dir()) else None
        framing = None if session is None else decided_framing(session)
        device = None
        if self._cluster is not None and settings.engine != "nearest":
            device = self._cluster.device(settings.device)
        request = m.MakePlan(
            path=str(path),
            settings=settings,
            output=file,
            framing=framing,
            judged=None if session is None else decided_facts(session, path),
            device=device,
        )
        plan = self.team.first.ask(request, m.PlanMade).plan
        if self._cluster is not None:
            self._cluster.check(plan)
        return plan

    def find_session(self, plan: Plan) -> ProgressData | None:
        """Return the session of this video with these settings; tell of its other sessions."""
        own = self.manager.generate_session_id(plan.probe.path, plan.settings)
        found = None
        for match in self.manager.find_sessions(plan.probe.path, plan.settings):
            # One with the id that a new session would get counts whatever differs, to be refused.
            if found is None and (match.session_id == own or is_same_job(match)):
                found = match.progress
            elif self.manager.has_begun(match.progress):
                self._emit(_other_session(match, self.manager.paths(match.session_id)))
        return found

    def choose(self, progress: ProgressData, on_existing: OnExisting) -> Choice:
        """Ask what to do with a session that was found, if there is unfinished work in it."""
        if not callable(on_existing):
            return on_existing
        return on_existing(progress) if self.manager.has_begun(progress) else "resume"

    def check_hdr_loss(self, plan: Plan) -> None:
        """Raise `HdrLossError` or `Cancelled` unless nothing gets lost, or it may; ask once."""
        validate.check_hdr_loss(plan, self.accept_hdr_loss)
        self.accept_hdr_loss = True

    def create(self, plan: Plan, output: Path | None, *, overwrite: bool) -> tuple[str, Path]:
        """Check everything that can be known now; return a new session's id and its output."""
        target = validate.place_output(plan, output)
        validate.check_output(plan, target, overwrite=overwrite)
        self.check_hdr_loss(plan)
        session_id = self.manager.create_session(
            plan.probe.path, plan.settings, plan.video_info, output=target
        )
        return session_id, target

    def start(self, plan: Plan, output: Path | None, *, overwrite: bool) -> Result:
        """Create a session and work on it."""
        session_id, target = self.create(plan, output, overwrite=overwrite)
        with self._session(session_id, plan, overwrite=overwrite) as run:
            run.state["output"] = str(target)
            run.accept([])
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
            # What refuses comes first: until then the session is left as it is.
            changes = validate.check_identity(run, accept=accept, may_differ=self.may_differ)
            if not run.remembered("validate").get("accepted_hdr_loss"):
                self.check_hdr_loss(plan)
            own = self.manager.is_own(session_id)
            known = own and "output" in run.state  # nobody here wished for another's output
            default = run.output if known else validate.default_output(plan)
            target = default if output is None else validate.place_output(plan, output)
            if not combine.is_published(run, target):
                validate.check_output(plan, target, overwrite=run.overwrite)
            if known and target != run.output:
                combine.remove_temporaries(run)  # those beside the output as it was
            run.state["output"] = str(target)
            if not own:
                self.manager.adopt(session_id)
            if run.keep_frames:  # for good: a later run without the wish must not delete them
                run.state["settings"]["keep_frames"] = True
            run.state["video_file"] = plan.probe.path
            run.state["settings"]["tile_size"] = plan.settings.tile_size
            run.accept(changes)
            return self._work(run, resumed=True)

    def stop(self, error: BaseException) -> None:
        """Save what is finished and why it went no further, and tell; the first call counts."""
        if self._stopped:
            return
        self._stopped = True
        run = self._run
        if run is not None:
            level = logging.INFO if isinstance(error, Cancelled) else logging.ERROR
            _log.log(level, "stopped: %s: %s", type(error).__name__, error)
        try:
            self.team.stop(run.on_report if run else lambda _: None)
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
            self._record_end(run, error.code if isinstance(error, TsuzukiError) else "cancelled")
        self._tell_stopped(error, run)

    def _forget(self, run: Run, error: TsuzukiError) -> None:
        """Remove a session in which nothing was done."""
        self._stopped = True
        self._run = run.step = None
        if self._recorder is not None:
            self._recorder.forget()
        self.team.stop(lambda _: None)
        with contextlib.suppress(TsuzukiError):
            self.manager.cleanup_session(run.session_id)
        self._tell_stopped(error, None)

    def _tell_stopped(self, error: BaseException, run: Run | None) -> None:
        if isinstance(error, TsuzukiError):
            command = run.store.paths.command("resume", *_more(error)) if run else None
            if isinstance(error, SessionDiffersError):
                command = None  # it would be refused again; the message names the ways on
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
            run = Run(self.manager, session_id, plan, self.team, self._emit, self._cluster)
            run.overwrite = overwrite
            self._run = run
            _log_beginning(plan)
            try:
                yield run
            except BaseException as error:
                self.stop(error)  # while the session is still locked
                raise

    def _work(self, run: Run, *, resumed: bool) -> Result:
        with contextlib.ExitStack() as stack:
            stack.enter_context(span("run", session_id=run.session_id, resumed=int(resumed)))
            if not self._allow_sleep:
                stack.enter_context(awake())
            self._recorder = RunRecorder(
                self.manager.root,
                run.state,
                self.manager.monitor,
                resumed=resumed,
                since=self._began,
            )
            if resumed:
                watch = self.manager.monitor.track_resume_time(run.session_id, since=self._began)
                run.on_going = watch.stop
            self._open(run, resumed=resumed)
            self._accept_frames(run)
            published = combine.is_published(run)
            for step in _STEPS:
                self._do(run, step, done=published)
            return self._finish(run)

    def _open(self, run: Run, *, resumed: bool) -> None:
        known = extract.load_index(run)
        completed = (
            run.store.completed() if known else self.manager.completed_frames(run.session_id)
        )
        run.emit(
            events.SessionOpened(
                session_id=run.session_id,
                video_file=run.plan.probe.path,
                output=str(run.output),
                folder=str(run.store.paths.folder),
                resumed=resumed,
                frames_total=len(run.index) if known else None,
                frames_done=run.frames_done(completed),
                settings=run.plan.settings.to_dict(),
            )
        )
        for note in (*run.plan.notes, *run.index.warnings):
            run.warn("note", note)
        self._warn_of_rivals(run)
        if resumed:
            upscaled = run.remembered("upscale")
            reached = upscaled.pop("reached", 0)
            computed = FrameRanges(upscaled.pop("computed", [(1, reached)] if reached else ()))
            lost = run.store.open_frames(run.segments, computed).minus(completed)
            run.emit(events.ResumeReport(session_id=run.session_id, frames_again=len(lost)))

    def _warn_of_rivals(self, run: Run) -> None:
        """Tell of unfinished sessions that want the output of this one: the first one gets it."""
        for other in self.manager.get_unfinished_sessions():
            session_id = other["session_id"]
            if session_id != run.session_id and other.get("output") == str(run.output):
                run.warn(
                    "same-output",
                    f"Session {session_id} of {other['video_file']}, which is unfinished, is to "
                    f"write {run.output} too. The first to end gets that name, the other needs "
                    "another one (-o) then. If that one is no longer wanted: "
                    f"{self.manager.paths(session_id).command('sessions remove')}",
                )

    def _accept_frames(self, run: Run) -> None:
        if self.accept_damage:
            run.remembered("validate")["accepted_damage"] = True
        if run.plan.probe.dynamic_hdr:
            run.remembered("validate")["accepted_hdr_loss"] = True  # else it would not be here
        if self.accepted:
            if (total := len(run.index)) and max(self.accepted) > total:
                raise SettingsError(f"There is no frame {max(self.accepted)}: there are {total}.")
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
            _log.info("step %s begins", step.name)
            self.manager.update_step_status(run.session_id, step.name, "in_progress")
            run.emit(events.StepStarted(session_id=run.session_id, step=step.name))
            if step.name == "combine":
                run.on_going()
            with span(step.name):
                step.work(run)
            _log.info("step %s took %.1f s", step.name, time.monotonic() - began)
            run.emit(
                events.StepCompleted(
                    session_id=run.session_id, step=step.name, seconds=time.monotonic() - began
                )
            )
        self.manager.update_step_status(run.session_id, step.name, "completed")

    def _finish(self, run: Run) -> Result:
        self.team.stop(lambda _: None)
        combine.remove_temporaries(run)
        kept = run.store.paths.folder if run.keep_frames else None
        result = Result(
            output=run.output,
            session_id=run.session_id,
            frames=len(run.index) or run.remembered("upscale").get("total", 0),
            frames_computed=run.frames_computed,
            reused=run.store.reused(),
            failed_frames=run.failed_frames,
            seconds=time.monotonic() - self._began,
            size=run.remembered("combine")["output"]["size"],
            kept_frames=kept,
            bit_identical=run.bit_identical,
        )
        run.step = None
        self._run = None
        self._record_end(run, COMPLETED)
        self.manager.cleanup_session(run.session_id, keep_frames=run.keep_frames)
        facts = {name: getattr(result, name) for name in Result.__struct_fields__}
        facts |= {"output": str(result.output), "kept_frames": str(kept) if kept else None}
        self._emit(events.Finished(**facts))
        return result

    def _record_end(self, run: Run, outcome: str) -> None:
        if self._recorder is not None:
            frames = len(run.index) or None
            self._recorder.end(outcome, frames=frames, frames_computed=run.frames_computed)

    def _on_restart(self, reason: str) -> None:
        session_id = self._run.session_id if self._run else ""
        self._emit(events.WorkerRestarted(session_id=session_id, reason=reason))


def _log_beginning(plan: Plan) -> None:
    """Note what a report of an error has to tell."""
    facts, encoding = plan.probe, plan.encoding
    networks = ", ".join(one.network for one in plan.upscaling.passes) or "none"
    _log.info("tsuzuki %s on %s", plan.versions.get("tsuzuki"), plan.upscaling.device)
    _log.info("networks: %s; processor: %s", networks, plan.cpu)
    _log.info(
        "%s, %dx%d %s in %s, to %dx%d by %s in %s",
        facts.path,
        facts.width,
        facts.height,
        facts.codec,
        facts.format,
        encoding.width,
        encoding.height,
        encoding.encoder,
        encoding.container,
    )


def _more(error: TsuzukiError) -> tuple[str, ...]:
    """Return the options without which a resumed run would fail in the same way."""
    match error:
        case OutputError():
            return "-o", "NAME"
        case DamagedFramesError():
            return ("--accept-damage",)
        case HdrLossError():
            return ("--accept-hdr-loss",)
        case SuspiciousFrameError():
            return "--accept-suspicious", str(error.details["frame"])
        case OutOfMemoryError() if "tile_size" in error.details:
            return "--tile-size", str(error.details["tile_size"])
    return ()


def _other_session(match: SessionMatch, paths: SessionPaths) -> events.Warned:
    def told(difference: Difference) -> str:
        name = difference.field.removeprefix("settings.").replace("_", " ")
        stored, present = map(shown, (difference.stored, difference.present))
        return f"{name}: {stored} then, {present} now"

    def shown(value: Any) -> str:
        return "by default" if value is None else str(value)

    listed = "; ".join(map(told, match.differences))
    if match.match == "video_differs":
        how = f"That one is for the video as it was: {paths.command('sessions show')}"
    else:
        how = f"To go on with that one: {paths.command('resume')}"
    return events.Warned(
        session_id=match.session_id,
        code="other-session",
        message=f"There is another unfinished session of this video ({listed}). {how}",
    )
