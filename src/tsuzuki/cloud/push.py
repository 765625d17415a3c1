"""From this machine into a store."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tsuzuki.cloud.lease import Lease
from tsuzuki.cloud.manifest import Kind, object_name, write_manifest
from tsuzuki.cloud.snapshot import Digests, Part, Snapshot, take
from tsuzuki.cloud.store import Entry, Store
from tsuzuki.cloud.transfer import Pace, for_each
from tsuzuki.errors import CloudError
from tsuzuki.sessions.manager import SessionManager

TRIES = 3


class Pushed(NamedTuple):
    """What a push did."""

    files: int
    """Of the session in the store."""
    sent: int
    """Files that were missing there."""
    sent_bytes: int


def push(
    manager: SessionManager,
    session_id: str,
    store: Store,
    lease: Lease,
    digests: Digests,
    pace: Pace,
) -> Pushed:
    """Bring what is missing into the store, then say there what the session is now.

    Raises `CloudError`, `LeaseError`; what was sent by then need not be sent again.
    """
    for left in reversed(range(TRIES)):
        snapshot = take(manager, session_id, digests)
        try:
            return _push(snapshot, store, lease, pace)
        except FileNotFoundError:
            if not left:
                raise
            # A frame went with the sealing of its segment: the next look finds the segment.
    raise AssertionError


def _push(snapshot: Snapshot, store: Store, lease: Lease, pace: Pace) -> Pushed:
    session_id = snapshot.manifest.session_id
    there = store.entries(f"{session_id}/objects")
    missing = [part for part in _by_contents(snapshot) if not _is_there(session_id, part, there)]

    def send(part: Part) -> None:
        pace.wait(part.file.size)
        name = object_name(session_id, part.file.sha256)
        if isinstance(part.source, Path):
            store.upload(name, part.source)
        else:
            store.write(name, part.source)

    for kind in Kind:
        for_each([part for part in missing if part.kind is kind], send, store.parallel)
    there = store.entries(f"{session_id}/objects")
    for part in _by_contents(snapshot):
        if not _is_there(session_id, part, there):
            _refuse(store, session_id, part)
    lease.renew()
    write_manifest(store, lease.number, snapshot.manifest)
    _drop_unused(store, snapshot, there)
    sent = sum(part.file.size for part in missing)
    return Pushed(len(snapshot.parts), len(missing), sent)


def _by_contents(snapshot: Snapshot) -> list[Part]:
    """Return the parts, those of the same contents once."""
    return list({part.file.sha256: part for part in snapshot.parts}.values())


def _is_there(session_id: str, part: Part, there: dict[str, Entry]) -> bool:
    entry = there.get(object_name(session_id, part.file.sha256))
    if entry is None or entry.size != part.file.size:
        return False
    return entry.md5 is None or entry.md5 == part.md5


def _refuse(store: Store, session_id: str, part: Part) -> None:
    """Raise for a file that did not arrive as it was sent; remove what did."""
    store.remove([object_name(session_id, part.file.sha256)])
    raise CloudError(
        f"{part.name} did not arrive in {store.url} as it was sent, or changed meanwhile. Run the "
        "same command again; the session in the store is as it was before.",
        url=store.url,
    )


def _drop_unused(store: Store, snapshot: Snapshot, there: dict[str, Entry]) -> None:
    session_id = snapshot.manifest.session_id
    used = {object_name(session_id, file.sha256) for file in snapshot.manifest.files.values()}
    store.remove(sorted(there.keys() - used))
