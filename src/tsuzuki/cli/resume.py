"""``tsuzuki resume``."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsuzuki.cli import options as o
from tsuzuki.errors import SessionError, SessionNotFoundError, SettingsError

if TYPE_CHECKING:
    from tsuzuki.sessions import SessionManager
    from tsuzuki.sessions.progress import ProgressData

_ID = re.compile(r"[0-9a-f]{12}")


def resume(
    session: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID|VIDEO]",
            help="A session by its id (tsuzuki sessions list), or the video it upscales. May be "
            "left out when there is only one.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Resume all, one after the other.")] = False,
    output: o.Output = None,
    accept_changes: o.AcceptChanges = False,
    overwrite: o.Overwrite = False,
    sessions_dir: o.SessionsDir = None,
    allow_sleep: o.AllowSleep = False,
    json: o.Json = False,
) -> None:
    """Go on with an unfinished session, from the very frame and with its own settings.

    [bold]Examples[/bold]

      tsuzuki resume             # the only unfinished session
      tsuzuki resume film.mkv    # by the video
      tsuzuki resume --all       # everything that is unfinished
    """
    from tsuzuki.cli.run import Job, run_queue  # noqa: PLC0415 - keeps --help fast
    from tsuzuki.pipeline import resume as run_pipeline  # noqa: PLC0415
    from tsuzuki.sessions import SessionManager  # noqa: PLC0415

    if every and (session or output):
        raise SettingsError("--all resumes every session: leave out ID, VIDEO and -o.")
    manager = SessionManager(sessions_dir)
    ids = _unfinished_ids(manager) if every else [_choose(manager, session)]
    jobs = [
        Job(
            session_id,
            partial(
                run_pipeline,
                session_id,
                video=session if session is not None and session != session_id else None,
                output=output,
                accept_changes=accept_changes,
                overwrite=overwrite,
                sessions_dir=sessions_dir,
                allow_sleep=allow_sleep,
            ),
        )
        for session_id in ids
    ]
    raise typer.Exit(run_queue(jobs, json=json))


def _choose(manager: SessionManager, session: str | None) -> str:
    """Return the id of the session that the argument names."""
    if session is None:
        return _only(_unfinished(manager), "There are several unfinished sessions")
    if _ID.fullmatch(session) and not Path(session).exists():
        return session
    found = [
        match.progress
        for match in manager.find_sessions(session)
        if match.progress["status"] != "completed"
    ]
    if not found:
        raise SessionNotFoundError(
            f"There is no unfinished session of {session} in {manager.root}. "
            f"`tsuzuki sessions list` shows all; `tsuzuki upscale {session}` starts one."
        )
    return _only(found, f"There are several unfinished sessions of {session}")


def _only(found: list[ProgressData], several: str) -> str:
    if len(found) == 1:
        return found[0]["session_id"]
    names = ", ".join(f"{one['session_id']} ({Path(one['video_file']).name})" for one in found)
    raise SessionError(f"{several}: {names}. Name one by its id, or resume them with --all.")


def _unfinished(manager: SessionManager) -> list[ProgressData]:
    found = manager.get_all_resumable_sessions()
    if not found:
        raise SessionNotFoundError(
            f"There is no unfinished session in {manager.root}. Start with `tsuzuki upscale VIDEO`."
        )
    return found


def _unfinished_ids(manager: SessionManager) -> list[str]:
    return [progress["session_id"] for progress in _unfinished(manager)]
