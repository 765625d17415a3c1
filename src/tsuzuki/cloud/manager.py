"""Sessions on this machine and in a store."""

from __future__ import annotations

import os
from typing import NamedTuple

from tsuzuki.cloud.lease import Lease, acquire, held
from tsuzuki.cloud.manifest import Manifest, read_manifest
from tsuzuki.cloud.pull import Pull, Pulled, not_there
from tsuzuki.cloud.push import Pushed, push
from tsuzuki.cloud.snapshot import Digests
from tsuzuki.cloud.store import open_store
from tsuzuki.cloud.transfer import Pace
from tsuzuki.durable import Durable
from tsuzuki.errors import CloudError, SessionError
from tsuzuki.sessions.layout import is_session_id, make_root
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.tracing import span


class Stored(NamedTuple):
    """A session in a store."""

    session_id: str
    manifest: Manifest | None
    """None where it cannot be read."""

    @property
    def size(self) -> int:
        """Bytes of its files."""
        files = self.manifest.files.values() if self.manifest else ()
        return sum(file.size for file in files)


class CloudSessionManager(SessionManager):
    """Sessions in the folder ``root`` that are copied to and from the store at ``url``.

    ``url`` is a folder, ``s3://BUCKET/FOLDER``, ``sftp://HOST/FOLDER`` or ``gdrive://FOLDER``,
    without credentials: those are found by the stores' own means. ``limit`` bounds the
    speed, in bytes a second.

    Raises `SettingsError` for another address, `MissingExtraError` and `CloudError`.
    """

    def __init__(
        self,
        url: str,
        root: str | os.PathLike[str] | None = None,
        *,
        limit: float | None = None,
        durable: Durable | None = None,
    ) -> None:
        super().__init__(root, durable=durable)
        self.store = open_store(url)
        self._pace = Pace(limit)
        self._digests = Digests()

    def sync_to_cloud(
        self, session_id: str, *, take_over: bool = False, lease: Lease | None = None
    ) -> Pushed:
        """Bring a session into the store, also while a process works on it; only what is missing.

        ``lease`` is that of the session if it is held already. Raises `SessionNotFoundError`,
        `SessionDamagedError`, `LeaseError` while another machine works on it, and `CloudError`:
        then the session in the store is as it was, and the next call goes on.
        """
        self.require_progress(session_id)
        with span("sync", session_id=session_id):
            if lease is not None:
                return push(self, session_id, self.store, lease, self._digests, self._pace)
            with held(self.store, session_id, take_over=take_over) as own:
                return push(self, session_id, self.store, own, self._digests, self._pace)

    def restore_from_cloud(self, session_id: str, *, take_over: bool = False) -> Pulled:
        """Bring a session from the store into the folder; what is here already stays.

        Every digest is checked. A file that is damaged in the store is left out, with what names
        it. Raises `LeaseError`, `SessionBusyError`, `SessionDiffersError`, `CloudError`; what was
        fetched by then is not fetched again.
        """
        paths = self.paths(session_id)
        if read_manifest(self.store, session_id) is None:
            raise not_there(self.store, session_id)
        with held(self.store, session_id, take_over=take_over):
            found = read_manifest(self.store, session_id)
            if found is None:
                raise not_there(self.store, session_id)
            make_root(self.root, self._durable)
            paths.check()
            pull = Pull(self, self.store, found.manifest, self._pace, self._durable)
            return pull.run()

    def list_cloud(self) -> list[Stored]:
        """Return the sessions in the store, by their ids."""
        found = []
        for session_id in filter(is_session_id, self.store.folders()):
            try:
                read = read_manifest(self.store, session_id)
            except (CloudError, SessionError):
                found.append(Stored(session_id, None))
            else:
                if read is not None:
                    found.append(Stored(session_id, read.manifest))
        return found

    def remove_from_cloud(
        self, session_id: str, *, take_over: bool = False, lease: Lease | None = None
    ) -> None:
        """Remove a session from the store: what says that it is there first, its files after.

        Raises `LeaseError` while another machine works on it, `CloudError` where it is not there.
        """
        self.paths(session_id)
        names = self.store.entries(session_id)
        if not names:
            raise not_there(self.store, session_id)
        if lease is None:
            lease = acquire(self.store, session_id, take_over=take_over)
        lease.check()
        folders = ("manifests", "objects", "leases")
        names = self.store.entries(session_id)
        for folder in folders:
            prefix = f"{session_id}/{folder}/"
            self.store.remove([name for name in names if name.startswith(prefix)])
