"""``tsuzuki upscale``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.cli.settings import chosen_settings, with_settings
from tsuzuki.errors import Cancelled, SettingsError
from tsuzuki.language import tr

if TYPE_CHECKING:
    from tsuzuki.sessions.progress import ProgressData
    from tsuzuki.settings import ProcessingSettings

ON_EXISTING = ("ask", "resume", "restart", "fail")


@with_settings()
def upscale(  # noqa: PLR0917 - each parameter is an option
    context: typer.Context,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Videos, pictures, sequences of pictures such as frames/%06d.png, or folders.",
        ),
    ],
    output: o.Output = None,
    on_existing: o.OnExisting = "ask",
    accept_changes: o.AcceptChanges = False,
    accept_suspicious: o.AcceptSuspicious = None,
    accept_damage: o.AcceptDamage = False,
    accept_hdr_loss: o.AcceptHdrLoss = False,
    overwrite: o.Overwrite = False,
    estimate: o.Estimate = False,
    sessions_dir: o.SessionsDir = None,
    sync: o.Sync = None,
    sync_every: o.SyncEvery = 60.0,
    take_over: o.TakeOver = False,
    allow_sleep: o.AllowSleep = False,
    notify: o.Notify = None,
    json: o.Json = False,
    json_interval: o.JsonInterval = 0.0,
    stop_file: o.StopFile = None,
    cluster: o.Cluster = None,
    **options: Any,
) -> None:
    """Upscale videos.

    Sound, subtitles, chapters and everything else in the file is carried over. Several inputs are
    done one after the other; one that fails does not stop the rest.

    [bold]Examples[/bold]

      tsuzuki upscale old.avi --scale 1.5 --content photo -o new.mkv
      tsuzuki upscale clip.mp4 --range 1:30-2:00   # try it on a part
      tsuzuki upscale clip.mp4 --estimate          # how long will it take?
      tsuzuki upscale frames/%06d.png --rate 24
      tsuzuki upscale dvd.mpg --size 1920x1080 --for share
      tsuzuki upscale clip.mp4 --on-existing restart
    """
    from tsuzuki.cli.cloud import synced  # noqa: PLC0415 - keeps --help fast
    from tsuzuki.cli.cluster import cluster_at  # noqa: PLC0415
    from tsuzuki.cli.dialog import ask_of_hdr_loss  # noqa: PLC0415
    from tsuzuki.cli.run import QueueItem, run_queue  # noqa: PLC0415
    from tsuzuki.durable import is_there  # noqa: PLC0415
    from tsuzuki.pipeline import upscale as run_pipeline  # noqa: PLC0415
    from tsuzuki.pipeline.inputs import gather  # noqa: PLC0415 - keeps --help fast

    settings = chosen_settings(context, options, output)
    if on_existing not in ON_EXISTING:
        raise SettingsError(
            f"--on-existing must be one of {', '.join(ON_EXISTING)}; {on_existing!r} is not."
        )
    videos = gather(inputs)
    if output is not None and len(videos) > 1 and not (is_there(output) and output.is_dir()):
        raise SettingsError(
            f"There are {len(videos)} videos, but {output} is not an existing folder. Make the "
            "folder first, or leave -o out to have every output beside its input."
        )
    if estimate:
        _tell_estimates([video.path for video in videos], settings, output, json=json)
        return
    ask = len(videos) == 1 and not json
    common: dict[str, Any] = {
        "settings": settings,
        "output": output,
        "on_existing": _answer(on_existing, ask=ask),
        "accept_changes": accept_changes,
        "accept_suspicious": accept_suspicious or (),
        "accept_damage": accept_damage,
        "accept_hdr_loss": accept_hdr_loss or ask_of_hdr_loss(ask=ask),
        "overwrite": overwrite,
        "sessions_dir": sessions_dir,
        "allow_sleep": allow_sleep,
    }
    copying: dict[str, Any] = {"every": sync_every, "root": sessions_dir, "take_over": take_over}
    with cluster_at(cluster) as common["cluster"]:
        items = [
            QueueItem(
                str(video.path),
                synced(partial(run_pipeline, video.path, **common), sync, **copying),
                video.from_folder,
            )
            for video in videos
        ]
        code = run_queue(
            items, json=json, json_interval=json_interval, stop_file=stop_file, notify=notify
        )
    raise typer.Exit(code)


def _tell_estimates(
    videos: list[Path], settings: ProcessingSettings, output: Path | None, *, json: bool
) -> None:
    """Say of each video how long it will take, one line each."""
    import msgspec  # noqa: PLC0415 - keeps --help fast

    from tsuzuki.cli.signals import cancel_on_signals  # noqa: PLC0415
    from tsuzuki.cli.text import forecast, safe, safe_json, stdout  # noqa: PLC0415
    from tsuzuki.pipeline.estimate import estimate_time  # noqa: PLC0415

    with cancel_on_signals(lambda: None) as cancel:
        for video in videos:
            found = estimate_time(video, settings, output=output, cancel=cancel)
            if json:
                typer.echo(safe_json(msgspec.json.encode({"video": str(video), **found})))
            else:
                time = forecast(found["seconds"], found["low"], found["high"])
                line = tr("{video}: {frames} frames take about {time}.").format(
                    video=safe(video), frames=f"{found['frames']:,}", time=time
                )
                stdout().print(line, markup=False, soft_wrap=True)


def _answer(on_existing: str, *, ask: bool) -> Any:
    """Return what the pipeline is to do with an unfinished session, or what asks a person."""
    from tsuzuki.cli.text import is_terminal  # noqa: PLC0415

    if on_existing != "ask":
        return on_existing
    return _ask if ask and is_terminal() else "resume"


def _ask(progress: ProgressData) -> str:
    """Ask the person at the terminal; raises `Cancelled` where the person wants neither."""
    from tsuzuki.cli.dialog import ask  # noqa: PLC0415
    from tsuzuki.cli.signals import answerable  # noqa: PLC0415

    with answerable():
        answer = ask(progress)
    if answer == "cancel":
        raise Cancelled(
            f"Nothing was done; the session {progress['session_id']} stays as it is. Run "
            f"`tsuzuki resume {progress['session_id']}` to go on with it."
        )
    return answer
