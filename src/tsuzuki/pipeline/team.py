"""The workers of one run: one for everything, more of them to render segments side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NoReturn, Protocol

from tsuzuki.errors import EngineError, OutOfMemoryError, TsuzukiError, WorkerError
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.supervisor import (
    POLL_SECONDS,
    SUSPENDED_SECONDS,
    Supervisor,
    WorkerGivenUpError,
)

if TYPE_CHECKING:
    from tsuzuki.pipeline.plan import Plan
    from tsuzuki.pipeline.run import Run

OWN_TROUBLE = EngineError, OutOfMemoryError, WorkerError
"""What may end one worker while the others do well: their devices and their memory are others."""


class Worker(Protocol):
    """One that renders segments."""

    def send(self, request: m.Message) -> None:
        """Send a request whose answer `Workers.receive` will bring."""


class Workers(Protocol):
    """Those that render the segments of a run."""

    share_disk: bool
    """Whether they find what lies upscaled on this machine's disk."""
    may_race: bool
    """Whether a segment may be given to a second one, so that the quicker wins."""

    @property
    def members(self) -> Sequence[Worker]:
        """Those that can be asked; they come and go."""

    @property
    def has_room(self) -> bool:
        """Whether those that have a segment in work may be sent the next one already."""

    def receive(self) -> tuple[Worker, m.Message]:
        """Wait for the next message of any of them.

        Raises `Cancelled`, what ends the run, or `WorkerLostError`.
        """


class Cluster(Protocol):
    """Other machines that render segments."""

    def connect(self) -> None:
        """Make sure that they can be reached; raises the errors of `tsuzuki.errors`."""

    def device(self, wish: str) -> m.Device:
        """Return what networks run on there, by a wish as in the settings.

        Raises `DeviceError` where there is none such.
        """

    def check(self, plan: Plan) -> None:
        """Raise `SettingsError` for a plan that cannot be followed there."""

    def workers(self, run: Run) -> AbstractContextManager[Workers]:
        """Have the workers of the cluster work for a run until the end of the block."""


class Team:
    """Several workers, each with its supervisor; one is there from the beginning to the end.

    One that cannot go on is given up, as long as there is another.
    """

    share_disk, may_race, has_room = True, False, True

    def __init__(self, cancel: threading.Event, on_restart: Callable[[str], None]) -> None:
        self._cancel = cancel
        self._on_restart = on_restart
        self._news = threading.Event()
        self._turn = 0
        self.members = [self._member()]

    @property
    def first(self) -> Supervisor:
        """The worker for all but rendering."""
        return self.members[0]

    def grow(self, jobs: Sequence[m.Open]) -> None:
        """Have as many workers as jobs, each on its own; the first one is at work already.

        They start side by side.
        """
        there = len(self.members)
        self.members += [self._member() for _ in jobs[there:]]
        for member in self.members[there:]:
            member.start()
        # Which waits until a worker reads, where the index is long.
        for member, job in zip(self.members[there:], jobs[there:], strict=True):
            member.open(job)

    def receive(self) -> tuple[Supervisor, m.Message]:
        """Wait for the next message of any of them.

        Raises as `Supervisor.poll` does, or `WorkerGivenUpError` for trouble of one of several.
        """
        if len(self.members) == 1:
            return self.first, self.first.receive()
        while True:
            for member in self._in_turn():
                try:
                    message = member.poll(0)
                except OWN_TROUBLE as error:
                    self._give_up(member, error)
                if message is not None:
                    return member, message
            asked = time.monotonic()
            self._news.wait(POLL_SECONDS)
            self._news.clear()  # before the next look, so that nothing is missed
            if time.monotonic() - asked > SUSPENDED_SECONDS:
                for member in self.members:
                    member.forgive_silence()

    def shrink(self) -> None:
        """Let all but one go; they have nothing left to do."""
        others, self.members[1:] = self.members[1:], []
        _stop(others, lambda _: None)

    def stop(self, on_report: Callable[[m.Message], None]) -> None:
        """Have all save what is finished at the same time, then end them."""
        _stop(self.members, on_report)

    def _give_up(self, member: Supervisor, error: TsuzukiError) -> NoReturn:
        self.members.remove(member)
        member.stop(lambda _: None)
        reason = error.details.get("reason", error.message)
        raise WorkerGivenUpError(
            member,
            f"The worker on {member.device} is given up, and others do its work. {reason}",
        ) from error

    def _member(self) -> Supervisor:
        return Supervisor(self._cancel, self._on_restart, self._news)

    def _in_turn(self) -> Iterator[Supervisor]:
        """Yield all, another one first each time, so that none is kept waiting."""
        self._turn = (self._turn + 1) % len(self.members)
        yield from self.members[self._turn :]
        yield from self.members[: self._turn]


def _stop(members: Sequence[Supervisor], on_report: Callable[[m.Message], None]) -> None:
    for member in members:
        member.begin_to_stop()
    for member in members:
        member.stop(on_report)
