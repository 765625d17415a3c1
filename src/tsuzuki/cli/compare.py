"""``tsuzuki compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsuzuki.cli import options as o
from tsuzuki.language import tr
from tsuzuki.sentences import told

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
        task = progress.add_task(tr("comparing"), total=1.0)
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
        least = tr("The least like frames: {file}").format(file=sheet)
        stdout().print(safe(least), markup=False, soft_wrap=True)


def _lines(found: Comparison) -> Iterator[str]:
    yield _frames(found)
    sizes = [f"{width}x{height}" for width, height in found.sizes]
    if sizes[0] == sizes[1]:
        yield tr("Size: {size}").format(size=sizes[0])
    else:
        yield tr("Size: {first}, then {second}").format(first=sizes[0], second=sizes[1])
    if found.shift:
        late = tr("Times: {off}, all {shift} s")
        yield late.format(off=_off(found), shift=f"{found.shift:+.3f}")
    else:
        yield tr("Times: {off}").format(off=_off(found))
    yield tr("PSNR: mean {value}").format(value=_db(found.psnr))
    yield tr("SSIM: mean {value}").format(value=f"{found.ssim:.5f}")
    yield f"VMAF: {_vmaf(found)}"
    for pair in (one for one in found.worst if one.psnr is not None):
        vmaf = "" if pair.vmaf is None else f", VMAF {pair.vmaf:.2f}"
        alone = found.paired_by == "number"
        pairs = tr("frame {number} ({time} s) with frame {other}")
        frame = tr("frame {number} ({time} s)") if alone else pairs
        where = frame.format(number=pair.frame, time=f"{pair.seconds:.3f}", other=pair.second_frame)
        yield f"  {where}: {_db(pair.psnr)}, SSIM {pair.ssim:.5f}{vmaf}"
    if not found.differences:
        yield tr("Everything else: the same")
        return
    yield tr("Everything else:")
    for difference in found.differences:
        first, second = told(difference.first), told(difference.second)
        yield f"  {told(difference.what)}: {first} -> {second}"


def _frames(found: Comparison) -> str:
    one, other = found.frames
    if found.paired_by == "number":
        return tr("Frames: {number}").format(number=one)
    if found.compared < other:
        text = tr(
            "Frames: {one} in the first, {other} in the second; the first {number} of the second "
            "compared with what the first shows then"
        )
    else:
        text = tr(
            "Frames: {one} in the first, {other} in the second; each of the second compared with "
            "what the first shows then"
        )
    return text.format(one=one, other=other, number=found.compared)


def _off(found: Comparison) -> str:
    if not found.most_off:
        return tr("the same")
    off = f"{1000 * found.most_off:.2f} ms"
    if found.paired_by == "number":
        return tr("they miss by up to {time}").format(time=off)
    return tr("up to {time} between the beginnings of two frames compared").format(time=off)


def _vmaf(found: Comparison) -> str:
    from importlib.metadata import version  # noqa: PLC0415 - keeps --help fast

    from tsuzuki.video.vmaf import LEAST_SIDE, has_vmaf  # noqa: PLC0415

    if found.vmaf is not None:
        return tr("mean {value}").format(value=f"{found.vmaf:.2f}")
    if has_vmaf():
        small = tr("not measured: a side has less than {number} pixels")
        return small.format(number=LEAST_SIDE)
    old = tr("not measured: PyAV {version} has no libvmaf in its FFmpeg; from 19 on it has")
    return old.format(version=version("av"))


def _db(psnr: float | None) -> str:
    return tr("the same") if psnr is None else f"{psnr:.2f} dB"
