"""Keeping a copy of a session in a store while it is worked on."""

from __future__ import annotations

import contextvars
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from tsuzuki.cloud.lease import LEASE_SECONDS, Lease, acquire
from tsuzuki.cloud.manager import CloudSessionManager
from tsuzuki.errors import CloudError, LeaseError, TsuzukiError

_log = logging.getLogger(__name__)

RENEW_SECONDS = LEASE_SECONDS / 4


class Sync:
    """Copies a session into a store every so many seconds, in a thread of its own.

    It holds the session's lease from `start` to `finish`. A store that cannot be reached is tried
    again at the next turn; ``on_problem`` is told once until it works again. Where another machine
    takes the session over, ``lost`` says so, and nothing is sent any more.
    """

    def __init__(
        self,
        url: str,
        every: float,
        root: str | os.PathLike[str] | None,
        *,
        take_over: bool = False,
        limit: float | None = None,
        on_problem: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.manager = CloudSessionManager(url, root, limit=limit)
        self.lost: LeaseError | None = None
        """Why the session belongs to another machine now."""
        self._every = every
        self._take_over = take_over
        self._on_problem = on_problem
        self._session_id = ""
        self._lease: Lease | None = None
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._told = False

    @property
    def session_id(self) -> str:
        """The session that is copied; empty before `start`."""
        return self._session_id

    def start(self, session_id: str) -> None:
        """Take the lease and begin. Raises `LeaseError`, `CloudError`: nothing was done yet."""
        self._session_id = session_id
        self._lease = acquire(self.manager.store, session_id, take_over=self._take_over)
        for name, call, seconds in (
            ("sync", self._copy, self._every),
            ("lease", self._renew, RENEW_SECONDS),
        ):
            thread = threading.Thread(
                target=contextvars.copy_context().run,  # so that in traces it is part of the run
                args=(self._repeat, call, seconds),
                name=name,
                daemon=True,
            )
            thread.start()
            self._threads.append(thread)

    def finish(self, *, completed: bool) -> None:
        """Copy what is left, or remove the copy of a completed session; give the lease back.

        Never raises: the work is safe on this machine.
        """
        self._ended.set()
        for thread in self._threads:
            thread.join()
        lease, self._lease = self._lease, None
        if lease is None or self.lost is not None:
            return
        try:
            if completed:
                self.manager.remove_from_cloud(self._session_id, lease=lease)
                return
            self.manager.sync_to_cloud(self._session_id, lease=lease)
        except (TsuzukiError, OSError) as error:
            self._tell(error)
        lease.release()

    def _repeat(self, call: Callable[[Lease], Any], seconds: float) -> None:
        while not self._ended.wait(seconds) and self.lost is None and self._lease is not None:
            try:
                call(self._lease)
            except LeaseError as error:
                self.lost = error
            except (TsuzukiError, OSError) as error:
                self._tell(error)
            else:
                self._told = False

    def _copy(self, lease: Lease) -> None:
        self.manager.sync_to_cloud(self._session_id, lease=lease)

    def _renew(self, lease: Lease) -> None:
        lease.renew()

    def _tell(self, error: Exception) -> None:
        _log.warning("%s", error)
        if not self._told:
            self._told = True
            again = "The work goes on" if isinstance(error, CloudError) else "Nothing was copied"
            self._on_problem(f"{error} {again}; the copy in the store is older.")
