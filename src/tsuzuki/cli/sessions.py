"""``tsuzuki sessions``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.errors import SessionNotFoundError, SettingsError

if TYPE_CHECKING:
    from tsuzuki.sessions import SessionManager
    from tsuzuki.sessions.progress import ProgressData

app = typer.Typer(
    help="List, show and remove sessions. A session is one upscaling job: one video with one set "
    "of settings, kept on disk until its output is complete.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Session ids.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list")
def list_sessions(sessions_dir: o.SessionsDir = None, json: o.JsonResult = False) -> None:
    """List all sessions, the latest first."""
    from rich.table import Table  # noqa: PLC0415 - keeps --help fast
    from rich.text import Text  # noqa: PLC0415

    from tsuzuki.cli.text import moment, safe, size, stdout  # noqa: PLC0415

    manager = _manager(sessions_dir)
    found = sorted(manager.sessions(), key=lambda one: one["last_updated"], reverse=True)
    if json:
        _print_json([_with_size(manager, one) for one in found])
        return
    if not found:
        stdout().print(f"There is no session in {manager.root}.", markup=False, soft_wrap=True)
        return
    table = Table(box=None)
    for heading in ("id", "video", "scale", "done", "updated", "size", "state"):
        table.add_column(heading, no_wrap=heading != "video", overflow="fold")
    for one in found:
        table.add_row(
            one["session_id"],
            Text(safe(Path(one["video_file"]).name)),
            f"{float(one['settings']['scale_factor']):g}x",
            f"{one['steps']['upscale']['progress']:.1f} %",
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
    """Show a session: its video, its settings and how far it is."""
    from tsuzuki.cli.dialog import session_panel  # noqa: PLC0415
    from tsuzuki.cli.text import stdout  # noqa: PLC0415

    manager = _manager(sessions_dir)
    progress = _load(manager, session_id)
    if json:
        _print_json(_with_size(manager, progress))
        return
    stdout().print(session_panel(progress, f"Session {session_id}"))
    if progress["status"] != "completed":
        stdout().print(f"Go on with: tsuzuki resume {session_id}", markup=False)


@app.command("remove")
def remove_sessions(ids: Ids, yes: Yes = False, sessions_dir: o.SessionsDir = None) -> None:
    """Remove sessions and the work in them. Outputs stay."""
    from tsuzuki.cli.text import stdout  # noqa: PLC0415
    from tsuzuki.sessions.cleanup import has_work  # noqa: PLC0415

    manager = _manager(sessions_dir)
    for progress in [_load(manager, one) for one in ids]:
        session_id = progress["session_id"]
        if yes or not has_work(manager.paths(session_id)) or _may_remove(progress):
            manager.cleanup_session(session_id)
            stdout().print(f"Removed {session_id}.")
        else:
            stdout().print(f"Kept {session_id}.")


@app.command("clean")
def clean_sessions(
    older_than: Annotated[
        int, typer.Option("--older-than", min=0, help="Days since a session was last worked on.")
    ] = 7,
    yes: Yes = False,
    sessions_dir: o.SessionsDir = None,
) -> None:
    """Remove old sessions; those with work in them only after asking."""
    from tsuzuki.cli.text import is_terminal, stdout  # noqa: PLC0415

    kept: list[str] = []

    def confirm(progress: ProgressData) -> bool:
        wanted = yes or (is_terminal() and _may_remove(progress))
        if not wanted:
            kept.append(progress["session_id"])
        return wanted

    removed = _manager(sessions_dir).cleanup_old_sessions(older_than, confirm=confirm)
    stdout().print(f"Removed {len(removed)}: {', '.join(removed)}" if removed else "None removed.")
    if kept:
        stdout().print(
            f"Kept {len(kept)} with work in them (--yes removes them): {', '.join(kept)}"
        )


def _manager(root: Path | None) -> SessionManager:
    from tsuzuki.sessions import SessionManager  # noqa: PLC0415

    return SessionManager(root)


def _load(manager: SessionManager, session_id: str) -> ProgressData:
    progress = manager.load_progress(session_id)
    if progress is None:
        raise SessionNotFoundError(
            f"There is no session {session_id} in {manager.root}. `tsuzuki sessions list` shows "
            "all.",
            session_id=session_id,
        )
    return progress


def _may_remove(progress: ProgressData) -> bool:
    """Ask a person whether work may be thrown away; without a terminal, that takes ``--yes``."""
    from tsuzuki.cli.dialog import confirm, session_panel  # noqa: PLC0415
    from tsuzuki.cli.text import is_terminal, stderr  # noqa: PLC0415

    session_id = progress["session_id"]
    if not is_terminal():
        raise SettingsError(
            f"Session {session_id} has unfinished work in it. Give --yes to remove it all the same."
        )
    stderr().print(session_panel(progress, f"Session {session_id}"))
    return confirm("Remove it and the work in it?")


def _state(progress: ProgressData) -> str:
    reasons = [step.get("error") for step in progress["steps"].values()]
    return "paused" if any(reasons) else progress["status"].replace("_", " ")


def _size(manager: SessionManager, progress: ProgressData) -> int:
    """Return the bytes of all files in the session's folder."""
    folder = manager.paths(progress["session_id"]).folder
    size = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # a session at work removes files meanwhile
            size += file.lstat().st_size
    return size


def _with_size(manager: SessionManager, progress: ProgressData) -> dict[str, Any]:
    return {**progress, "size": _size(manager, progress)}


def _print_json(value: Any) -> None:
    import msgspec  # noqa: PLC0415

    typer.echo(msgspec.json.encode(value).decode())
