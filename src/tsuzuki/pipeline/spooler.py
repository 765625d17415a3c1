"""Keeps the work that a kill would cost within the loss budget."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tsuzuki.frame import Rgb
from tsuzuki.pipeline.priority import give_way

MAX_PENDING_BYTES = 256 << 20
"""Finished frames held in memory at most while they wait to be spooled or sealed."""
SEALED_KNOWN = 16
"""Sealed segments that are remembered; frames of earlier ones are written no more."""
PART_BYTES = 16 << 20
"""Frames written between two looks at what has been sealed meanwhile."""


class Finished(NamedTuple):
    """A frame that came out of the network and is not safe yet."""

    frame: int
    rgb: Rgb
    seconds: float
    """Time that computing it took."""


class Spooler:
    """Writes finished frames to disk, in groups, before more than the budget is at stake.

    A group is written, by a thread of its own, before its frames took more than half the budget,
    and the next one is only handed over when it is safe: so the frames being written and those
    waiting never amount to more than the budget (or one frame, where a frame takes longer than
    that), and a kill costs no more than these and the frame in work. Machines that finish a segment
    within half the budget never spool.

    ``write`` makes a group of frames durable; ``keep_all`` writes every frame, budget or not.
    """

    def __init__(
        self,
        write: Callable[[list[Finished]], None],
        *,
        budget: float,
        keep_all: bool,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._write = write
        self._group_seconds = 0.0 if keep_all else budget / 2
        self._keep_all = keep_all
        self._failed = failed
        self._waiting: list[Finished] = []
        self._writing: list[Finished] = []
        self._sealed: deque[range] = deque(maxlen=SEALED_KNOWN)
        self._flushed = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def add(self, finished: Finished) -> None:
        """Take over a finished frame; waits while the group before is still being written.

        After `flush` it never returns: what is finished later than that counts as not finished.
        """
        with self._change:
            if self._waiting and self._are_enough([*self._waiting, finished]):
                self._wait_and_hand_over()
            self._change.wait_for(lambda: not self._flushed)
            self._waiting.append(finished)
            if self._are_enough([finished]):
                self._wait_and_hand_over()

    def forget(self, frames: range) -> None:
        """Those frames are sealed and need no spooling."""
        with self._change:
            self._sealed.append(frames)
            if not self._keep_all:
                self._waiting = [f for f in self._waiting if f.frame not in frames]

    def flush(self) -> None:
        """Take over no more frames, and return when all those taken over are safe."""
        with self._change:
            self._flushed = True
            self._wait_and_hand_over()
            self._change.wait_for(lambda: not self._writing)

    def _are_enough(self, frames: list[Finished]) -> bool:
        seconds = sum(f.seconds for f in frames)
        size = sum(f.rgb.nbytes for f in frames)
        return self._keep_all or seconds > self._group_seconds or size > MAX_PENDING_BYTES

    def _wait_and_hand_over(self) -> None:
        self._change.wait_for(lambda: not self._writing)
        self._hand_over()

    def _hand_over(self) -> None:
        if not self._writing:
            self._writing, self._waiting = self._waiting, []
            self._change.notify_all()

    def _run(self) -> None:
        give_way()
        while True:
            with self._change:
                self._change.wait_for(lambda: self._writing)
                group = self._writing
            try:
                for part in _parts(group):
                    self._write_wanted(part)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that can tell
                self._failed(error)
                return
            with self._change:
                self._writing = []
                self._change.notify_all()

    def _write_wanted(self, part: list[Finished]) -> None:
        wanted = [f for f in part if self._keep_all or not self._is_sealed(f.frame)]
        if wanted:
            self._write(wanted)

    def _is_sealed(self, frame: int) -> bool:
        with self._change:
            return any(frame in frames for frames in self._sealed)


def _parts(group: list[Finished]) -> Iterator[list[Finished]]:
    part: list[Finished] = []
    for finished in group:
        if part and sum(f.rgb.nbytes for f in (*part, finished)) > PART_BYTES:
            yield part
            part = []
        part.append(finished)
    yield part
