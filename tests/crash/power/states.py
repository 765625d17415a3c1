"""Every state that a power cut may leave, by a model of a careless journalling file system.

A file keeps what was flushed; of the writes after that, any of them may be missing, the last one
torn, or only the length be there. A folder keeps the names that were flushed; of the changes after
that, any may be missing, whatever becomes of other folders and of the data: so a name may survive
with nothing behind it. Only a file that is renamed does not lose the old name before it has the new
one. That is what ext4 with ``noauto_da_alloc`` and XFS do, and worse than that: they keep names in
order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .log import Call

Tree = dict[str, bytes | None]
"""Contents of files by path; None for folders, which come before what lies in them."""

MOST_TOGETHER = 2048
"""Combinations of what is not flushed that are all tried; of more, each one by itself."""


class File:
    """Data of a file, by its writes."""

    def __init__(self, data: bytes = b"") -> None:
        self.flushed = bytearray(data)
        self.writes: list[Call] = []

    def options(self, most: int) -> list[bytes]:
        """Return what may be left of it: all of it first, the least last."""
        count = len(self.writes)
        everything = tuple(range(count))
        found: dict[bytes, None] = {}
        for kept in _subsets(count, most):
            found[self._after(kept)] = None
            if kept:
                found[self._after(kept, torn=True)] = None
        if count:
            found[self._after(everything, blank=True)] = None
            found[b"" if not self.flushed else bytes(self.flushed)] = None
        return list(found)

    def flush(self) -> None:
        """Make all writes so far safe."""
        self.flushed = bytearray(self._after(tuple(range(len(self.writes)))))
        self.writes.clear()

    def _after(self, kept: tuple[int, ...], *, torn: bool = False, blank: bool = False) -> bytes:
        data = bytearray(self.flushed)
        for number in kept:
            _, _, _, offset, piece = self.writes[number]
            if blank:
                piece = bytes(len(piece))
            if torn and number == kept[-1]:
                piece = piece[: len(piece) // 2]
            data.extend(bytes(max(0, offset - len(data))))
            data[offset : offset + len(piece)] = piece
        return bytes(data)


class Folder:
    """Names of a folder, by their changes."""

    def __init__(self) -> None:
        self.flushed: dict[str, Any] = {}
        self.changes: list[tuple[str, str, Any]] = []

    def options(self, most: int) -> list[tuple[int, ...]]:
        """Return which changes may be kept: all of them first, none last."""
        return _subsets(len(self.changes), most)

    def names(self, kept: tuple[int, ...] | None = None) -> dict[str, Any]:
        """Return what each name stands for after these changes, else after all."""
        names = dict(self.flushed)
        for number in range(len(self.changes)) if kept is None else kept:
            change, name, what = self.changes[number]
            if change == "add":
                names[name] = what
            elif change == "remove":
                if what is None or what in names:
                    names.pop(name, None)
            elif name in names:
                names[what] = names.pop(name)
        return names

    def flush(self) -> None:
        """Make all changes so far safe."""
        self.flushed = self.names()
        self.changes.clear()


class Disk:
    """A disk on which calls are done one after the other, and what a power cut would leave."""

    def __init__(self, tree: Tree) -> None:
        self._root = Folder()
        self._files: dict[int, File] = {}
        for path, data in tree.items():
            where = Path(path)
            self._folder(where.parent).flushed[where.name] = (
                Folder() if data is None else File(data)
            )

    def do(self, call: Call) -> None:
        """Do one call."""
        match call.name:
            case "create":
                self._files[call.to] = File()
                self._change(call.what, "add", self._files[call.to])
            case "write":
                self._files[call.what].writes.append(call)
            case "fsync":
                self._files[call.what].flush()
            case "mkdir":
                self._change(call.what, "add", Folder())
            case "link":
                self._change(call.to, "add", self._folder(call.what.parent).names()[call.what.name])
            case "rename":
                assert call.what.parent == call.to.parent, "names move within one folder"
                self._change(call.what, "rename", call.to.name)
            case "unlink" | "rmdir":
                self._change(call.what, "remove", call.to and call.to.name)
            case "fsync_folder":
                self._folder(call.what).flush()

    def after_a_cut(self, most: int) -> Iterator[Tree]:
        """Yield what may be left now, some of it more than once."""
        folders = list(self._folders(self._root))
        files = list({id(f): f for f in self._all_files(folders) if f.writes}.values())
        options: list[list[Any]] = [each.options(most) for each in [*folders, *files]]
        if math.prod(map(len, options)) <= MOST_TOGETHER:
            chosen: Any = itertools.product(*options)
        else:
            chosen = _one_by_one(options)
        for choice in chosen:
            kept = dict(zip(map(id, [*folders, *files]), choice, strict=True))
            tree: Tree = {}
            _lay_out(self._root, "", kept, tree)
            yield tree

    def _folders(self, folder: Folder) -> Iterator[Folder]:
        """Walk all that may be reached, whatever is kept."""
        seen = {id(folder): folder}
        queue = [folder]
        for each in queue:
            below = [*each.flushed.values(), *(what for _, _, what in each.changes)]
            new = [b for b in below if isinstance(b, Folder) and id(b) not in seen]
            seen |= {id(b): b for b in new}
            queue += new
        yield from seen.values()

    def _all_files(self, folders: list[Folder]) -> Iterator[File]:
        for each in folders:
            for what in (*each.flushed.values(), *(what for _, _, what in each.changes)):
                if isinstance(what, File):
                    yield what

    def _folder(self, path: Path) -> Folder:
        folder = self._root
        for name in path.parts:
            folder = folder.names()[name]
        return folder

    def _change(self, path: Path, change: str, what: Any = None) -> None:
        self._folder(path.parent).changes.append((change, path.name, what))


def _subsets(count: int, most: int) -> list[tuple[int, ...]]:
    """Choose from so many in all ways; of more than ``most``, the first ones and single ones."""
    everything = tuple(range(count))
    if count <= most:
        return [s for n in range(count, -1, -1) for s in itertools.combinations(everything, n)]
    return [everything[:n] for n in range(count, 0, -1)] + [(n,) for n in everything] + [()]


def _one_by_one(options: list[list[Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield all kept and nothing kept, and each option with either of them around it."""
    for around in ([o[0] for o in options], [o[-1] for o in options]):
        yield tuple(around)
        for place, several in enumerate(options):
            for one in several:
                yield (*around[:place], one, *around[place + 1 :])


def _lay_out(folder: Folder, prefix: str, kept: dict[int, Any], tree: Tree) -> None:
    for name, what in sorted(folder.names(kept[id(folder)]).items()):
        if isinstance(what, Folder):
            tree[prefix + name] = None
            _lay_out(what, f"{prefix}{name}/", kept, tree)
        else:
            tree[prefix + name] = kept.get(id(what), bytes(what.flushed))


def cuts(calls: list[Call], before: Tree, most: int) -> Iterator[tuple[Tree, list[str]]]:
    """Yield each different state that a cut may leave, with what had been reported by then."""
    disk, told, seen = Disk(before), list[str](), set[int]()
    for call in (None, *calls):
        if call is not None and call.name == "told":
            told.append(call.what)
        elif call is not None:
            disk.do(call)
        for tree in disk.after_a_cut(most):
            key = hash((len(told), tuple(tree.items())))
            if key not in seen:
                seen.add(key)
                yield tree, list(told)


def write_out(tree: Tree, folder: Path) -> None:
    """Make a state real in an empty folder."""
    for path, data in tree.items():
        if data is None:
            (folder / path).mkdir(0o700)
        else:
            (folder / path).write_bytes(data)


def read_in(folder: Path) -> Tree:
    """Return what there is."""
    paths = sorted(folder.rglob("*"))
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in paths
    }
