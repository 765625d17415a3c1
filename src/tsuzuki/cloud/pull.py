"""From a store onto this machine."""

from __future__ import annotations

import hashlib
import logging
import threading
from pathlib import Path
from typing import NamedTuple

from tsuzuki.cloud.manifest import File, Kind, Manifest, kind_of, object_name, path_of
from tsuzuki.cloud.store import Store
from tsuzuki.cloud.transfer import Pace, for_each
from tsuzuki.durable import Durable, PendingFile, storage_errors
from tsuzuki.errors import CloudError, SessionDamagedError, SessionDiffersError
from tsuzuki.sessions.identity import Difference, differences
from tsuzuki.sessions.layout import SessionPaths, number_of_record, number_of_segment
from tsuzuki.sessions.lock import SessionLock
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.progress import MAX_BYTES, ProgressData, decode_progress

_log = logging.getLogger(__name__)
_PIECE = 1 << 20


class Pulled(NamedTuple):
    """What a pull did."""

    files: int
    """Of the session in the store."""
    fetched: int
    """Files that were missing here."""
    fetched_bytes: int
    damaged: tuple[str, ...]
    """Files that are missing or damaged in the store; what they held is computed again."""


class Pull:
    """One session from a store into its folder, in an order that is harmless to end anywhere."""

    def __init__(
        self,
        manager: SessionManager,
        store: Store,
        manifest: Manifest,
        pace: Pace,
        durable: Durable,
    ) -> None:
        self._store = store
        self._manager = manager
        self._manifest = manifest
        self._pace = pace
        self._durable = durable
        self._paths = manager.paths(manifest.session_id)
        self._damaged: set[str] = set()
        self._sizes: list[int] = []
        self._guard = threading.Lock()

    def run(self) -> Pulled:
        """Fetch what is missing: data, then the records that name it, then the summary.

        What is here stays as it is. Raises `SessionBusyError` while a process works on the session
        here, `SessionDiffersError` where it was made with something else.
        """
        for folder in self._paths.folders:
            self._durable.make_folder(folder)
        with SessionLock(self._paths, self._durable):
            self._refuse_another()
            for folder in self._paths.folders:
                self._durable.sweep_temporary(folder)  # of a pull that was killed
            for kind in Kind:
                names = [name for name in self._manifest.files if kind_of(name) is kind]
                for_each(filter(self._is_wanted, names), self._fetch, self._store.parallel)
        self._manager.require_progress(self._paths.session_id)
        damaged = tuple(sorted(self._damaged))
        if damaged:
            _log.warning("Missing or damaged in %s: %s", self._store.url, ", ".join(damaged))
        return Pulled(len(self._manifest.files), len(self._sizes), sum(self._sizes), damaged)

    def _refuse_another(self) -> None:
        """Raise where the session here has other settings, models, or a past of its own."""
        here = self._manager.load_progress(self._paths.session_id)
        if here is None or "progress.json" not in self._manifest.files:
            return
        there = _summary(self._store, self._paths, self._manifest)
        if there is None:
            return
        found = differences(_made_with(here), _made_with(there))
        if found:
            raise _differs(self._paths, self._store, found)

    def _is_wanted(self, name: str) -> bool:
        """Whether a file is to be fetched: it is not here, and what it names is."""
        path = path_of(self._paths, name)
        if path.exists():
            return False
        last = path.name
        if (number := number_of_record(last)) is not None:
            return not any(number_of_segment(Path(one).name) == number for one in self._damaged)
        number = number_of_segment(last)
        # Another file for a segment that is sealed here would belong to nothing.
        return number is None or not self._paths.record(number).exists()

    def _fetch(self, name: str) -> None:
        file = self._manifest.files[name]
        self._pace.wait(file.size)
        path = path_of(self._paths, name)
        for _ in range(2):  # a bit may have changed on the way
            with PendingFile(path, self._durable) as pending:
                if self._copy(file, pending):
                    pending.finish()
                    pending.publish(path)
                    with self._guard:
                        self._sizes.append(file.size)
                    return
        with self._guard:
            self._damaged.add(name)

    def _copy(self, file: File, pending: PendingFile) -> bool:
        """Copy an object; False where it is not there or not what it should be."""
        digest, left = hashlib.sha256(), file.size
        try:
            with self._store.open(object_name(self._paths.session_id, file.sha256)) as source:
                while left >= 0 and (piece := source.read(_PIECE)):
                    left -= len(piece)
                    digest.update(piece)
                    with storage_errors(pending.path):
                        pending.file.write(piece)
        except FileNotFoundError:
            return False
        return left == 0 and digest.hexdigest() == file.sha256


def _summary(store: Store, paths: SessionPaths, manifest: Manifest) -> ProgressData | None:
    name = object_name(paths.session_id, manifest.files["progress.json"].sha256)
    try:
        return decode_progress(store.read(name, MAX_BYTES), paths.session_id)
    except (FileNotFoundError, SessionDamagedError):
        return None


def _made_with(progress: ProgressData) -> dict[str, object]:
    data = progress["steps"]["validate"].get("data", {})
    if "identity" not in data:
        return {}
    return {
        "identity": data["identity"],
        "accepted changes": "; ".join(data.get("accepted_changes", ())),
    }


def _differs(paths: SessionPaths, store: Store, found: list[Difference]) -> SessionDiffersError:
    listed = "; ".join(map(str, found))
    return SessionDiffersError(
        f"Session {paths.session_id} here and in {store.url} were made with different things "
        f"({listed}). Keep one of them: `{paths.command('sessions remove')}` removes the one here.",
        session_id=paths.session_id,
        differences=[str(one) for one in found],
    )


def not_there(store: Store, session_id: str) -> CloudError:
    """Return the error to raise for a session that is not in the store."""
    return CloudError(
        f"There is no session {session_id} in {store.url}. `tsuzuki cloud list` shows those that "
        "are.",
        url=store.url,
    )
