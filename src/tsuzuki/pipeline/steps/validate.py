"""Refuse early, and say why: what would make the last step fail is found before the first."""

from __future__ import annotations

import os
from pathlib import Path

from tsuzuki import durable
from tsuzuki.errors import (
    DiskFullError,
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
)
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.run import Run

SPARE_BYTES = 32 << 20
"""Room for state, logs and temporary files beside what frames need."""
LOSSY_BITS_PER_PIXEL = 0.05
"""What x264, x265 and SVT-AV1 need at least at their default quality; films need more."""
LOSSLESS_SHARE = 0.3
"""Share of the raw bytes that lossless coding leaves at best on real pictures."""


def is_done(run: Run) -> bool:
    """Space is looked for in every run: it changes between them."""
    del run
    return False


def validate(run: Run) -> None:
    """Compare the need for space with what is free; the rest was checked before the session."""
    frames = run.plan.probe.frame_count
    warning = check_space(run.plan, frames, run.store.paths.folder, run.output)
    if warning is not None:
        run.warn("space", warning)


def default_output(plan: Plan, folder: Path | None = None) -> Path:
    """Return ``<stem>_2x.<container>`` in ``folder``, by default beside the input.

    A part is ``<stem>_2x_90-120s.<container>``, so that a trial is not taken for the whole.
    """
    source, settings = Path(plan.probe.path), plan.settings
    name = f"{source.stem}_{settings.scale_factor:g}x"
    if settings.range_start is not None or settings.range_end is not None:
        end = "" if settings.range_end is None else f"{settings.range_end:f}"
        name += f"_{settings.range_start or 0:f}-{end}s"
    return (folder or source.parent) / f"{name}.{plan.encoding.container}"


def place_output(plan: Plan, wish: Path | None) -> Path:
    """Return the output's path for what the user asked for: nothing, a folder or a file."""
    if wish is None or wish.is_dir():
        return default_output(plan, wish)
    return wish


def check_output(plan: Plan, output: Path, *, overwrite: bool) -> None:
    """Raise what makes it impossible to write the output there."""
    source = Path(plan.probe.path)
    if output.exists() and output.samefile(source):
        raise OutputIsInputError(
            f"The output {output} is the input itself. Choose another name with -o.",
            path=str(output),
        )
    if output.is_dir():
        raise OutputFolderError(
            f"The output {output} is a folder. Name a file in it with -o.", path=str(output)
        )
    if output.exists() and not overwrite:
        raise OutputExistsError(
            f"The output {output} exists. Choose another name with -o, or replace it with "
            "--overwrite.",
            path=str(output),
        )
    folder = output.parent
    if not folder.is_dir():
        raise OutputFolderError(
            f"The folder {folder} does not exist. Make it, or choose another with -o.",
            path=str(folder),
        )
    if not _can_write(folder):
        raise OutputFolderError(
            f"Nothing can be written in {folder}. Choose another folder with -o.", path=str(folder)
        )


def check_space(plan: Plan, frames: int, folder: Path, output: Path) -> str | None:
    """Compare the need with the free space on both file systems.

    Returns a sentence of warning where it may become tight. Raises `DiskFullError` where even the
    least that the job can need is not there.
    """
    need = _needs(plan, frames, folder, output)
    for place, least in need.items():
        free = durable.free_bytes(place)
        if free is None:
            continue
        if free < least:
            raise DiskFullError(
                f"At least {_size(least)} are needed in {place}, and {_size(free)} are free. Free "
                "some space, or choose another place (-o for the output, --sessions-dir or "
                "TSUZUKI_SESSIONS_DIR for the work files).",
                path=str(place),
                needed=least,
                free=free,
            )
        if free < 3 * least:
            return (
                f"{_size(free)} are free in {place}; {_size(3 * least)} may be needed. If the disk "
                "fills up, the work pauses and can be resumed."
            )
    return None


def _needs(plan: Plan, frames: int, folder: Path, output: Path) -> dict[Path, int]:
    pixels = plan.encoding.width * plan.encoding.height * frames
    lossless = int(LOSSLESS_SHARE * plan.raw_frame_bytes * frames)
    encoded = (
        lossless if plan.encoding.encoder == "ffv1" else int(pixels * LOSSY_BITS_PER_PIXEL / 8)
    )
    kept = lossless if plan.settings.keep_frames else 0
    work, result = encoded + kept + SPARE_BYTES, encoded + SPARE_BYTES
    if folder.stat().st_dev == output.parent.stat().st_dev:
        return {folder: work + result}
    return {folder: work, output.parent: result}


def _can_write(folder: Path) -> bool:
    """Ask the system; root may write anywhere except where the file system is read-only."""
    return os.access(folder, os.W_OK | os.X_OK)


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
