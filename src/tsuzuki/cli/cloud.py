"""``tsuzuki cloud``, and copies of a session in a store while it is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.errors import SettingsError
from tsuzuki.language import tr, trp

if TYPE_CHECKING:
    from tsuzuki.cloud.manager import CloudSessionManager, Stored
    from tsuzuki.pipeline.events import Event, OnEvent

app = typer.Typer(
    help="Copy sessions to a store and back, to go on with them on another machine. A store is a "
    "folder, s3://BUCKET/FOLDER, sftp://HOST/FOLDER or gdrive://FOLDER. Credentials are found "
    "where its own tools find them, and are never part of the address.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Session ids.")]
To = Annotated[str, typer.Option("--to", metavar="URL", help="The store.", show_default=False)]
From = Annotated[str, typer.Option("--from", metavar="URL", help="The store.", show_default=False)]


@app.command("push")
def push_sessions(
    ids: Ids,
    to: To,
    take_over: o.TakeOver = False,
    limit: o.Limit = None,
    sessions_dir: o.SessionsDir = None,
) -> None:
    """Bring sessions into a store. Only what is missing there travels.

    A push that was interrupted goes on when it is repeated. Until it is through, the session in
    the store is as it was before.
    """
    with _manager(to, sessions_dir, limit) as manager:
        for session_id in ids:
            done = manager.sync_to_cloud(session_id, take_over=take_over)
            there = tr("{id} is in {url}: {files} files, of which {sent} were sent ({size}).")
            size = _size(done.sent_bytes)
            _say(
                there.format(
                    id=session_id,
                    url=manager.store.url,
                    files=done.files,
                    sent=done.sent,
                    size=size,
                )
            )


@app.command("pull")
def pull_sessions(
    ids: Ids,
    from_: From,
    take_over: o.TakeOver = False,
    limit: o.Limit = None,
    sessions_dir: o.SessionsDir = None,
) -> None:
    """Bring sessions from a store onto this machine, to go on with them here.

    Every digest is checked. A pull that was interrupted goes on when it is repeated.
    """
    with _manager(from_, sessions_dir, limit) as manager:
        for session_id in ids:
            done = manager.restore_from_cloud(session_id, take_over=take_over)
            here = tr("{id} is here: {files} files, of which {fetched} were fetched ({size}).")
            size = _size(done.fetched_bytes)
            _say(here.format(id=session_id, files=done.files, fetched=done.fetched, size=size))
            for name in done.damaged:
                lost = tr("Missing or damaged in the store, so it is computed again: {name}")
                _say(lost.format(name=name))
            paths = manager.paths(session_id)
            more = () if manager.is_own(session_id) else ("--video", "PATH", "-o", "OUTPUT")
            _say(tr("Go on with: {command}").format(command=paths.command("resume", *more)))


@app.command("list")
def list_stored(from_: From, json: o.JsonResult = False) -> None:
    """List the sessions in a store."""
    with _manager(from_, None, None) as manager:
        found = manager.list_cloud()
        if json:
            _print_json(found)
        elif found:
            _show(found)
        else:
            _say(tr("There is no session in {place}.").format(place=manager.store.url))


@app.command("remove")
def remove_stored(ids: Ids, from_: From, take_over: o.TakeOver = False) -> None:
    """Remove sessions from a store. What is on this machine stays."""
    with _manager(from_, None, None) as manager:
        for session_id in ids:
            manager.remove_from_cloud(session_id, take_over=take_over)
            gone = tr("Removed {id} from {url}.")
            _say(gone.format(id=session_id, url=manager.store.url))


def synced(
    call: Callable[..., Any],
    url: str | None,
    every: float,
    root: Path | None,
    *,
    take_over: bool,
    limit: float | None = None,
) -> Callable[..., Any]:
    """Return a call of the pipeline that keeps a copy of its session in the store at ``url``.

    Raises `SettingsError` for an address that cannot be used, before anything is done.
    """
    if url is None:
        if take_over:
            raise SettingsError("--take-over goes with --sync.")
        return call
    from tsuzuki.cloud.place import parse  # noqa: PLC0415 - keeps --help fast

    parse(url)

    def with_copy(*, on_event: OnEvent, cancel: threading.Event) -> Any:
        from tsuzuki.cloud.during import Sync  # noqa: PLC0415
        from tsuzuki.pipeline import events  # noqa: PLC0415

        problems: list[str] = []
        sync = Sync(
            url,
            every,
            root,
            take_over=take_over,
            limit=None if limit is None else limit * 1e6,
            on_problem=problems.append,
        )
        completed = False

        def watch(event: Event) -> None:
            nonlocal completed
            ending = isinstance(event, events.Finished | events.Stopped)
            if sync.lost is not None and not ending:
                raise sync.lost
            if isinstance(event, events.SessionOpened):
                sync.start(event.session_id)
            completed = completed or isinstance(event, events.Finished)
            on_event(event)
            while problems and not ending:
                on_event(_warning(sync.session_id, problems.pop(0)))

        try:
            return call(on_event=watch, cancel=cancel)
        finally:
            sync.finish(completed=completed)
            for problem in problems:
                on_event(_warning(sync.session_id, problem))

    return with_copy


def _warning(session_id: str, message: str) -> Event:
    from tsuzuki.pipeline import events  # noqa: PLC0415

    return events.Warned(session_id=session_id, code="sync", message=message)


def _manager(url: str, root: Path | None, limit: float | None) -> CloudSessionManager:
    from tsuzuki.cloud.manager import CloudSessionManager  # noqa: PLC0415 - keeps --help fast

    return CloudSessionManager(url, root, limit=None if limit is None else limit * 1e6)


def _show(found: list[Stored]) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from tsuzuki.cli.text import moment, safe, stdout  # noqa: PLC0415

    table = Table(box=None)
    video = trp("sessions", "video")
    headings = (
        trp("sessions", "id"),
        video,
        trp("sessions", "done"),
        trp("sessions", "saved"),
        trp("sessions", "size"),
    )
    for heading in headings:
        table.add_column(heading, no_wrap=heading != video, overflow="fold")
    for one in found:
        if one.manifest is None:
            table.add_row(one.session_id, tr("cannot be read"), "", "", "")
            continue
        table.add_row(
            one.session_id,
            Text(safe(one.manifest.video)),
            f"{one.manifest.progress:.1f} %",
            moment(one.manifest.saved_at)[:16],
            _size(one.size),
        )
    stdout().print(table)


def _print_json(found: list[Stored]) -> None:
    import msgspec  # noqa: PLC0415

    from tsuzuki.cli.text import safe_json  # noqa: PLC0415

    plain = [
        {"session_id": one.session_id, "size": one.size}
        | (
            {
                "video": one.manifest.video,
                "progress": one.manifest.progress,
                "saved_at": one.manifest.saved_at,
            }
            if one.manifest
            else {"error": "cannot be read"}
        )
        for one in found
    ]
    typer.echo(safe_json(msgspec.json.encode(plain)))


def _size(number: int) -> str:
    from tsuzuki.cli.text import size  # noqa: PLC0415

    return size(number)


def _say(text: str) -> None:
    from tsuzuki.cli.text import safe, stdout  # noqa: PLC0415

    stdout().print(safe(text), markup=False, soft_wrap=True)
