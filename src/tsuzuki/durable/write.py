"""Writing state so that neither a kill nor a power cut can harm it.

The order is the same everywhere: a temporary name in the same folder, all bytes, length check,
fsync, close, the final name, fsync of the folder. A failed write or fsync ends the file; the same
descriptor is never flushed a second time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from tsuzuki.durable.faults import folder_needed, storage_errors
from tsuzuki.durable.kept import KeptFile
from tsuzuki.durable.naming import is_temporary, temporaries_of, temporary_name
from tsuzuki.durable.port import OsPort, Port
from tsuzuki.errors import UnsafeFolderError


class Durable:
    """The only code that writes, replaces, renames or removes state.

    Every method raises `DiskFullError` or `StorageError` where the system refuses, and returns
    only when what it did would survive a power cut.
    """

    def __init__(self, port: Port | None = None) -> None:
        self.port: Port = OsPort() if port is None else port

    def write_atomic(self, path: Path, data: bytes) -> None:
        """Write ``path``, replacing an older file in one step."""
        self.replace_file(self._write_temporary(path, data), path)

    def publish(self, path: Path, data: bytes) -> bool:
        """Write ``path`` unless the name is taken; then return False. The first one wins."""
        return self.publish_file(self._write_temporary(path, data), path)

    def publish_file(self, temporary: Path, target: Path) -> bool:
        """Name a finished file; False, and the file is removed, if the name is taken."""
        return self.publish_files([(temporary, target)])[0]

    def publish_files(self, files: Sequence[tuple[Path, Path]]) -> list[bool]:
        """Name finished files (temporary, final) with one flush for each folder."""
        published = [self._name(temporary, target) for temporary, target in files]
        for folder in dict.fromkeys(target.parent for _, target in files):
            self.sync_folder(folder)
        return published

    def replace_file(self, temporary: Path, target: Path) -> None:
        """Name a finished file, replacing an older one in one step."""
        with storage_errors(target):
            try:
                self.port.replace(temporary, target)
            except OSError:
                self._forget(temporary)
                raise
        self.sync_folder(target.parent)

    def publish_folder(self, temporary: Path, target: Path, *, replace: bool = False) -> bool:
        """Name a finished folder; False, and it is removed, if the name is taken.

        An empty folder gives way; with ``replace`` so does a full one, which is gone afterwards.
        """
        with storage_errors(target):
            if replace and target.is_dir() and not target.is_symlink():
                going = target.with_name(temporary_name(target.name))
                self.port.replace(target, going)
                self.port.remove_tree(going)
            with contextlib.suppress(OSError):
                self.port.rmdir(target)
            try:
                self.port.rename_new(temporary, target)
            except FileExistsError:
                self.port.remove_tree(temporary)
                return False
        self.sync_folder(target.parent)
        return True

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        with storage_errors(folder):
            self.port.fsync_folder(folder)

    def make_folder(self, path: Path) -> None:
        """Make a folder for the user alone, parents included; an existing one is as good.

        Raises `UnsafeFolderError` where the name belongs to a link or a file.
        """
        with storage_errors(path):
            missing = [path] if not os.path.lexists(path) else []
            while missing and not missing[-1].parent.exists():
                missing.append(missing[-1].parent)
            for folder in reversed(missing):
                with contextlib.suppress(FileExistsError):
                    self.port.mkdir(folder)
                self.port.fsync_folder(folder.parent)
            if not missing:
                self._sync_parent(path)
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise UnsafeFolderError(
                    f"{path} is a link or a file where a folder is needed. Remove it, or choose "
                    "another folder with TSUZUKI_SESSIONS_DIR.",
                    path=str(path),
                )

    def remove_file(self, path: Path) -> bool:
        """Remove a file or link; False where there was none."""
        with storage_errors(path):
            try:
                self.port.unlink(path)
            except FileNotFoundError:
                return False
            self.port.fsync_folder(path.parent)
        return True

    def remove_files(self, paths: Sequence[Path]) -> None:
        """Remove files of one folder with one flush; those that are gone already are as good."""
        if not paths:
            return
        with storage_errors(paths[0]):
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    self.port.unlink(path)
        self.sync_folder(paths[0].parent)

    def remove_folder(self, path: Path, root: Path) -> None:
        """Remove a folder below ``root`` with all in it, without following links.

        It loses its name in one step first, so that a kill never leaves half a folder under it.
        """
        if path.parent != root or path.name in {"", ".", ".."}:
            raise ValueError(f"{path} does not lie directly in {root}.")
        with storage_errors(path):
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "it is a link or a file", str(path))
            going = root / temporary_name(path.name)
            self.port.replace(path, going)
            self.port.fsync_folder(root)
            with contextlib.suppress(FileNotFoundError):  # another process sweeps it as well
                self.port.remove_tree(going)

    def move_aside(self, path: Path) -> Path:
        """Rename a damaged file to ``<name>.damaged-N`` and return where it is now."""
        number = 1
        with storage_errors(path):
            while True:
                aside = path.with_name(f"{path.name}.damaged-{number}")
                try:
                    self.port.rename_new(path, aside)
                except FileExistsError:
                    number += 1
                else:
                    self.port.fsync_folder(path.parent)
                    return aside

    def move_into(self, folder: Path, path: Path) -> Path:
        """Move a file into a folder of the same disk; return where it is now.

        It keeps its name, or gets a number where that is taken.
        """
        number = 1
        with storage_errors(path):
            while True:
                stem = path.stem if number == 1 else f"{path.stem} ({number})"
                target = folder / f"{stem}{path.suffix}"
                try:
                    self.port.rename_new(path, target)
                except FileExistsError:
                    number += 1
                else:
                    self.port.fsync_folder(folder)
                    self.port.fsync_folder(path.parent)
                    return target

    def sweep_temporary(self, folder: Path, idle_seconds: float = 0) -> list[Path]:
        """Remove what dead processes left under temporary names; return what that was.

        For the holder of the lock: a living process's files would go as well. Without a lock files
        stay that were written within ``idle_seconds``; a folder is only on its way out.
        """
        newest = time.time() - idle_seconds
        swept: list[Path] = []
        with storage_errors(folder):
            entries = [e for e in os.scandir(folder) if is_temporary(e.name)]
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        self.port.remove_tree(Path(entry.path))
                    elif idle_seconds and entry.stat(follow_symlinks=False).st_mtime > newest:
                        continue
                    else:
                        self.port.unlink(Path(entry.path))
                    swept.append(Path(entry.path))
        return swept

    def remove_temporaries_of(self, target: Path, owner: str = "") -> int:
        """Remove what dead processes of ``owner`` were writing to become ``target``.

        Returns how many files that were; raises `StorageError` where there is no such folder.
        """
        with storage_errors(target.parent), folder_needed(target.parent):
            leftovers = temporaries_of(target, owner)
            folders = [path for path in leftovers if path.is_dir() and not path.is_symlink()]
            for folder in folders:
                self.port.remove_tree(folder)
            self.remove_files([path for path in leftovers if path not in folders])
        return len(leftovers)

    def _write_temporary(self, path: Path, data: bytes) -> Path:
        temporary = path.with_name(temporary_name(path.name))
        with storage_errors(path):
            file = KeptFile(self.port, temporary)
        try:
            file.write(data)
            file.seal()
        except BaseException:
            file.close()
            self._forget(temporary)
            raise
        return temporary

    def _name(self, temporary: Path, target: Path) -> bool:
        with storage_errors(target):
            try:
                self.port.rename_new(temporary, target)
            except FileExistsError:
                self._forget(temporary)
                return False
        return True

    def _forget(self, temporary: Path) -> None:
        with contextlib.suppress(OSError):
            self.port.unlink(temporary)

    def _sync_parent(self, path: Path) -> None:
        """Flush a name that an earlier process may have made and not flushed."""
        with contextlib.suppress(PermissionError):
            self.port.fsync_folder(path.parent)
