"""Which machine works on a session in a store.

Leases are numbered files. Whoever made the one with the highest number has the session; only a
file that is not there yet is ever made, so of several machines that want the same number one gets
it. To take over is to make the next number; who had the one before sees that before it writes
anything that counts, and what it writes under its own, lower number is not read any more.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import secrets
import socket
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from tsuzuki.cloud.store import Store
from tsuzuki.errors import CloudError, LeaseError
from tsuzuki.sessions.lock import Owner, has_ended

LEASE_SECONDS = 120.0
"""A lease that is not renewed for so long is free."""
CLOCK_SECONDS = 60.0
"""So much may the clocks of two machines differ."""
MAX_BYTES = 4096
TRIES = 5
_NAME = re.compile(r"lease-([0-9]{9})\.json")


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What a lease says."""

    key: Annotated[str, Meta(max_length=64)]
    """Tells this holder from every other."""
    host: Annotated[str, Meta(max_length=300)]
    pid: int
    since: Annotated[str, Meta(max_length=64)]
    until: float
    """When it ends (s since 1970) unless it is renewed; 0 where it was given back."""


class Lease:
    """The right to work on one session, renewed by `renew` and given back by `release`."""

    def __init__(self, store: Store, session_id: str, number: int, holder: Holder) -> None:
        self.number = number
        self._store = store
        self._session_id = session_id
        self._holder = holder

    def renew(self) -> None:
        """Have it for `LEASE_SECONDS` from now. Raises `LeaseError` where another took over."""
        self.check()
        self._write(_now() + LEASE_SECONDS)

    def check(self) -> None:
        """Raise `LeaseError` unless the session is still ours."""
        newest = newest_lease(self._store, self._session_id)
        holder = _read(self._store, self._session_id, newest)
        # Where names are not unique, two may once have got the same number: one of them counts.
        if newest != self.number or (holder is not None and holder.key != self._holder.key):
            raise _taken(self._store, self._session_id, holder)

    def release(self) -> None:
        """Let any other machine have the session; a store that is gone is no matter."""
        with contextlib.suppress(CloudError, LeaseError):
            self.check()
            self._write(0.0)

    def _write(self, until: float) -> None:
        holder = msgspec.structs.replace(self._holder, until=until)
        name = _name(self._session_id, self.number)
        self._store.write(name, msgspec.json.encode(holder))


def acquire(store: Store, session_id: str, *, take_over: bool = False) -> Lease:
    """Take the lease of a session.

    Raises `LeaseError` while another machine has it, unless it is to be taken over. That of a
    process of this machine that has died is free.
    """
    for _ in range(TRIES):
        newest = newest_lease(store, session_id)
        if newest:
            holder = _read(store, session_id, newest)
            if not take_over and _is_held(holder):
                raise _taken(store, session_id, holder)
        mine = _new_holder()
        name = _name(session_id, newest + 1)
        # A request that was repeated because its answer was lost finds what it has made itself.
        made = store.create(name, msgspec.json.encode(mine))
        if made or _read(store, session_id, newest + 1) == mine:
            _remove_older(store, session_id, newest + 1)
            return Lease(store, session_id, newest + 1, mine)
    raise CloudError(
        f"The lease of session {session_id} in {store.url} could not be taken: its listing is "
        "older than what is there. Try again in a minute.",
        url=store.url,
    )


@contextlib.contextmanager
def held(store: Store, session_id: str, *, take_over: bool = False) -> Iterator[Lease]:
    """Hold the lease of a session while the context lasts."""
    lease = acquire(store, session_id, take_over=take_over)
    try:
        yield lease
    finally:
        lease.release()


def newest_lease(store: Store, session_id: str) -> int:
    """Return the highest number of a lease; 0 where there was none."""
    names = (name.rsplit("/", 1)[-1] for name in store.entries(f"{session_id}/leases"))
    return max((int(match[1]) for name in names if (match := _NAME.fullmatch(name))), default=0)


def _name(session_id: str, number: int) -> str:
    return f"{session_id}/leases/lease-{number:09d}.json"


def _new_holder() -> Holder:
    now = dt.datetime.now(dt.UTC)
    return Holder(
        key=secrets.token_hex(16),
        host=socket.gethostname(),
        pid=os.getpid(),
        since=now.isoformat(timespec="seconds"),
        until=now.timestamp() + LEASE_SECONDS,
    )


def _read(store: Store, session_id: str, number: int) -> Holder | None:
    """Return what a lease says; None for one that cannot be made sense of."""
    try:
        return msgspec.json.decode(store.read(_name(session_id, number), MAX_BYTES), type=Holder)
    except (FileNotFoundError, ValueError, RecursionError):
        return None


def _is_held(holder: Holder | None) -> bool:
    if holder is None:
        return True
    if not holder.until or has_ended(Owner(holder.pid, holder.host, holder.since)):
        return False
    return _now() < holder.until + CLOCK_SECONDS


def _taken(store: Store, session_id: str, holder: Holder | None) -> LeaseError:
    who, until = "another machine", "time unknown"
    if holder is not None:
        who = f"process {holder.pid} on {holder.host}"
        ends = holder.until + CLOCK_SECONDS
        until = dt.datetime.fromtimestamp(min(max(ends, 0), 2**32), dt.UTC).isoformat()
    return LeaseError(
        f"Session {session_id} in {store.url} is being worked on by {who}. Stop that first; if it "
        f"has ended, its lease ends by itself ({until}). To go on here all the same give "
        "--take-over: the other one stops when it sees that.",
        session_id=session_id,
        host=holder.host if holder else None,
        until=until,
    )


def _remove_older(store: Store, session_id: str, newest: int) -> None:
    with contextlib.suppress(CloudError):
        for name in store.entries(f"{session_id}/leases"):
            match = _NAME.fullmatch(name.rsplit("/", 1)[-1])
            if match and int(match[1]) < newest:
                store.remove([name])


def _now() -> float:
    return dt.datetime.now(dt.UTC).timestamp()
