"""``tsuzuki upscale``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.errors import Cancelled, SettingsError
from tsuzuki.settings import ProcessingSettings

D = o.DEFAULTS
ON_EXISTING = ("ask", "resume", "restart", "fail")


def upscale(  # noqa: PLR0917 - each parameter is an option
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT", help="Videos, or folders with videos."),
    ],
    output: o.Output = None,
    scale: o.Scale = D.scale_factor,
    quality: o.Quality = D.quality,
    content: o.Content = D.content,
    noise_reduction: o.NoiseReduction = D.noise_reduction,
    model: o.Model = None,
    range_: o.Range = None,
    encoder: o.Encoder = D.encoder,
    crf: o.Crf = None,
    preset: o.Preset = None,
    pixel_format: o.PixelFormat = None,
    container: o.Container = D.container,
    on_existing: o.OnExisting = "ask",
    accept_changes: o.AcceptChanges = False,
    overwrite: o.Overwrite = False,
    keep_frames: o.KeepFrames = False,
    sessions_dir: o.SessionsDir = None,
    allow_sleep: o.AllowSleep = False,
    json: o.Json = False,
    device: o.Device = D.device,
    engine: o.Engine = D.engine,
    segment_frames: o.SegmentFrames = None,
    tile_size: o.TileSize = None,
    loss_budget: o.LossBudget = D.loss_budget,
) -> None:
    """Upscale videos.

    Sound, subtitles, chapters and everything else in the file is carried over. Several inputs are
    done one after the other; one that fails does not stop the rest.

    [bold]Examples[/bold]

      tsuzuki upscale old.avi --scale 1.5 --content photo -o new.mkv
      tsuzuki upscale clip.mp4 --range 1:30-2:00   # try it on a part
      tsuzuki upscale clip.mp4 --on-existing restart
    """
    from tsuzuki.cli.inputs import gather  # noqa: PLC0415 - keeps --help fast
    from tsuzuki.cli.run import Job, run_queue  # noqa: PLC0415
    from tsuzuki.pipeline import upscale as run_pipeline  # noqa: PLC0415

    settings = o.settings_from(
        {
            "scale_factor": scale,
            "quality": quality,
            "content": content,
            "noise_reduction": noise_reduction,
            "model": model,
            "range": range_,
            "encoder": encoder,
            "crf": crf,
            "preset": preset,
            "pixel_format": pixel_format,
            "container": container,
            "keep_frames": keep_frames,
            "device": device,
            "engine": engine,
            "segment_frames": segment_frames,
            "tile_size": tile_size,
            "loss_budget": loss_budget,
        }
    )
    if on_existing not in ON_EXISTING:
        raise SettingsError(
            f"--on-existing must be one of {', '.join(ON_EXISTING)}; {on_existing!r} is not."
        )
    videos = gather(inputs)
    if output is not None and len(videos) > 1 and not output.is_dir():
        raise SettingsError(
            f"There are {len(videos)} videos, but {output} is not an existing folder. Make the "
            "folder first, or leave -o out to have every output beside its input."
        )
    if on_existing == "ask":
        alone = videos[0].path if len(videos) == 1 and not json else None
        on_existing = _ask(alone, settings, sessions_dir)
    common: dict[str, Any] = {
        "settings": settings,
        "output": output,
        "on_existing": on_existing,
        "accept_changes": accept_changes,
        "overwrite": overwrite,
        "sessions_dir": sessions_dir,
        "allow_sleep": allow_sleep,
    }
    jobs = [
        Job(str(video.path), partial(run_pipeline, video.path, **common), video.from_folder)
        for video in videos
    ]
    raise typer.Exit(run_queue(jobs, json=json))


def _ask(video: Path | None, settings: ProcessingSettings, sessions_dir: Path | None) -> str:
    """Return what to do with an unfinished session of the video, asked for where that is possible.

    Raises `Cancelled` where the person wants neither.
    """
    from tsuzuki.cli.dialog import ask  # noqa: PLC0415
    from tsuzuki.cli.text import is_terminal  # noqa: PLC0415
    from tsuzuki.sessions import SessionManager  # noqa: PLC0415

    if video is None or not is_terminal() or not video.is_file():
        return "resume"
    manager = SessionManager(sessions_dir)
    progress = manager.find_resumable_session(str(video), settings)
    others = _others(manager, video, settings)
    if progress is None:
        for line in others:
            typer.echo(line, err=True)
        return "resume"
    answer = ask(progress, others)
    if answer == "cancel":
        raise Cancelled(
            f"Nothing was done; the session {progress['session_id']} stays as it is. Run "
            f"`tsuzuki resume {progress['session_id']}` to go on with it."
        )
    return answer


def _others(manager: Any, video: Path, settings: ProcessingSettings) -> list[str]:
    """Return a line on every session of the video that has other settings."""
    from tsuzuki.cli.dialog import options_of  # noqa: PLC0415
    from tsuzuki.cli.text import safe  # noqa: PLC0415

    lines = []
    for match in manager.find_sessions(str(video), settings):
        if match.match != "settings_differ" or match.progress["status"] == "completed":
            continue
        done = match.progress["steps"]["upscale"]["progress"]
        options = safe(options_of(match.progress["settings"]))
        lines.append(
            f"Unfinished with other settings: {options} ({done:.1f} % done). Go on with it:\n"
            f"  tsuzuki resume {match.session_id}"
        )
    return lines
