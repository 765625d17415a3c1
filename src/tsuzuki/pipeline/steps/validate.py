"""Refuse early, and say why: what would make the last step fail is found before the first."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path

from tsuzuki import durable
from tsuzuki.durable import is_there
from tsuzuki.errors import (
    Cancelled,
    ContainerError,
    DiskFullError,
    HdrLossError,
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
    SessionDiffersError,
)
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.run import Run
from tsuzuki.sessions.identity import Difference, differences
from tsuzuki.sessions.pictures import pattern_of
from tsuzuki.video.dynamic_hdr import loss
from tsuzuki.video.facts import SUFFIXES
from tsuzuki.video.fields import FILM_SHARE, method_for

SPARE_BYTES = 32 << 20
"""Room for state, logs and temporary files beside what frames need."""
LOSSY_BITS_PER_PIXEL = 0.05
"""What x264, x265 and SVT-AV1 need at least at their default quality; films need more."""
LOSSLESS_SHARE = 0.3
"""Share of the raw bytes that lossless coding leaves at best on real pictures."""

OnHdrLoss = bool | Callable[[str], bool]
"""Whether to go on without dynamic HDR metadata, or a function that is told what gets lost."""


def is_done(run: Run) -> bool:
    """Space is looked for in every run: it changes between them."""
    del run
    return False


def validate(run: Run) -> None:
    """Compare the need for space with what is free; the rest was checked before the session."""
    frames = len(run.index) or expected_frames(run.plan)
    warning = check_space(
        run.plan, frames, run.store.paths.folder, run.output, done=run.store.disk_used
    )
    if warning is not None:
        run.warn("space", warning)


def default_output(plan: Plan, folder: Path | None = None) -> Path:
    """Return ``<stem>_2x.<container>`` in ``folder``, by default beside the input.

    That of numbered pictures is called like them, or like their folder, and lies beside that.
    A part is ``<stem>_2x_90-120s.<container>``, so that a trial is not taken for the whole.
    """
    source, settings = Path(plan.probe.path), plan.settings
    stem, beside = source.stem, source.parent
    if (pattern := pattern_of(source)) is not None:  # what is made of a folder lies beside it
        stem, beside = pattern.stem or beside.name or "pictures", beside.parent
    name = f"{stem}_{settings.enlargement}"
    if settings.range_start is not None or settings.range_end is not None:
        end = "" if settings.range_end is None else f"{settings.range_end:f}"
        name += f"_{settings.range_start or Decimal(0):f}-{end}s"
    if plan.encoding.container == "png" and plan.probe.pictures != "still":
        name += f"{os.sep}%06d"
    return (folder or beside) / f"{name}.{plan.encoding.container}"


def published(output: Path) -> Path:
    """Return what gets its name at the end: the output, or the folder of numbered pictures."""
    return output if pattern_of(output) is None else output.parent


def place_output(plan: Plan, wish: Path | None) -> Path:
    """Return the output's path for what the user asked for: nothing, a folder or a file."""
    if wish is None or (is_there(wish) and wish.is_dir()):
        return default_output(plan, wish)
    return wish


def check_output(plan: Plan, output: Path, *, overwrite: bool) -> None:
    """Raise what makes it impossible to write the output there."""
    source = Path(plan.probe.path)
    if plan.encoding.container == "png" and _check_pictures(plan, output, overwrite=overwrite):
        return
    try:
        there = os.path.lexists(output)
        same = output.exists() and _is_input(output, source)
    except OSError as error:
        raise OutputFolderError(
            f"{output} cannot be written ({error.strerror}). Choose another name with -o.",
            path=str(output),
        ) from error
    if same:
        raise OutputIsInputError(
            f"The output {output} is the input itself. Choose another name with -o.",
            path=str(output),
        )
    if output.is_dir():
        raise OutputFolderError(
            f"The output {output} is a folder. Name a file in it with -o.", path=str(output)
        )
    if there and not overwrite:
        raise OutputExistsError(
            f"The output {output} exists. Choose another name with -o, or replace it with "
            "--overwrite.",
            path=str(output),
        )
    if SUFFIXES.get(output.suffix.lower()) != plan.encoding.container:
        raise ContainerError(
            f"The session makes {plan.encoding.container}, which {output.name} does not end in. "
            "Choose a name that does, or start anew for another container.",
            path=str(output),
        )
    _check_folder(output.parent)


def _check_pictures(plan: Plan, output: Path, *, overwrite: bool) -> bool:
    """Check a folder of pictures; False where the output is a single one.

    What is in a folder is only replaced if it is nothing but pictures of the same name.
    """
    pattern, folder, source = pattern_of(output), output.parent, Path(plan.probe.path)
    if pattern is None:
        if plan.probe.pictures == "still":
            return False
        raise ContainerError(
            f"The output {output.name} is one picture, and the video has many. Number them, as in "
            f"{output.stem}/%06d.png.",
            path=str(output),
        )
    if output.suffix.lower() != ".png":
        raise ContainerError(f"Pictures are written as PNG; {output.name} does not end in .png.")
    try:
        names = [path.name for path in folder.iterdir()] if os.path.lexists(folder) else []
        if names and folder.samefile(source.parent):
            raise OutputIsInputError(
                f"The folder {folder} is that of the input. Choose another name with -o.",
                path=str(folder),
            )
    except OSError as error:
        raise OutputFolderError(
            f"{folder} cannot be written ({error.strerror}). Choose another name with -o.",
            path=str(folder),
        ) from error
    others = [name for name in names if pattern.number_of(name) is None]
    if names and (others or not overwrite):
        held = f"other files, such as {others[0]}" if others else "pictures already"
        advice = "" if others else ", or replace them with --overwrite"
        raise OutputExistsError(
            f"The folder {folder} holds {held}. Choose another with -o{advice}: the pictures get a "
            "folder of their own, which appears when it is complete.",
            path=str(folder),
        )
    _check_folder(folder.parent)
    return True


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise OutputFolderError(
            f"The folder {folder} does not exist. Make it, or choose another with -o.",
            path=str(folder),
        )
    if not _can_write(folder):
        raise OutputFolderError(
            f"Nothing can be written in {folder}. Choose another folder with -o.", path=str(folder)
        )


def _is_input(output: Path, source: Path) -> bool:
    """Tell whether an existing output is the source, or one of its pictures."""
    pattern = pattern_of(source)
    if pattern is None:
        return output.samefile(source)
    return output.parent.samefile(source.parent) and pattern.number_of(output.name) is not None


def check_space(
    plan: Plan, frames: int, folder: Path, output: Path, *, done: int = 0
) -> str | None:
    """Compare the need with the free space on both file systems.

    ``done`` bytes of the work lie in ``folder`` already. Returns a sentence of warning where it may
    become tight. Raises `DiskFullError` where even the least that the job can need is not there.
    """
    spooled = int(min(plan.segment_frames, frames) * plan.raw_frame_bytes * LOSSLESS_SHARE)
    for place, least in _needs(plan, frames, folder, output, done).items():
        free = durable.free_bytes(place)
        if free is None:
            continue
        if free < least:
            raise DiskFullError(
                f"At least {_size(least)} are needed in {place}, and {_size(free)} are free. Free "
                "some space, or choose another place: -o for the output; for the work files of a "
                "new session --sessions-dir or TSUZUKI_SESSIONS_DIR.",
                path=str(place),
                needed=least,
                free=free,
            )
        most = 3 * least + (spooled if place == folder else 0)
        if free < most:
            return (
                f"{_size(free)} are free in {place}; {_size(most)} may be needed. If the disk "
                "fills up, the work pauses and can be resumed."
            )
    return None


def expected_frames(plan: Plan) -> int:
    """Return about how many frames the output has; of telecined film as many as film has."""
    start, end = plan.settings.range_start or 0, plan.settings.range_end
    rate, count = Fraction(*plan.probe.frame_rate), plan.probe.frame_count
    share = Fraction(1)
    if plan.settings.fps is not None:
        share = Fraction(plan.settings.fps) / rate
    elif method_for(plan.settings.deinterlace, plan.probe) == "ivtc":
        share = FILM_SHARE
    rate, count = rate * share, ceil(count * share)
    last = count if end is None else min(count, ceil(Fraction(end) * rate))
    return max(1, last - int(Fraction(start) * rate))


def _needs(plan: Plan, frames: int, folder: Path, output: Path, done: int) -> dict[Path, int]:
    pixels = plan.encoding.width * plan.encoding.height * frames
    lossless = int(LOSSLESS_SHARE * plan.raw_frame_bytes * frames)
    encoded = (
        lossless
        if plan.encoding.encoder in {"ffv1", "prores", "png"}
        else int(pixels * LOSSY_BITS_PER_PIXEL / 8)
    )
    source = (
        lossless
        * plan.shown.width
        * plan.shown.height
        // (plan.encoding.width * plan.encoding.height)
    )
    kept = lossless + source if plan.settings.keep_frames else 0
    work, result = max(0, encoded + kept - done) + SPARE_BYTES, encoded + SPARE_BYTES
    place = published(output).parent
    if folder.stat().st_dev == place.stat().st_dev:
        return {folder: work + result}
    return {folder: work, place: result}


def _can_write(folder: Path) -> bool:
    """Ask the system; root may write anywhere except where the file system is read-only."""
    return os.access(folder, os.W_OK | os.X_OK)


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def check_hdr_loss(plan: Plan, accept: OnHdrLoss) -> None:
    """Raise `HdrLossError` where dynamic HDR metadata gets lost and nobody has accepted that.

    A function as ``accept`` asks a person, who is told what gets lost; a no is `Cancelled`.
    """
    kinds = plan.probe.dynamic_hdr
    if not kinds or accept is True:
        return
    told = loss(kinds, plan.probe.colour.transfer)
    if not callable(accept):
        raise HdrLossError(f"{told} To go on, add --accept-hdr-loss.", dynamic_hdr=list(kinds))
    if not accept(told):
        raise Cancelled("Nothing was done. What is there stays as it is.")


def check_identity(run: Run, *, accept: bool, may_differ: frozenset[str]) -> list[Difference]:
    """Return what differs; refuse where the user does not accept that the bytes will differ."""
    stored = run.remembered("validate").get("identity")
    changes = differences(stored, run.identity) if stored is not None else []
    if changes and not accept and not may_differ.issuperset(change.field for change in changes):
        listed = "; ".join(map(str, changes))
        raise SessionDiffersError(
            f"Session {run.session_id} was begun with something else: {listed}. Put it back as it "
            f"was, or go on with `{run.store.paths.command('resume', '--accept-changes')}` (the "
            "output will not have the same bytes as that of an uninterrupted run), or start anew "
            "with `tsuzuki upscale VIDEO --on-existing restart`.",
            differences=[str(change) for change in changes],
        )
    return changes
