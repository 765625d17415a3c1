"""Which videos files and folders stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tsuzuki.durable import is_there
from tsuzuki.errors import InputError, InputNotFoundError, InputPermissionError
from tsuzuki.sessions.pictures import guess_pattern

SUFFIXES = (
    *(".3gp", ".apng", ".asf", ".avi", ".flv", ".gif", ".ivf", ".m2ts", ".m4v", ".mkv", ".mov"),
    *(".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    *(".mp4", ".y4m"),
)
"""What a folder's videos are known by; a file that is named itself may be called anything."""
_UPSCALED = re.compile(r"(?P<source>.+)_\d+(\.\d+)?x(_[\d.]+-[\d.]*s)?")


class Input(NamedTuple):
    """One video of the queue."""

    path: Path
    from_folder: bool
    """Found in a folder rather than named."""


def gather(arguments: Iterable[Path]) -> list[Input]:
    """Return the videos that files and folders stand for, each once, folders sorted by name.

    Raises `InputError` for a folder without videos. Files are checked by the pipeline.
    """
    found: dict[Path, Input] = {}
    for argument in arguments:
        is_folder = is_there(argument) and argument.is_dir()
        inputs = _in_folder(argument) if is_folder else [Input(argument, from_folder=False)]
        for one in inputs:
            found.setdefault(one.path.absolute(), one)
    return list(found.values())


def _in_folder(folder: Path) -> list[Input]:
    try:
        files = sorted(
            file
            for file in folder.iterdir()
            if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
        )
    except FileNotFoundError:
        raise InputNotFoundError(f"There is no folder {folder}. Check its name.") from None
    except PermissionError as error:
        raise InputPermissionError(
            f"The folder {folder} may not be read. Give yourself the right to read it, or name the "
            "videos themselves."
        ) from error
    if not files:
        return [_pictures_in(folder)]
    stems = {file.stem for file in files}
    videos = [file for file in files if not is_output(file.stem, stems)]
    if not videos:
        known = " ".join(SUFFIXES)
        raise InputError(
            f"There is no video in the folder {folder}: no file there ends in one of {known}. Name "
            "the videos themselves; folders within a folder are not searched."
        )
    return [Input(file, from_folder=True) for file in videos]


def _pictures_in(folder: Path) -> Input:
    """Return the one sequence of pictures that a folder without videos holds."""
    from tsuzuki.video.pictures import SUFFIXES as PICTURES  # noqa: PLC0415 - keeps the rest fast

    names = sorted(
        file.name
        for file in folder.iterdir()
        if file.suffix.lower() in PICTURES and not file.name.startswith(".")
    )
    pattern = guess_pattern(names, folder)
    if pattern is not None:
        return Input(pattern, from_folder=True)
    if names:
        raise InputError(
            f"The pictures in the folder {folder} are not one numbered sequence. Name the pattern "
            f"of those that are one, such as {folder}/%06d.png, or single pictures."
        )
    known = " ".join(SUFFIXES)
    raise InputError(
        f"There is no video in the folder {folder}: no file there ends in one of {known}. Name "
        "the videos themselves; folders within a folder are not searched."
    )


def is_output(stem: str, stems: set[str]) -> bool:
    """Return whether the name is that of the output of another video of the folder."""
    match = _UPSCALED.fullmatch(stem)
    return match is not None and match["source"] in stems
