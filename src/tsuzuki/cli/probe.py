"""``tsuzuki probe``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.cli.settings import chosen_settings, with_settings
from tsuzuki.language import tr
from tsuzuki.sentences import told

if TYPE_CHECKING:
    from rich.table import Table

    from tsuzuki.pipeline.plan import Plan
    from tsuzuki.video.facts import Colour, Probe, StreamFacts
    from tsuzuki.video.fields import Method


@with_settings()
def probe(
    context: typer.Context,
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video to look at.")],
    json: o.JsonResult = False,
    **options: Any,
) -> None:
    """Show what a video holds, and what upscale would make of it. Nothing is written."""
    import msgspec  # noqa: PLC0415 - keeps --help fast

    from tsuzuki.cli.text import safe, safe_json, stdout  # noqa: PLC0415
    from tsuzuki.pipeline.look import look  # noqa: PLC0415

    seen = look(video, chosen_settings(context, options))
    facts, plan = seen.probe, seen.plan
    if json:
        error = seen.problem.message if seen.problem else None
        seen_json = msgspec.json.encode({"probe": facts, "plan": plan, "error": error})
        typer.echo(safe_json(seen_json))
    else:
        stdout().print(_table({**_video_rows(facts), **(_plan_rows(plan) if plan else {})}))
        for sentence in plan.notes if plan else facts.warnings:
            note = tr("Note: {text}").format(text=told(sentence))
            stdout().print(safe(note), markup=False, soft_wrap=True)
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
    frames = tr("about {number}, {rate} a second, {time}")
    rows = {
        tr("Video"): f"{p.path} ({size(p.size)}, {p.format})",
        tr("Picture"): f"{p.width}x{p.height}, {p.codec} {p.profile or ''}, {p.pixel_format}",
        tr("Frames"): frames.format(
            number=p.frame_count, rate=f"{rate:.3f}", time=duration(p.duration)
        ),
        tr("Colour"): _colour(p.colour),
    }
    if p.sample_aspect_ratio != (1, 1):
        rows[tr("Pixel shape")] = "{}:{}".format(*p.sample_aspect_ratio)
    if p.interlaced:
        rows[tr("Interlaced")] = tr("telecined film") if p.telecined else tr("yes")
    elif p.woven:
        in_part = p.woven == "in part"
        rows[tr("Interlaced")] = tr("it looks so, in part") if in_part else tr("it looks so")
    if p.rotation or p.mirrored:
        rows[tr("Rotation")] = _rotation(p)
    if p.chapters:
        rows[tr("Chapters")] = str(p.chapters)
    return rows | {tr("Stream {number}").format(number=s.index): _stream(s) for s in p.streams}


def _colour(c: Colour) -> str:
    full = tr(
        "{depth} bits, matrix {matrix}, primaries {primaries}, transfer {transfer}, full range"
    )
    limited = tr(
        "{depth} bits, matrix {matrix}, primaries {primaries}, transfer {transfer}, limited range"
    )
    text = (full if c.full_range else limited).format(
        depth=c.depth, matrix=c.matrix, primaries=c.primaries, transfer=c.transfer
    )
    guessed = tr("guessed: {names}").format(names=", ".join(c.guessed))
    return f"{text}, {guessed}" if c.guessed else text


def _stream(s: StreamFacts) -> str:
    known = "" if s.supported or s.kind == "attachment" else tr("unknown codec")
    cover = tr("cover art") if s.cover_art else ""
    parts = (s.kind, s.codec, s.language, s.title, cover, ", ".join(s.disposition), known)
    return " · ".join(part for part in parts if part)


def _rotation(p: Probe) -> str:
    return f"{p.rotation}°" + (tr(", mirrored") if p.mirrored else "")


def _deinterlacing(method: Method | None) -> str:
    return {
        None: tr("none"),
        "marked": tr("of the frames that are marked as interlaced"),
        "all": tr("of all frames"),
        "tff": tr("of all frames, the line at the top first"),
        "bff": tr("of all frames, the line below the top first"),
        "ivtc": tr("inverse telecine: fields are matched, repeats left out"),
    }[method]


def _rate(plan: Plan, method: Method | None) -> str:
    if plan.settings.fps is not None:
        equal = tr("{rate} a second, all equally long")
        return equal.format(rate=f"{float(Fraction(plan.settings.fps)):.3f}")
    if method == "ivtc":
        rate = float(Fraction(*plan.encoding.frame_rate))
        film = tr("{rate} a second where there is film, else at the video's own times")
        return film.format(rate=f"{rate:.3f}")
    return tr("at the video's own times")


def _plan_rows(plan: Plan) -> dict[str, str]:
    from tsuzuki.pipeline.steps.validate import expected_frames  # noqa: PLC0415 - quick --help
    from tsuzuki.video.fields import method_for  # noqa: PLC0415

    e = plan.encoding
    method = method_for(plan.settings.deinterlace, plan.probe)
    options = ", ".join(f"{name} {value}" for name, value in e.options.items())
    size, shown = f"{e.width}x{e.height}", {}
    if plan.probe.rotation or plan.probe.mirrored:
        turned = e.container == "png" or plan.shown.rotation != plan.probe.rotation
        how = tr("the pixels are turned") if turned else tr("stays a tag")  # of videos alone
        shown = {tr("Rotation"): f"{_rotation(plan.probe)} ({how})"}
    return {
        **shown,
        tr("Output"): tr("{size} in {container}").format(size=size, container=e.container),
        tr("Output frames"): tr("about {number}, {rate}").format(
            number=expected_frames(plan), rate=_rate(plan, method)
        ),
        tr("Deinterlacing"): _deinterlacing(method),
        tr("Network"): " → ".join(one.network for one in plan.upscaling.passes) or tr("none"),
        tr("Encoder"): f"{e.encoder}, {e.pixel_format} ({options})",
        tr("Segments"): tr("of at most {number} frames").format(number=plan.segment_frames),
    }
