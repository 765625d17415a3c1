"""``tsuzuki demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsuzuki.sentences import told


def demo(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where to leave clip, outputs and picture.")
    ] = Path("tsuzuki-demo"),
    keep: Annotated[
        bool, typer.Option("--keep", help="Also leave the sessions folder behind.")
    ] = False,
) -> None:
    """Upscale a small clip, kill the run twice, resume it and compare the bytes.

    The clip is drawn by the program itself. Takes a minute or two on two cores.
    """
    from tsuzuki.cli.text import stdout  # noqa: PLC0415 - keeps --help fast
    from tsuzuki.demo import run_demo  # noqa: PLC0415

    console = stdout()
    same = run_demo(
        folder, keep=keep, say=lambda line: console.print(told(line), markup=False, soft_wrap=True)
    )
    raise typer.Exit(0 if same else 1)
