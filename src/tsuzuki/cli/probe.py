"""``tsuzuki probe``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsuzuki.cli import options as o

if TYPE_CHECKING:
    from rich.table import Table

    from tsuzuki.pipeline.plan import Plan
    from tsuzuki.video.facts import Probe, StreamFacts
    from tsuzuki.video.fields import Method

D = o.DEFAULTS


def probe(  # noqa: PLR0917 - each parameter is an option
    context: typer.Context,
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video to look at.")],
    scale: o.Scale = D.scale_factor,
    size: o.Size = None,
    width: o.Width = None,
    height: o.Height = None,
    rate: o.Rate = None,
    alpha: o.Alpha = D.alpha,
    deinterlace: o.Deinterlace = D.deinterlace,
    crop: o.CropOption = D.crop,
    bake_rotation: o.BakeRotation = D.bake_rotation,
    fps: o.Fps = None,
    quality: o.Quality = D.quality,
    content: o.Content = D.content,
    noise_reduction: o.NoiseReduction = D.noise_reduction,
    encoder: o.Encoder = D.encoder,
    container: o.Container = D.container,
    json: o.JsonResult = False,
) -> None:
    """Show what a video holds, and what upscale would make of it. Nothing is written."""
    import msgspec  # noqa: PLC0415 - keeps --help fast

    from tsuzuki.cli.text import safe, safe_json, stdout  # noqa: PLC0415
    from tsuzuki.pipeline.look import look  # noqa: PLC0415

    size = o.size_from(size, width, height)
    o.refuse_scale_with_size(context, size)
    settings = o.settings_from(
        {
            "scale_factor": scale,
            "size": size,
            "rate": rate,
            "alpha": alpha,
            "deinterlace": deinterlace,
            "crop": crop.lower(),
            "bake_rotation": bake_rotation,
            "fps": fps,
            "quality": quality,
            "content": content,
            "noise_reduction": noise_reduction,
            "encoder": encoder,
            "container": container,
        }
    )
    seen = look(video, settings)
    facts, plan = seen.probe, seen.plan
    if json:
        error = seen.problem.message if seen.problem else None
        seen_json = msgspec.json.encode({"probe": facts, "plan": plan, "error": error})
        typer.echo(safe_json(seen_json))
    else:
        stdout().print(_table({**_video_rows(facts), **(_plan_rows(plan) if plan else {})}))
        for sentence in plan.notes if plan else facts.warnings:
            stdout().print(f"Note: {safe(sentence)}", markup=False, soft_wrap=True)
    if seen.problem is not None:  # the video is shown all the same
        raise seen.problem


def _table(rows: dict[str, str]) -> Table:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from tsuzuki.cli.text import safe  # noqa: PLC0415

    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(Text(name, style="dim"), Text(safe(value)))
    return table


def _video_rows(p: Probe) -> dict[str, str]:
    from tsuzuki.cli.text import duration, size  # noqa: PLC0415

    rate = p.frame_rate[0] / p.frame_rate[1] if p.frame_rate[1] else 0.0
    guessed = f", guessed: {', '.join(p.colour.guessed)}" if p.colour.guessed else ""
    rows = {
        "Video": f"{p.path} ({size(p.size)}, {p.format})",
        "Picture": f"{p.width}x{p.height}, {p.codec} {p.profile or ''}, {p.pixel_format}",
        "Frames": f"about {p.frame_count}, {rate:.3f} a second, {duration(p.duration)}",
        "Colour": f"{p.colour.depth} bits, matrix {p.colour.matrix}, primaries "
        f"{p.colour.primaries}, transfer {p.colour.transfer}, "
        f"{'full' if p.colour.full_range else 'limited'} range{guessed}",
    }
    if p.sample_aspect_ratio != (1, 1):
        rows["Pixel shape"] = "{}:{}".format(*p.sample_aspect_ratio)
    if p.interlaced:
        rows["Interlaced"] = "telecined film" if p.telecined else "yes"
    elif p.woven:
        rows["Interlaced"] = "it looks so, in part" if p.woven == "in part" else "it looks so"
    if p.rotation or p.mirrored:
        rows["Rotation"] = f"{p.rotation}°" + (", mirrored" if p.mirrored else "")
    if p.chapters:
        rows["Chapters"] = str(p.chapters)
    return rows | {f"Stream {s.index}": _stream(s) for s in p.streams}


def _stream(s: StreamFacts) -> str:
    known = "" if s.supported or s.kind == "attachment" else "unknown codec"
    cover = "cover art" if s.cover_art else ""
    parts = (s.kind, s.codec, s.language, s.title, cover, ", ".join(s.disposition), known)
    return " · ".join(part for part in parts if part)


_DEINTERLACING: dict[Method | None, str] = {
    None: "none",
    "marked": "of the frames that are marked as interlaced",
    "all": "of all frames",
    "tff": "of all frames, the line at the top first",
    "bff": "of all frames, the line below the top first",
    "ivtc": "inverse telecine: fields are matched, repeats left out",
}


def _rate(plan: Plan, method: Method | None) -> str:
    if plan.settings.fps is not None:
        return f"{float(Fraction(plan.settings.fps)):.3f} a second, all equally long"
    if method == "ivtc":
        rate = float(Fraction(*plan.encoding.frame_rate))
        return f"{rate:.3f} a second where there is film, else at the video's own times"
    return "at the video's own times"


def _plan_rows(plan: Plan) -> dict[str, str]:
    from tsuzuki.pipeline.steps.validate import expected_frames  # noqa: PLC0415 - quick --help
    from tsuzuki.video.fields import method_for  # noqa: PLC0415

    e = plan.encoding
    method = method_for(plan.settings.deinterlace, plan.probe)
    options = ", ".join(f"{name} {value}" for name, value in e.options.items())
    turned = e.container == "png" or plan.shown.rotation != plan.probe.rotation
    how = "the pixels are turned" if turned else "stays a tag"  # which pictures do not have
    shown = _video_rows(plan.probe).get("Rotation")
    return {
        **({"Rotation": f"{shown} ({how})"} if shown else {}),
        "Output": f"{e.width}x{e.height} in {e.container}",
        "Output frames": f"about {expected_frames(plan)}, {_rate(plan, method)}",
        "Deinterlacing": _DEINTERLACING[method],
        "Network": " then ".join(one.network for one in plan.upscaling.passes) or "none",
        "Encoder": f"{e.encoder}, {e.pixel_format} ({options})",
        "Segments": f"of at most {plan.segment_frames} frames",
    }
