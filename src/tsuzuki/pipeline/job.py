"""The public functions: upscale a video, resume a session."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tsuzuki.durable import is_there
from tsuzuki.errors import (
    ForeignSessionError,
    InputError,
    InputNotFoundError,
    OutputError,
    SessionError,
    SettingsError,
    TsuzukiError,
)
from tsuzuki.pipeline import events
from tsuzuki.pipeline.decided import decided_framing
from tsuzuki.pipeline.runner import OnExisting, Result, Runner
from tsuzuki.pipeline.steps import validate
from tsuzuki.pipeline.team import Cluster
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.pictures import pattern_of
from tsuzuki.sessions.progress import ProgressData
from tsuzuki.settings import ProcessingSettings

TILES = frozenset({"settings.tile_size", "upscaling.passes"})
"""Parts of the identity that the size of tiles changes."""
PathLike = str | os.PathLike[str]


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
    accept_damage: bool = False,
    accept_hdr_loss: validate.OnHdrLoss = False,
    overwrite: bool = False,
    sessions_dir: PathLike | None = None,
    allow_sleep: bool = False,
    cluster: Cluster | None = None,
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
    number (from 1) is in ``accept_suspicious``; one in which very much cannot be decoded with
    `DamagedFramesError`, unless ``accept_damage``. A video with dynamic HDR metadata, which gets
    lost, is refused with `HdrLossError`, unless ``accept_hdr_loss``, which may be a function that
    is given what gets lost and returns whether to go on. An existing output is only replaced with
    ``overwrite``. ``on_event`` is called with each event, in this thread.

    Raises the errors of `tsuzuki.errors`; whatever is raised, finished work is kept.
    """
    wish = ProcessingSettings.from_dict(settings or {})
    source = _path(path, InputError)
    target = None if output is None else _path(output, OutputError)
    with _runner(on_event, cancel, sessions_dir, cluster, allow_sleep=allow_sleep) as runner:
        runner.accepted = frozenset(accept_suspicious)
        runner.accept_damage = accept_damage
        runner.accept_hdr_loss = accept_hdr_loss
        plan = runner.plan(source, wish, target)
        runner.manager.cleanup_old_sessions()
        existing = runner.find_session(plan)
        if existing is None:
            return runner.start(plan, target, overwrite=overwrite)
        if plan.framing not in {None, decided_framing(existing)}:
            plan = runner.plan(source, wish, target, existing)
        session_id = existing["session_id"]
        choice = runner.choose(existing, on_existing)
        if choice == "fail":
            raise SessionError(
                f"Session {session_id} of this video with these settings exists. Go on with "
                f"`{runner.manager.paths(session_id).command('resume')}`, or start anew with "
                "--on-existing restart.",
                session_id=session_id,
            )
        if choice == "restart":
            validate.check_output(plan, validate.place_output(plan, target), overwrite=overwrite)
            runner.check_hdr_loss(plan)
            runner.manager.cleanup_session(session_id)
            return runner.start(plan, target, overwrite=overwrite)
        return runner.go_on(plan, session_id, target, overwrite=overwrite, accept=accept_changes)


def create_session(
    path: PathLike,
    settings: ProcessingSettings | Mapping[str, Any] | None = None,
    *,
    output: PathLike | None = None,
    sessions_dir: PathLike | None = None,
) -> str:
    """Create the session of a video, for `resume` to work on, and return its id.

    That of an unfinished session of this video with these settings, where there is one. Raises what
    `upscale` raises before it begins.
    """
    wish = ProcessingSettings.from_dict(settings or {})
    target = None if output is None else _path(output, OutputError)
    with _runner(None, None, sessions_dir, None, allow_sleep=True) as runner:
        plan = runner.plan(_path(path, InputError), wish, target)
        existing = runner.find_session(plan)
        if existing is not None:
            return existing["session_id"]
        return runner.create(plan, target, overwrite=False)[0]


def resume(
    session_id: str,
    *,
    video: PathLike | None = None,
    output: PathLike | None = None,
    on_event: events.OnEvent | None = None,
    cancel: threading.Event | None = None,
    accept_changes: bool = False,
    accept_suspicious: Iterable[int] = (),
    accept_damage: bool = False,
    accept_hdr_loss: validate.OnHdrLoss = False,
    tile_size: int | None = None,
    workers: int = 1,
    overwrite: bool = False,
    sessions_dir: PathLike | None = None,
    allow_sleep: bool = False,
    cluster: Cluster | None = None,
) -> Result:
    """Go on with a session, with its own settings; see `upscale` for the parameters.

    ``video`` says where the video lies now, if it was moved. ``tile_size`` goes on with other tiles
    from the next segment on, where memory is short; that is an accepted change. ``workers`` are
    for this run only, and so is the ``cluster``.

    A session that was begun elsewhere and brought into the folder needs both ``video`` and
    ``output``: what it names itself is not touched unasked.

    Raises `SessionNotFoundError` where there is no such session, `ForeignSessionError`.
    """
    moved = None if video is None else _path(video, InputError)
    target = None if output is None else _path(output, OutputError)
    with _runner(on_event, cancel, sessions_dir, cluster, allow_sleep=allow_sleep) as runner:
        manager, paths = runner.manager, runner.manager.paths(session_id)
        progress = manager.require_progress(session_id)
        if not manager.is_own(session_id) and (moved is None or target is None):
            raise _foreign(progress, moved, paths)
        runner.accepted = frozenset(accept_suspicious)
        runner.accept_damage = accept_damage
        runner.accept_hdr_loss = accept_hdr_loss
        settings = ProcessingSettings.from_dict({**progress["settings"], "workers": workers})
        if tile_size is not None:
            settings = ProcessingSettings.from_dict({**settings.to_dict(), "tile_size": tile_size})
            runner.may_differ |= TILES
        path = moved or Path(progress["video_file"])
        if moved is None and pattern_of(path) is None and not is_there(path):
            raise InputNotFoundError(
                f"The video of session {session_id} is no longer at {path}. If it was moved, run "
                f"`{paths.command('resume', '--video', 'PATH')}` with where it is now; if its disk "
                "is not connected, connect it.",
                path=str(path),
            )
        plan = runner.plan(path, settings, None, progress)
        return runner.go_on(plan, session_id, target, overwrite=overwrite, accept=accept_changes)


def _foreign(
    progress: ProgressData, moved: Path | None, paths: SessionPaths
) -> ForeignSessionError:
    session_id, video = progress["session_id"], moved or progress["video_file"]
    output = progress.get("output", "OUTPUT")
    command = paths.command("resume", "--video", str(video), "-o", output)
    return ForeignSessionError(
        f"Session {session_id} was begun elsewhere, or its folder was moved or copied here. If it "
        f"is right that it reads {video} and writes {output}, say so: {command}",
        session_id=session_id,
        command=command,
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
    cluster: Cluster | None,
    *,
    allow_sleep: bool,
) -> Iterator[Runner]:
    emit = on_event or (lambda _: None)
    root = None if sessions_dir is None else _path(sessions_dir, SettingsError)
    with SessionManager(root) as manager:
        runner = Runner(
            manager, emit, cancel or threading.Event(), allow_sleep=allow_sleep, cluster=cluster
        )
        try:
            if cluster is not None:
                cluster.connect()
            yield runner
        except BaseException as error:
            runner.stop(error)
            raise
        finally:
            runner.team.stop(lambda _: None)
