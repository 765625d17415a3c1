"""Numbered pictures that one pattern names, such as ``frames/%06d.png``: a video in many files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tsuzuki.durable import is_there, storage_errors
from tsuzuki.errors import InputError, InputNotFoundError

_PLACE = re.compile(r"%(?:0([1-9][0-9]?))?d")
_MAX_NUMBER = 2**31 - 1
"""FFmpeg counts the pictures in a signed integer of 32 bits."""


class Pattern(msgspec.Struct, frozen=True):
    """The name of numbered pictures, taken apart. Only the last part of a path is one."""

    folder: Path
    before: str
    digits: int
    """Least number of digits; shorter numbers are filled up with zeros."""
    after: str

    @property
    def stem(self) -> str:
        """What the pictures are called without their numbers; may be empty."""
        return self.before.rstrip("_-. ")

    def path(self, number: int) -> Path:
        """Return the file with this number."""
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.after}"

    def for_ffmpeg(self, path: str) -> str:
        """Return ``path`` so that FFmpeg takes no other per cent sign in it for a number."""
        head = path[: len(path) - len(self.name)].replace("%", "%%")
        before, after = (text.replace("%", "%%") for text in (self.before, self.after))
        return f"{head}{before}%0{self.digits}d{after}"

    @property
    def name(self) -> str:
        """The last part of the path as the user wrote it, but for a ``%1d`` or the like."""
        place = f"%0{self.digits}d" if self.digits > 1 else "%d"
        return f"{self.before}{place}{self.after}"

    def number_of(self, name: str) -> int | None:
        """Return the number in a file's name; None for one that is not of the pattern."""
        middle = name[len(self.before) : len(name) - len(self.after)]
        if not (middle.isascii() and middle.isdecimal() and len(middle) <= 10):
            return None
        number = int(middle)
        return number if name == self.path(number).name and number <= _MAX_NUMBER else None


class Sequence(msgspec.Struct, frozen=True):
    """Pictures that are there, without a gap."""

    pattern: Pattern
    first: int
    """Number of the first."""
    count: int
    size: int
    """Bytes of all files."""
    mtime: float
    """Time of the latest change, in seconds."""

    def files(self) -> Iterator[Path]:
        """Yield the files in their order."""
        return (self.pattern.path(self.first + place) for place in range(self.count))


def pattern_of(path: str | os.PathLike[str]) -> Pattern | None:
    """Return the pattern that a path is; None for a plain path, or one that a file has."""
    name = Path(path).name
    found = list(_PLACE.finditer(name))
    if len(found) != 1 or os.path.lexists(path):
        return None
    digits = int(found[0][1] or 1)
    return Pattern(Path(path).parent, name[: found[0].start()], digits, name[found[0].end() :])


def find_sequence(path: str | os.PathLike[str]) -> Sequence | None:
    """Return the pictures that a pattern names; None where the path is no pattern.

    Raises `InputNotFoundError` where there is no such picture or one between is missing, and
    `InputError` where one is no plain file.
    """
    pattern = pattern_of(path)
    if pattern is None:
        return None
    found: dict[int, os.stat_result] = {}
    with storage_errors(pattern.folder):
        try:
            for entry in os.scandir(pattern.folder):
                if (number := pattern.number_of(entry.name)) is not None:
                    found[number] = entry.stat()
                    _check_plain(entry)
        except (FileNotFoundError, NotADirectoryError):
            found = {}
    if not found:
        raise InputNotFoundError(
            f"No picture is named like '{path}', with a number in place of "
            f"{pattern.name[len(pattern.before) : len(pattern.name) - len(pattern.after)]}. Check "
            "the spelling, the number of digits and the folder.",
            path=str(path),
        )
    first, last = min(found), max(found)
    if last - first + 1 != len(found):
        missing = next(number for number in range(first, last) if number not in found)
        raise InputNotFoundError(
            f"The picture '{pattern.path(missing)}' is missing: there are numbers {first} to "
            f"{last}. Put it back, or number the pictures without a gap.",
            path=str(pattern.path(missing)),
        )
    size = sum(facts.st_size for facts in found.values())
    mtime = max(facts.st_mtime for facts in found.values())
    return Sequence(pattern, first, len(found), size, mtime)


def is_source(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is something to read at a path: a plain file, or pictures."""
    if is_there(Path(path)):
        return Path(path).is_file()
    try:
        return find_sequence(path) is not None
    except InputError:
        return False


def files_of(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the files that a path stands for: itself, or the pictures of a pattern."""
    sequence = find_sequence(path)
    return iter([Path(path)]) if sequence is None else sequence.files()


def guess_pattern(names: list[str], folder: Path) -> Path | None:
    """Return the pattern that all these names have in common; None where they have none.

    Two names or more; the numbers are at their end.
    """
    if len(names) < 2:
        return None
    parts = [re.fullmatch(r"(.*?)([0-9]{1,10})(\.[^.]*)", name, re.DOTALL) for name in names]
    if any(part is None for part in parts):
        return None
    groups = [part.groups() for part in parts if part is not None]
    if len({(before, after) for before, _, after in groups}) != 1:
        return None
    before, _, after = groups[0]
    if "%" in before or "%" in after:
        return None
    digits = min(len(number) for _, number, _ in groups)
    place = f"%0{digits}d" if digits > 1 else "%d"
    path = folder / f"{before}{place}{after}"
    pattern = pattern_of(path)
    fits = pattern is not None and all(pattern.number_of(name) is not None for name in names)
    return path if fits else None


def _check_plain(entry: os.DirEntry[str]) -> None:
    if not entry.is_file():
        raise InputError(
            f"'{entry.path}' is named like one of the pictures, and is no plain file. Move it "
            "elsewhere.",
            path=entry.path,
        )
