"""``tsuzuki gui``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def gui(
    videos: Annotated[
        list[Path] | None,
        typer.Argument(metavar="VIDEO", help="Videos to choose.", show_default=False),
    ] = None,
) -> None:
    """Show the window, or bring up the one that is there.

    What it starts goes on when the window is closed, if you wish so, or when it is killed. The
    window needs PySide6, which comes with the extra "gui".
    """
    from tsuzuki.gui import main  # noqa: PLC0415 - keeps --help fast

    raise typer.Exit(main(tuple(map(str, videos or ()))))
