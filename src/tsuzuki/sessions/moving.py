"""Moving a session to another folder, such as one on another disk."""

from __future__ import annotations

from collections.abc import Callable

from tsuzuki.durable import Durable, copy_folder, is_temporary, sha256_of, storage_errors
from tsuzuki.errors import SessionError
from tsuzuki.sessions import cleanup
from tsuzuki.sessions.layout import SessionPaths, make_root
from tsuzuki.sessions.lock import SessionLock


def move_session(
    paths: SessionPaths, target: SessionPaths, adopt: Callable[[], None], durable: Durable
) -> None:
    """Copy a session, compare every byte, and remove it where it was; a kill loses nothing.

    What is at ``target`` already counts as the copy if it has the same bytes, as after a kill.
    ``adopt`` is called as soon as the copy is complete. Raises `SessionBusyError`,
    `SessionNotFoundError`, `UnsafeFolderError`, and `SessionError` where other work is in the way.
    """
    with SessionLock(paths, durable):
        make_root(target.root, durable)
        target.check()
        durable.remove_temporaries_of(target.folder)
        if not target.exists():
            copy_folder(paths.folder, target.folder, _is_moved(paths), durable)
        if _digests(paths) != _digests(target):
            raise SessionError(
                f"What is in {target.folder} is not the same as the work in {paths.folder}, which "
                "stays. Remove the former if you do not need it, or choose another folder.",
                session_id=paths.session_id,
            )
        adopt()
        cleanup.remove_session(paths, durable)


def _is_moved(paths: SessionPaths) -> Callable[[str], bool]:
    """Tell of a file's name whether it is more than a sign of who works on the session now."""
    passing = {paths.lock.name, paths.owner.name}
    return lambda name: name not in passing and not is_temporary(name)


def _digests(paths: SessionPaths) -> dict[str, str]:
    """Return the digest of every file by its path in the session's folder."""
    is_moved = _is_moved(paths)
    with storage_errors(paths.folder):
        files = [p for p in paths.folder.rglob("*") if not p.is_dir() and is_moved(p.name)]
    return {str(path.relative_to(paths.folder)): sha256_of(path) for path in files}
