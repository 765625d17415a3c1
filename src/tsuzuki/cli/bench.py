"""``tsuzuki bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tsuzuki.cli import options as o
from tsuzuki.cli.settings import settings_from, with_settings
from tsuzuki.language import tr

app = typer.Typer(
    help="Measure what the program does.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.callback()
def bench() -> None:
    """Measure what the program does."""


@app.command()
@with_settings(
    "scale_factor", "quality", "content", "noise_reduction", "model", "range", "reuse",
    "reuse_tolerance", "device",
)  # fmt: skip
def quality(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="The video to measure with.")],
    json: o.JsonResult = False,
    **options: Any,
) -> None:
    """Show what reuse costs: every frame with it is compared with the frame without.

    PSNR and SSIM are FFmpeg's, over the upscaled frames before they are encoded. 50 dB and more is
    a difference that nobody sees. Nothing is written.
    """
    import msgspec  # noqa: PLC0415 - keeps --help fast
    from rich.progress import Progress  # noqa: PLC0415

    from tsuzuki.cli.text import is_terminal, stderr, stdout  # noqa: PLC0415
    from tsuzuki.pipeline.quality import measure  # noqa: PLC0415

    settings = settings_from(options)
    with Progress(console=stderr(), transient=True, disable=not is_terminal()) as progress:
        task = progress.add_task(tr("comparing"), total=1.0)
        found = measure(clip, settings, lambda done: progress.update(task, completed=done))
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    console = stdout()
    area = tr("{number} frames, {share} % of their area reused")
    console.print(area.format(number=found.frames, share=f"{100 * found.reused:.1f}"))
    psnr = tr("PSNR: worst {worst} dB (frame {frame}), mean {mean} dB")
    console.print(
        psnr.format(
            worst=f"{found.worst_psnr:.1f}",
            frame=found.worst_frame,
            mean=f"{found.mean_psnr:.1f}",
        )
    )
    ssim = tr("SSIM: worst {worst}, mean {mean}")
    console.print(ssim.format(worst=f"{found.worst_ssim:.5f}", mean=f"{found.mean_ssim:.5f}"))
