"""``tsuzuki compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsuzuki.cli import options as o

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsuzuki.video.comparison import Comparison


def compare(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="The source, or a reference.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="What became of it.")],
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG",
            help="Write the least like frames to this picture: first, second, and their "
            "differences eight times as strong.",
        ),
    ] = None,
    overwrite: o.Overwrite = False,
    json: o.JsonResult = False,
) -> None:
    """Hold one video against another, such as a source against what became of it.

    Frames and their times, streams, tags, chapters, attachments; PSNR, SSIM and VMAF of every
    frame (the last where PyAV's FFmpeg has it, as from version 19 on). Where the sizes differ, the
    first one is brought to the second one's with a bicubic filter. Videos with equally many frames
    are compared frame by frame; else each frame of the second with what the first shows then.
    """
    import msgspec  # noqa: PLC0415 - keeps --help fast
    from rich.progress import Progress  # noqa: PLC0415

    from tsuzuki.cli.text import is_terminal, safe, safe_json, stderr, stdout  # noqa: PLC0415
    from tsuzuki.durable import Durable  # noqa: PLC0415
    from tsuzuki.errors import OutputExistsError  # noqa: PLC0415
    from tsuzuki.pipeline.compare import compare as compare_videos  # noqa: PLC0415

    if sheet is not None and sheet.exists() and not overwrite:
        raise OutputExistsError(
            f"{sheet} exists. Give another name, or --overwrite.", path=str(sheet)
        )
    with Progress(console=stderr(), transient=True, disable=not is_terminal()) as progress:
        task = progress.add_task("comparing", total=1.0)
        found, picture = compare_videos(
            first, second, lambda done: progress.update(task, completed=done), sheet=bool(sheet)
        )
    if sheet is not None:
        Durable().write_atomic(sheet, picture)
    if json:
        typer.echo(safe_json(msgspec.json.encode(found)))
        return
    for line in _lines(found):
        stdout().print(safe(line), markup=False, soft_wrap=True)
    if sheet is not None:
        stdout().print(safe(f"The least like frames: {sheet}"), markup=False, soft_wrap=True)


def _lines(found: Comparison) -> Iterator[str]:
    yield _frames(found)
    sizes = [f"{width}x{height}" for width, height in found.sizes]
    yield f"Size: {sizes[0]}" if sizes[0] == sizes[1] else f"Size: {sizes[0]}, then {sizes[1]}"
    later = f", all {found.shift:+.3f} s" if found.shift else ""
    yield f"Times: {_off(found)}{later}"
    yield f"PSNR: mean {_db(found.psnr)}"
    yield f"SSIM: mean {found.ssim:.5f}"
    yield f"VMAF: {_vmaf(found)}"
    for pair in (one for one in found.worst if one.psnr is not None):
        vmaf = "" if pair.vmaf is None else f", VMAF {pair.vmaf:.2f}"
        beside = "" if found.paired_by == "number" else f" with frame {pair.second_frame}"
        yield (
            f"  frame {pair.frame} ({pair.seconds:.3f} s){beside}: {_db(pair.psnr)}, "
            f"SSIM {pair.ssim:.5f}{vmaf}"
        )
    yield "Everything else: " + ("" if found.differences else "the same")
    for difference in found.differences:
        yield f"  {difference.what}: {difference.first} -> {difference.second}"


def _frames(found: Comparison) -> str:
    one, other = found.frames
    if found.paired_by == "number":
        return f"Frames: {one}"
    which = f"the first {found.compared}" if found.compared < other else "each"
    return (
        f"Frames: {one} in the first, {other} in the second; {which} of the second compared with "
        "what the first shows then"
    )


def _off(found: Comparison) -> str:
    if not found.most_off:
        return "the same"
    off = f"{1000 * found.most_off:.2f} ms"
    if found.paired_by == "number":
        return f"they miss by up to {off}"
    return f"up to {off} between the beginnings of two frames compared"


def _vmaf(found: Comparison) -> str:
    from importlib.metadata import version  # noqa: PLC0415 - keeps --help fast

    from tsuzuki.video.vmaf import LEAST_SIDE, has_vmaf  # noqa: PLC0415

    if found.vmaf is not None:
        return f"mean {found.vmaf:.2f}"
    if has_vmaf():
        return f"not measured: a side has less than {LEAST_SIDE} pixels"
    return f"not measured: PyAV {version('av')} has no libvmaf in its FFmpeg; from 19 on it has"


def _db(psnr: float | None) -> str:
    return "the same" if psnr is None else f"{psnr:.2f} dB"
