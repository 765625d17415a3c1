"""``tsuzuki models``."""

from __future__ import annotations

import typer

from tsuzuki.cli import options as o
from tsuzuki.language import tr, trp


def models(json: o.JsonResult = False) -> None:
    """List the networks that come with the program.

    Usually --content, --quality and --noise-reduction choose one; --model takes any of them.
    """
    import msgspec  # noqa: PLC0415 - keeps --help fast
    from rich.table import Table  # noqa: PLC0415

    from tsuzuki.cli.text import stdout  # noqa: PLC0415
    from tsuzuki.upscaling import networks  # noqa: PLC0415
    from tsuzuki.upscaling.presets import PRESETS  # noqa: PLC0415

    if json:
        typer.echo(msgspec.json.encode(networks()).decode())
        return
    headings = (
        trp("network", "name"),
        trp("network", "scale"),
        trp("network", "noise"),
        trp("network", "content"),
        trp("network", "pools"),
        trp("network", "licence"),
    )
    table = Table(box=None)
    for heading in headings:
        table.add_column(heading, no_wrap=heading == headings[0], overflow="fold")
    for network in networks():
        table.add_row(
            network.name,
            f"{network.scale}x",
            tr("built in") if network.noise is None else str(network.noise),
            network.content,
            tr("yes") if network.pools else tr("no"),
            network.licence,
        )
    console = stdout()
    console.print(table)
    for (content, quality), family in PRESETS.items():
        options = f"--content {content} --quality {quality:8}"
        console.print(tr("{options} takes {network}").format(options=options, network=family))
    console.print(
        tr(
            "noise: -1 is none, 3 the strongest. pools: averages over the whole frame, so that "
            "large frames cost more memory or time."
        ),
        style="dim",
    )
