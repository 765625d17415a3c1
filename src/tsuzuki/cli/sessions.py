"""``tsuzuki sessions``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.errors import SessionDamagedError, SettingsError, TsuzukiError
from tsuzuki.language import tr, trn, trp
from tsuzuki.sentences import told

if TYPE_CHECKING:
    from tsuzuki.pipeline.resume_point import Suggestion
    from tsuzuki.sessions import Repaired, Report, SessionManager
    from tsuzuki.sessions.layout import SessionPaths
    from tsuzuki.sessions.pace import Forecast
    from tsuzuki.sessions.progress import ProgressData

app = typer.Typer(
    help="List, show, check, repair, move and remove sessions. A session is one upscaling job: one "
    "video with one set of settings, kept on disk until its output is complete.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Session ids.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list")
def list_sessions(sessions_dir: o.SessionsDir = None, json: o.JsonResult = False) -> None:
    """List all sessions, the latest first."""
    from rich.table import Table  # noqa: PLC0415 - keeps --help fast
    from rich.text import Text  # noqa: PLC0415

    from tsuzuki.cli.text import duration, moment, safe, size, stdout  # noqa: PLC0415
    from tsuzuki.sessions.pace import time_left  # noqa: PLC0415
    from tsuzuki.settings import ProcessingSettings  # noqa: PLC0415

    manager = _manager(sessions_dir)
    found = sorted(manager.sessions(), key=lambda one: one["last_updated"], reverse=True)
    if json:
        _print_json([_with_size(manager, one) for one in found])
        return
    if not found:
        _print(tr("There is no session in {place}.").format(place=manager.root))
        return
    video = trp("sessions", "video")
    headings = (
        trp("sessions", "id"),
        video,
        trp("sessions", "scale"),
        trp("sessions", "done"),
        trp("sessions", "left"),
        trp("sessions", "updated"),
        trp("sessions", "size"),
        trp("sessions", "state"),
    )
    table = Table(box=None)
    for heading in headings:
        table.add_column(heading, no_wrap=heading != video, overflow="fold")
    for one in found:
        table.add_row(
            one["session_id"],
            Text(safe(Path(one["video_file"]).name)),
            ProcessingSettings.from_dict(one["settings"]).enlargement,
            f"{one['steps']['upscale']['progress']:.1f} %",
            "" if (left := time_left(one)) is None else duration(left.seconds),
            moment(one["last_updated"])[:16],  # to the minute
            size(_size(manager, one)),
            _state(one),
        )
    stdout().print(table)


@app.command("show")
def show_session(
    session_id: Annotated[str, typer.Argument(metavar="ID", help="Session id.")],
    sessions_dir: o.SessionsDir = None,
    json: o.JsonResult = False,
) -> None:
    """Show a session: its video, its settings, how far it is, and where it would go on and why."""
    from tsuzuki.cli.dialog import session_panel  # noqa: PLC0415
    from tsuzuki.cli.text import stdout  # noqa: PLC0415
    from tsuzuki.pipeline.resume_point import SmartResumeManager  # noqa: PLC0415

    manager = _manager(sessions_dir)
    progress = manager.require_progress(session_id)
    unfinished = progress["status"] != "completed"
    suggestion = SmartResumeManager(sessions_dir).suggest(session_id) if unfinished else None
    if json:
        plain = None if suggestion is None else _plain(suggestion)
        _print_json({**_with_size(manager, progress), "suggestion": plain})
        return
    stdout().print(session_panel(progress, _title(session_id)))
    if suggestion is not None:
        _show_suggestion(suggestion)
        _print_way_on(manager.paths(session_id))


@app.command("check")
def check_sessions(
    session_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="Session id.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Check every session.")] = False,
    read_data: Annotated[
        bool,
        typer.Option("--read-data", help="Read everything, so that every changed bit is found."),
    ] = False,
    sessions_dir: o.SessionsDir = None,
    json: o.JsonResult = False,
) -> None:
    """Find damaged and missing files of a session; nothing is changed.

    Ends with exit code 0 where all is well, and 34 where there are problems.
    """
    from tsuzuki.cli.boundary import show_error  # noqa: PLC0415

    if (session_id is None) is not every:
        raise SettingsError("Name one session to check, or give --all.")
    manager = _manager(sessions_dir)
    ids = manager.session_ids() if session_id is None else [session_id]
    if not ids and not json:
        _print(tr("There is no session in {place}.").format(place=manager.root))
    reports, failures = [], {}
    for one in ids:
        try:
            report = manager.check_session(one, read_data=read_data)
        except TsuzukiError as error:
            if not every:
                raise
            failures[one] = error
            show_error(error)
        else:
            reports.append(report)
            if not json:
                _show_report(report, manager.paths(one), read_data=read_data)
    if json:
        errors = [{"session_id": one, "error": e.message} for one, e in failures.items()]
        _print_json([*map(_plain, reports), *errors])
    damaged = any(report.problems for report in reports)
    code = max((error.exit_code for error in failures.values()), default=0)
    raise typer.Exit(SessionDamagedError.exit_code if damaged else code)


@app.command("repair")
def repair_session(
    session_id: Annotated[str, typer.Argument(metavar="ID", help="Session id.")],
    sessions_dir: o.SessionsDir = None,
    json: o.JsonResult = False,
) -> None:
    """Set damaged files of a session aside, so that only they are computed again.

    Nothing that is damaged is deleted, and nothing that is sound is touched.
    """
    manager = _manager(sessions_dir)
    repaired = manager.repair_session(session_id)
    if json:
        _print_json(_plain(repaired))
    else:
        _show_repaired(repaired, manager.paths(session_id))


@app.command("move")
def move_session(
    session_id: Annotated[str, typer.Argument(metavar="ID", help="Session id.")],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Sessions folder that it goes to.")
    ],
    sessions_dir: o.SessionsDir = None,
) -> None:
    """Move a session to another folder, such as one on another disk with more room.

    It is removed here once every byte there has been compared.
    """
    moved = _manager(sessions_dir).move_session(session_id, folder)
    _print(tr("Moved to {folder}.").format(folder=moved.folder))
    _print_way_on(moved)


@app.command("remove")
def remove_sessions(ids: Ids, yes: Yes = False, sessions_dir: o.SessionsDir = None) -> None:
    """Remove sessions and the work in them. Outputs stay."""
    from tsuzuki.sessions.cleanup import has_work  # noqa: PLC0415

    manager = _manager(sessions_dir)
    every = [manager.paths(one) for one in ids]
    for paths in every:  # before anything is removed
        if not paths.exists():
            raise paths.missing()
    for paths in every:
        session_id = paths.session_id
        if yes or not has_work(paths) or _may_remove(manager.require_progress(session_id)):
            manager.cleanup_session(session_id)
            _print(tr("Removed {what}.").format(what=session_id))
        else:
            _print(tr("Kept {what}.").format(what=session_id))


@app.command("clean")
def clean_sessions(
    older_than: Annotated[
        int, typer.Option("--older-than", min=0, help="Days since a session was last worked on.")
    ] = 7,
    yes: Yes = False,
    sessions_dir: o.SessionsDir = None,
) -> None:
    """Remove old sessions; those with work in them only after asking."""
    from tsuzuki.cli.text import is_terminal  # noqa: PLC0415

    kept: list[str] = []

    def confirm(progress: ProgressData) -> bool:
        wanted = yes or (is_terminal() and _may_remove(progress))
        if not wanted:
            kept.append(progress["session_id"])
        return wanted

    removed = _manager(sessions_dir).cleanup_old_sessions(older_than, confirm=confirm)
    if removed:
        gone = tr("Removed {number}: {ids}")
        _print(gone.format(number=len(removed), ids=", ".join(removed)))
    else:
        _print(tr("None removed."))
    if kept:
        worked_on = tr("Kept {number} with work in them (--yes removes them): {ids}")
        _print(worked_on.format(number=len(kept), ids=", ".join(kept)))


def _show_suggestion(suggestion: Suggestion) -> None:
    from tsuzuki.cli.text import forecast  # noqa: PLC0415

    def time(left: Forecast) -> str:
        return forecast(left.seconds, left.low, left.high)

    if left := suggestion.left:
        timed = tr("It goes on from frame {frame}, about {time} left.")
        _print(timed.format(frame=suggestion.frame, time=time(left)))
    else:
        _print(tr("It goes on from frame {frame}.").format(frame=suggestion.frame))
    for reason in suggestion.reasons:
        _print(f"  {told(reason)}")
    if len(suggestion.points) > 1:
        way = tr("From frame {frame}, {how}: about {time} left.")
        for point in suggestion.points:
            how = _point(point.kind)
            _print("  " + way.format(frame=point.frame, how=how, time=time(point.left)))


def _point(kind: str) -> str:
    """Return what going on from a kind of point means."""
    return {
        "first-missing": tr("using all that is finished"),
        "segment-start": tr("computing the segment anew"),
        "last-verified": tr("using what is before the first damaged frame"),
        "between": tr("using only what is quicker read than computed"),
    }[kind]


def _show_report(report: Report, paths: SessionPaths, *, read_data: bool) -> None:
    for problem in report.problems:
        _print(told(str(problem)))
    for note in report.notes:
        _print(tr("Note: {text}").format(text=told(str(note))))
    session_id, problems = report.session_id, len(report.problems)
    if problems:
        found = trn(
            "Session {{id}} has {number} problem. Repair it: {{command}}",
            "Session {{id}} has {number} problems. Repair it: {{command}}",
            problems,
        )
        _print(found.format(id=session_id, command=paths.command("sessions repair")))
    elif read_data:
        _print(tr("Session {id} is sound.").format(id=session_id))
    else:
        sound = tr("Session {id} is sound as far as sizes tell; --read-data compares every bit.")
        _print(sound.format(id=session_id))


def _show_repaired(repaired: Repaired, paths: SessionPaths) -> None:
    for path in repaired.aside:
        _print(tr("Set aside: {path}").format(path=path))
    for path in repaired.removed:
        _print(tr("Removed, as nothing needs it: {path}").format(path=path))
    if repaired.rebuilt:
        _print(tr("The summary was made anew from the finished work."))
    done, total, again = repaired.frames_done, repaired.frames_total, repaired.frames_again
    part, known = tr("{done} of {total} frames are safe."), tr("{done} frames are safe.")
    _print((known if total is None else part).format(done=done, total=total))
    if repaired.completed:
        _print(tr("The output is complete; nothing is computed again."))
    else:
        way = trn(
            "Go on with: {{command}} (computes {number} frame again)",
            "Go on with: {{command}} (computes {number} frames again)",
            again,
        )
        _print(way.format(command=paths.command("resume")))


def _print_way_on(paths: SessionPaths) -> None:
    _print(tr("Go on with: {command}").format(command=paths.command("resume")))


def _title(session_id: str) -> str:
    return tr("Session {id}").format(id=session_id)


def _print(text: str) -> None:
    from tsuzuki.cli.text import safe, stdout  # noqa: PLC0415

    stdout().print(safe(text), markup=False, soft_wrap=True)


def _manager(root: Path | None) -> SessionManager:
    from tsuzuki.sessions import SessionManager  # noqa: PLC0415

    return SessionManager(root)


def _may_remove(progress: ProgressData) -> bool:
    """Ask a person whether work may be thrown away; without a terminal, that takes ``--yes``."""
    from tsuzuki.cli.dialog import confirm, session_panel  # noqa: PLC0415
    from tsuzuki.cli.text import is_terminal, stderr  # noqa: PLC0415

    session_id = progress["session_id"]
    if not is_terminal():
        raise SettingsError(
            f"Session {session_id} has unfinished work in it. Give --yes to remove it all the same."
        )
    stderr().print(session_panel(progress, _title(session_id)))
    return confirm(tr("Remove it and the work in it?"))


def _state(progress: ProgressData) -> str:
    reasons = [step.get("error") for step in progress["steps"].values()]
    if progress["status"] == "failed":
        return trp("session", "failed")
    if any(reasons):
        return trp("session", "paused")
    return {
        "completed": trp("session", "completed"),
        "in_progress": trp("session", "in progress"),
    }.get(progress["status"], progress["status"].replace("_", " "))


def _size(manager: SessionManager, progress: ProgressData) -> int:
    from tsuzuki.sessions.usage import disk_used  # noqa: PLC0415

    return disk_used(manager.paths(progress["session_id"]))


def _with_size(manager: SessionManager, progress: ProgressData) -> dict[str, Any]:
    from tsuzuki.sessions.pace import time_left  # noqa: PLC0415

    # For programs: seconds, and between which they lie in eight cases of ten.
    left = _plain(time_left(progress))
    return {**progress, "size": _size(manager, progress), "left": left}


def _plain(found: Report | Repaired | Suggestion | Forecast | None) -> Any:
    import msgspec  # noqa: PLC0415

    return msgspec.to_builtins(found, enc_hook=str)


def _print_json(value: Any) -> None:
    import msgspec  # noqa: PLC0415

    from tsuzuki.cli.text import safe_json  # noqa: PLC0415

    typer.echo(safe_json(msgspec.json.encode(value)))
