"""``tsuzuki resume``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.errors import SessionError, SessionNotFoundError, SettingsError

if TYPE_CHECKING:
    from tsuzuki.sessions import SessionManager
    from tsuzuki.sessions.progress import ProgressData


def resume(  # noqa: PLR0917 - each parameter is an option
    session: Annotated[
        str | None,
        typer.Argument(
            metavar="ID|VIDEO",
            help="A session by its id (tsuzuki sessions list), or the video it upscales. May be "
            "left out when there is only one.",
            show_default=False,
        ),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(
            "--video",
            help="Where the session's video lies now, if it was moved.",
            show_default="where it was",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Resume all, one after the other.")] = False,
    output: o.OtherOutput = None,
    accept_changes: o.AcceptChanges = False,
    accept_suspicious: o.AcceptSuspicious = None,
    accept_damage: o.AcceptDamage = False,
    accept_hdr_loss: o.AcceptHdrLoss = False,
    tile_size: o.OtherTileSize = None,
    workers: o.Workers = 1,
    cluster: o.Cluster = None,
    overwrite: o.Overwrite = False,
    sessions_dir: o.SessionsDir = None,
    sync: o.Sync = None,
    sync_every: o.SyncEvery = 60.0,
    take_over: o.TakeOver = False,
    allow_sleep: o.AllowSleep = False,
    notify: o.Notify = None,
    json: o.Json = False,
    json_interval: o.JsonInterval = 0.0,
    stop_file: o.StopFile = None,
) -> None:
    """Go on with an unfinished session, from the very frame and with its own settings.

    [bold]Examples[/bold]

      tsuzuki resume             # the only unfinished session
      tsuzuki resume film.mkv    # by the video
      tsuzuki resume --all       # everything that is unfinished
      tsuzuki resume 3f1c09a7be52 --video /usb/film.mkv   # its video was moved
    """
    from tsuzuki.cli.cloud import synced  # noqa: PLC0415 - keeps --help fast
    from tsuzuki.cli.cluster import cluster_at  # noqa: PLC0415
    from tsuzuki.cli.dialog import ask_of_hdr_loss  # noqa: PLC0415 - keeps --help fast
    from tsuzuki.cli.run import QueueItem, run_queue  # noqa: PLC0415
    from tsuzuki.pipeline import resume as run_pipeline  # noqa: PLC0415
    from tsuzuki.sessions import SessionManager  # noqa: PLC0415

    if every and (session or output or video or accept_suspicious):
        raise SettingsError(
            "--all resumes every session: leave out ID, VIDEO, --video, -o and --accept-suspicious."
        )
    manager = SessionManager(sessions_dir)
    ids = _unfinished(manager) if every else [_choose(manager, session)]
    if video is None and session is not None and session not in ids:
        video = Path(session)
    ask = len(ids) == 1 and not json
    options: dict[str, Any] = {
        "video": video,
        "output": output,
        "accept_changes": accept_changes,
        "accept_suspicious": accept_suspicious or (),
        "accept_damage": accept_damage,
        "accept_hdr_loss": accept_hdr_loss or ask_of_hdr_loss(ask=ask),
        "tile_size": tile_size,
        "workers": workers,
        "overwrite": overwrite,
        "sessions_dir": sessions_dir,
        "allow_sleep": allow_sleep,
    }
    copying: dict[str, Any] = {"every": sync_every, "root": sessions_dir, "take_over": take_over}
    with cluster_at(cluster) as options["cluster"]:
        items = [
            QueueItem(
                session_id, synced(partial(run_pipeline, session_id, **options), sync, **copying)
            )
            for session_id in ids
        ]
        code = run_queue(
            items, json=json, json_interval=json_interval, stop_file=stop_file, notify=notify
        )
    raise typer.Exit(code)


def _choose(manager: SessionManager, session: str | None) -> str:
    """Return the id of the session that the argument names."""
    from tsuzuki.sessions.layout import is_session_id  # noqa: PLC0415 - keeps --help fast

    if session is None:
        return _only(manager.get_unfinished_sessions(), "unfinished session", manager)
    if is_session_id(session) and not Path(session).exists():
        return session
    found = [
        match.progress
        for match in manager.find_sessions(session)
        if manager.has_begun(match.progress)
    ]
    return _only(found, f"unfinished session of {session}", manager)


def _only(found: list[ProgressData], what: str, manager: SessionManager) -> str:
    if not found:
        raise SessionNotFoundError(
            f"There is no {what} in {manager.root}. `tsuzuki sessions list` shows all; "
            "`tsuzuki upscale VIDEO` starts one."
        )
    if len(found) == 1:
        return found[0]["session_id"]
    names = ", ".join(f"{one['session_id']} ({Path(one['video_file']).name})" for one in found)
    raise SessionError(
        f"There is more than one {what}: {names}. Name one by its id (with --video PATH if its "
        "video was moved), or resume them with --all."
    )


def _unfinished(manager: SessionManager) -> list[str]:
    """Return the ids of all sessions to go on with; those without video fail in turn."""
    found = manager.get_unfinished_sessions()
    if not found:
        raise SessionNotFoundError(
            f"There is no unfinished session in {manager.root}. Start with `tsuzuki upscale VIDEO`."
        )
    return [progress["session_id"] for progress in found]
