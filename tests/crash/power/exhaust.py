"""Every state after a power cut, opened, recovered and checked."""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from .log import LoggedPort
from .states import Tree, cuts, read_in, write_out
from .work import JOBS, Told, Work, using

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp$")
_NOT_STATE = re.compile(r"session\.(lock|owner|log)$")


class Exhaustion:
    """Cuts the power at each point of the work, and again in the recovery, in all ways."""

    def __init__(self, folder: Path, job: str, most: int) -> None:
        self.points = 0
        self.again = 0
        """Points of cuts in a recovery."""
        self.losses: Counter[str] = Counter()
        self._folder = folder
        self._numbers = count()
        self._job = JOBS[job]
        self._most = most
        self._video = folder / "clip.mkv"
        self._video.write_bytes(b"video")
        self._seen: set[int] = set()

    def run(self) -> None:
        """Try every state, those of cuts in the recovery, and go on after it.

        What lies in temporary files does not change a recovery: one of each kind is cut again.
        """
        for tree, told in self._cuts():
            self._try(tree, told, again=self._is_new(tree, told))

    def run_until_lost(self) -> None:
        """Try every state, here and there, until something is lost."""
        states = list(self._cuts())
        random.Random(0).shuffle(states)
        for tree, told in states:
            self._try(tree, told, again=False)
            if self.losses:
                return

    def _cuts(self) -> Iterator[tuple[Tree, Told]]:
        with self._at({}) as folder:
            port = LoggedPort(folder)
            work = self._work(folder, port)
            work.prepare()
            before = read_in(folder)
            with using(port):
                work.run()
        for tree, told in cuts(port.calls, before, self._most):
            self.points += 1
            yield tree, told

    def _try(self, tree: Tree, told: Told, *, again: bool) -> None:
        with self._at(tree) as folder:
            port = LoggedPort(folder)
            work = self._work(folder, port)
            with using(port):
                losses, found = work.recover(told)
                recovery, after = list(port.calls), _state(folder)
                if again:
                    losses += work.recover(told)[0]
                    if _state(folder) != after:
                        losses.append("a second recovery changes something")
                    losses += work.finish()
        self.losses.update(losses)
        if again and not losses:
            for cut, _ in cuts(recovery, tree, 2):
                if self._is_new(cut, told):
                    self.again += 1
                    self._try_again(cut, told, found)

    def _try_again(self, tree: Tree, told: Told, found: object) -> None:
        with self._at(tree) as folder, using(port := LoggedPort(folder)):
            losses, found_again = self._work(folder, port).recover(told)
        self.losses.update(f"cut in a recovery: {loss}" for loss in losses)
        if found_again != found:
            self.losses["a cut in a recovery changes what is found"] += 1

    def _work(self, folder: Path, port: LoggedPort) -> Work:
        return self._job(folder, self._video, port.told)

    def _is_new(self, tree: Tree, told: Told) -> bool:
        kinds = (
            (_TEMPORARY.sub("", path), None if _TEMPORARY.search(path) else data)
            for path, data in tree.items()
        )
        key = hash((len(told), tuple(kinds)))
        new = key not in self._seen
        self._seen.add(key)
        return new

    @contextmanager
    def _at(self, tree: Tree) -> Iterator[Path]:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        write_out(tree, folder)
        yield folder
        shutil.rmtree(folder)


def _state(folder: Path) -> Tree:
    return {path: data for path, data in read_in(folder).items() if not _NOT_STATE.search(path)}
