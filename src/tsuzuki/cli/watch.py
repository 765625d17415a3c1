"""``tsuzuki watch``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.cli.settings import chosen_settings, with_settings
from tsuzuki.errors import TsuzukiError

if TYPE_CHECKING:
    from tsuzuki.pipeline.events import OnEvent
    from tsuzuki.unattended.watch import Job


@with_settings()
def watch(  # noqa: PLR0917 - each parameter is an option
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder that videos arrive in.")
    ],
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir", "-o", help="Where the outputs go.", show_default="FOLDER/upscaled"
        ),
    ] = None,
    done_dir: Annotated[
        Path | None,
        typer.Option(
            "--done-dir",
            help="Move videos that are done there, on the same disk.",
            show_default="they stay where they are",
        ),
    ] = None,
    failed_dir: Annotated[
        Path | None,
        typer.Option(
            "--failed-dir",
            help="Move videos that failed there, each with its reason in a file NAME.txt.",
            show_default="they stay where they are",
        ),
    ] = None,
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive",
            "-r",
            help="Watch the folders below as well, and repeat them in the output folder.",
        ),
    ] = False,
    settle: Annotated[
        float,
        typer.Option(
            "--settle",
            metavar="SECONDS",
            min=0.1,
            max=86400,
            help="How long a file has to stay unchanged before it counts as complete.",
        ),
    ] = 5.0,
    once: Annotated[
        bool, typer.Option("--once", help="Work through what is there and end.")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what failed before.")] = False,
    resume_all: Annotated[
        bool,
        typer.Option(
            "--resume-all",
            help="First go on with every unfinished session, not with those of this folder alone.",
        ),
    ] = False,
    accept_changes: o.AcceptChanges = False,
    accept_damage: o.AcceptDamage = False,
    accept_hdr_loss: o.AcceptHdrLoss = False,
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
    **options: Any,
) -> None:
    """Upscale every video that arrives in a folder, one after the other, with the same settings.

    A file is begun when it has stayed unchanged for some seconds and can be opened. What was begun
    is finished first after an interruption, whatever that was. A video that fails is remembered
    with its reason and not tried again until it changes; one that a full disk or a missing drive
    held up is tried again by itself. Sources stay where they are, unless you say otherwise.

    [bold]Examples[/bold]

      tsuzuki watch incoming/                       # to incoming/upscaled/
      tsuzuki watch incoming/ -o /media/films --done-dir incoming/done
      tsuzuki watch nas/ --recursive --content photo --notify desktop
      tsuzuki watch incoming/ --once --retry        # from cron
    """
    from tsuzuki.cli.boundary import show_unexpected  # noqa: PLC0415 - keeps --help fast
    from tsuzuki.cli.cloud import synced  # noqa: PLC0415
    from tsuzuki.cli.run import QueueItem, open_queue  # noqa: PLC0415
    from tsuzuki.pipeline import resume, upscale  # noqa: PLC0415
    from tsuzuki.sessions import SessionManager  # noqa: PLC0415
    from tsuzuki.unattended.watch import OUTPUTS, Plan, Watch  # noqa: PLC0415

    settings = chosen_settings(context, options)
    common: dict[str, Any] = {
        "accept_changes": accept_changes,
        "accept_damage": accept_damage,
        "accept_hdr_loss": accept_hdr_loss,
        "overwrite": overwrite,
        "sessions_dir": sessions_dir,
        "allow_sleep": allow_sleep,
    }
    copied = partial(synced, url=sync, every=sync_every, root=sessions_dir, take_over=take_over)
    copied(upscale)  # says what is wrong with the address of the store
    plan = Plan(
        folder=folder,
        output_dir=output_dir or folder / OUTPUTS,
        done_dir=done_dir,
        failed_dir=failed_dir,
        recursive=recursive,
        settle=settle,
        once=once,
        retry=retry,
    )

    def going_on(session_id: str) -> Any:
        return copied(partial(resume, session_id, workers=settings.workers, **common))

    def begin(job: Job) -> Any:
        return copied(partial(upscale, job.source, settings, output=job.output_dir, **common))

    with (
        open_queue(
            json=json, json_interval=json_interval, stop_file=stop_file, notify=notify
        ) as queue,
        Watch(plan, sessions_dir, queue.say) as watching,
    ):

        def do(job: Job, hear: OnEvent) -> TsuzukiError | None:
            known = job.entry.session_id
            item = QueueItem(str(job.source), going_on(known) if known else begin(job))
            try:
                return queue.run(item, {}, hear)
            except Exception as error:  # noqa: BLE001 - the other videos have to go on
                show_unexpected(error)
                return TsuzukiError(f"Unexpected error: {type(error).__name__}: {error}")

        if resume_all:
            for session in SessionManager(sessions_dir).get_unfinished_sessions():
                name = session["session_id"]
                if name not in watching.begun and not queue.cancel.is_set():
                    queue.run(QueueItem(name, going_on(name)), {})
        raise typer.Exit(watching.run(do, queue.cancel))
