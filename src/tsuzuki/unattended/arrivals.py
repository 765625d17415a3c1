"""What arrives in a folder, once it is there as a whole.

The folder is looked at again and again: systems report no changes that another machine makes on a
network drive, and that a file has come to rest is nothing they report at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from tsuzuki.pipeline.inputs import SUFFIXES, is_output


class Arrival(NamedTuple):
    """A video in the folder."""

    path: Path
    size: int
    mtime_ns: int
    rest: float = 0.0
    """Seconds for which it has been seen unchanged."""

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes when somebody writes to it."""
        return self.size, self.mtime_ns


class Arrivals:
    """The videos in ``folder``, with ``recursive`` in those below as well.

    Hidden files and folders, the folders ``but``, and outputs that lie beside their videos are
    passed over; so are links to folders, which may lead in circles.
    """

    def __init__(
        self, folder: Path, *, recursive: bool = False, but: Collection[Path] = ()
    ) -> None:
        self._folder = folder
        self._recursive = recursive
        self._but = frozenset(but)
        self._seen: dict[Path, tuple[Arrival, float]] = {}

    def look(self, now: float) -> list[Arrival]:
        """Return what is there now, the oldest first; nothing while the folder is out of reach.

        ``now`` is in seconds, of a clock that only goes forward.
        """
        seen: dict[Path, tuple[Arrival, float]] = {}
        for found in self._files(self._folder):
            before, since = self._seen.get(found.path, (found, now))
            seen[found.path] = found, since if before.stamp == found.stamp else now
        self._seen = seen
        there = [found._replace(rest=now - since) for found, since in seen.values()]
        return sorted(there, key=lambda one: (one.mtime_ns, one.path))

    def _files(self, folder: Path) -> Iterator[Arrival]:
        with contextlib.suppress(OSError):
            there = [path for path in folder.iterdir() if not path.name.startswith(".")]
            stems = {path.stem for path in there if path.suffix.lower() in SUFFIXES}
            for path in there:
                with contextlib.suppress(OSError):  # it has gone again
                    yield from self._at(path, stems)

    def _at(self, path: Path, stems: set[str]) -> Iterator[Arrival]:
        is_video = path.suffix.lower() in SUFFIXES and not is_output(path.stem, stems)
        if path.is_dir():
            if self._recursive and path not in self._but and not path.is_symlink():
                yield from self._files(path)
        elif is_video and path.is_file():
            facts = path.stat()
            yield Arrival(path, facts.st_size, facts.st_mtime_ns)
