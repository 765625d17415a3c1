"""The workers of a cluster, as the runner sees them."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from tsuzuki.cluster.member import Joined, Lost, Member, Shared
from tsuzuki.cluster.slots import Place, Slot
from tsuzuki.errors import ClusterError, SettingsError, WorkerError, by_code
from tsuzuki.pipeline import events
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.meter import Meter
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.supervisor import HANG_FACTOR, HANG_SECONDS, SILENT_SECONDS, WorkerLostError
from tsuzuki.pipeline.team import Worker
from tsuzuki.upscaling import find
from tsuzuki.video.slice import Slice, SliceError

_log = logging.getLogger(__name__)

CLOSE_SECONDS = 2.0
"""Time for workers to tidy up at the end."""
POLL_SECONDS = 0.1
"""How often a wish to stop is looked for."""
RECRUIT_SECONDS = 2.0
"""How often it is looked for nodes that have come or gone."""
LONELY_SECONDS = 120.0
"""Time without any worker that ends the run."""
IN_FLIGHT_BYTES = 256 << 20
"""Slices that are sent ahead at most; a worker without work gets one in any case."""
MAX_LOSSES = 5
"""Workers lost over the same segment that end the run: then it is no accident."""
MAX_FAILURES = 2
"""Failures over the same segment, each on another worker if there is one, that end the run."""
MARGIN, MORE = 32, 16
"""Packets of a slice beyond the last that is known to be needed, since decoders hold frames back;
and how many times as many where they did not suffice."""
BLOCKED_SECONDS = 10.0
"""Time before a place is tried again where a worker could not start."""


class Crew:
    """Keeps a worker at work at every place that the cluster has, as long as it has it."""

    share_disk, may_race = False, True

    def __init__(self, ray: Any, run: Run, slots: Callable[[str], list[Slot]]) -> None:
        """Take Ray itself, the run, and what tells the places that there are now on a device."""
        check_fit(run.plan, keep_frames=run.keep_frames)
        self._ray = ray
        self._run = run
        self._slots = partial(slots, run.plan.upscaling.device)
        self._inbox: queue.Queue[tuple[Member, Any]] = queue.Queue()
        self._members: dict[Place, Member] = {}
        """All that were started, ready or not."""
        self._blocked: dict[Place, float] = {}
        """Places that are tried again later, and when."""
        self._losses: Counter[int] = Counter()
        self._failures: Counter[int] = Counter()
        self._margins: dict[int, int] = {}
        self._speeds: dict[str, Meter] = {}
        self._told: dict[str, float] = {}
        self._others_told: set[tuple[str | None, str | None]] = set()
        self._trouble = ""
        self._models: dict[str, Any] = {}
        head = run.supervisor.ask(m.Cut(first=0, last=0, margin=0), m.SliceCut).slice
        job = msgspec.structs.replace(run.job, loss_budget=None, head=head)
        self._shared = Shared(
            ray=ray,
            job=ray.put(msgspec.msgpack.encode(job)),
            plan=run.plan,
            paths=run.store.paths,
            cut=self._cut,
            inbox=self._inbox,
            fetching=threading.Lock(),
            model=self._model,
        )
        self._recruited = 0.0
        self._manned = time.monotonic()
        """When there was a worker last."""
        self._recruit()

    @property
    def members(self) -> Sequence[Worker]:
        """Those that are ready."""
        return [member for member in self._members.values() if member.ready]

    @property
    def has_room(self) -> bool:
        """Whether more slices may be on their way."""
        return sum(member.bytes_ahead for member in self._members.values()) < IN_FLIGHT_BYTES

    def receive(self) -> tuple[Worker, m.Message]:
        """Wait for the next message of any of them.

        Raises `Cancelled`, what ends the run, or `WorkerLostError`.
        """
        while True:
            self._run.supervisor.check_cancel()
            if time.monotonic() - self._recruited > RECRUIT_SECONDS:
                self._recruit()
                self._check_for_hangs()
            try:
                member, message = self._inbox.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if self._members.get(member.slot.place) is not member:
                continue  # it was given up
            member.heard = time.monotonic()
            if isinstance(message, Joined):
                self._welcome(member, message)
                return member, m.Opened()  # so that it is asked for something
            if isinstance(message, Lost):
                self._lose(member, message.reason, unfit=message.unfit)
            elif isinstance(message, m.Failure):
                self._fail(member, message)
            else:
                self._note(member, message)
                return member, message

    def tell(self) -> None:
        """Tell how much every node has done."""
        for node in self._speeds:
            self._tell(node)

    def close(self) -> None:
        """End all workers."""
        members = [*self._members.values()]
        self._members.clear()
        closing = [one for one in (member.close() for member in members) if one is not None]
        with contextlib.suppress(Exception):  # they are killed in any case
            self._ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        for member in members:
            member.end()
        for member in members:
            member.join(CLOSE_SECONDS / len(members))

    def _cut(self, request: m.Render) -> Slice:
        """Cut what reading a segment takes."""
        margin = self._margins.get(request.segment, MARGIN)
        asked = m.Cut(first=request.first, last=request.last, margin=margin)
        return self._run.supervisor.ask(asked, m.SliceCut).slice

    def _model(self, name: str) -> Any:
        """Return a reference to the files of a network: structure and weights."""
        if name not in self._models:
            network = find(name)
            files = network.param.read_bytes(), network.weights.read_bytes()
            self._models[name] = self._ray.put(files)
        return self._models[name]

    # --- coming and going -------------------------------------------------------------------------

    def _recruit(self) -> None:
        """Start a worker at every place without one."""
        self._recruited = now = time.monotonic()
        for slot in self._slots():
            if slot.place not in self._members and self._blocked.get(slot.place, 0.0) <= now:
                self._members[slot.place] = Member(self._shared, slot)
        if self.members:
            self._manned = now
        elif now - self._manned > LONELY_SECONDS:
            raise ClusterError(
                f"For {LONELY_SECONDS:.0f} s no node of the cluster has taken work. Look at `ray "
                f"status`; everything finished is saved. {self._trouble}".strip()
            )

    def _welcome(self, member: Member, joined: Joined) -> None:
        member.ready = True
        plan = self._run.plan
        cpu, title = joined.facts.cpu, joined.facts.device_title
        member.cpu = None if cpu == plan.cpu else cpu
        on_gpu = plan.upscaling.device != "cpu"
        member.device_title = title if on_gpu and title != plan.upscaling.device_title else None
        other = member.cpu, member.device_title
        if other != (None, None) and other not in self._others_told:
            self._others_told.add(other)
            what = "GPU" if member.device_title else "processor"
            self._run.warn(
                "other-machine",
                f"{member.slot.node} has another {what} than this machine: its segments may differ "
                "in their last bits, and the same bytes are not promised of this output.",
            )
        self._tell(member.slot.node)

    def _lose(self, member: Member, reason: str, *, unfit: bool = False) -> None:
        """Give a worker up; what it had in work is asked for again."""
        self._dismiss(member)
        text = f"{member.slot.node}: {reason}"
        if not member.ready:
            self._blocked[member.slot.place] = time.monotonic() + BLOCKED_SECONDS
        if unfit and not self._members:
            raise ClusterError(f"No node of the cluster can do this work. {text}")
        _log.warning("%s", text)
        first_trouble, self._trouble = text != self._trouble, text
        if member.ready or first_trouble:
            self._run.emit(events.WorkerRestarted(session_id=self._run.session_id, reason=text))
        if member.ready and member.at_work is not None:
            segment = member.at_work
            self._losses[segment] += 1
            if self._losses[segment] >= MAX_LOSSES:
                raise WorkerError(
                    f"{text} Segment {segment} has cost {MAX_LOSSES} workers, so the work is "
                    "paused; everything finished is saved. The session's log may tell more."
                )
        if member.ready:
            raise WorkerLostError(member, text)

    def _dismiss(self, member: Member) -> None:
        member.end()
        del self._members[member.slot.place]
        self._told.pop(member.slot.node, None)
        self._tell(member.slot.node)

    def _fail(self, member: Member, failure: m.Failure) -> None:
        """Have another worker try, unless that would not help."""
        if failure.traceback:
            _log.error("%s failed:\n%s", member.slot.node, failure.traceback)
        segment = member.at_work
        if failure.code == SliceError.code and segment is not None:
            self._margins[segment] = MORE * self._margins.get(segment, MARGIN)
            self._dismiss(member)
            raise WorkerLostError(member, failure.message)
        if failure.code != WorkerError.code and segment is not None:
            self._failures[segment] += 1
            if self._failures[segment] >= MAX_FAILURES:
                message = f"{member.slot.node}: {failure.message}"
                raise by_code(failure.code)(message, **failure.details)
        self._lose(member, failure.message)

    def _check_for_hangs(self) -> None:
        now = time.monotonic()
        for member in list(self._members.values()):
            patience = SILENT_SECONDS
            if member.slowest:
                patience = max(HANG_SECONDS, HANG_FACTOR * member.slowest)
            if member.at_work is not None and now - member.heard > patience:
                self._lose(member, f"The worker said nothing for {patience:.0f} s.")

    # --- telling ----------------------------------------------------------------------------------

    def _note(self, member: Member, message: m.Message) -> None:
        if isinstance(message, m.FrameDone):
            member.slowest = max(member.slowest, message.seconds)
            self._speed(member.slot.node).add()
            if time.monotonic() - self._told.get(member.slot.node, 0.0) >= 1.0:
                self._tell(member.slot.node)
        elif isinstance(message, m.SegmentRendered):
            member.finished(message.segment)

    def _speed(self, node: str) -> Meter:
        return self._speeds.setdefault(node, Meter(0, 0))

    def _tell(self, node: str) -> None:
        self._told[node] = time.monotonic()
        meter = self._speed(node)
        workers = sum(one.ready and one.slot.node == node for one in self._members.values())
        self._run.emit(
            events.NodeProgressed(
                session_id=self._run.session_id,
                node=node,
                workers=workers,
                frames_computed=meter.done,
                frames_per_second=meter.frames_per_second if workers else None,
            )
        )


def check_fit(plan: Plan, *, keep_frames: bool) -> None:
    """Raise `SettingsError` for what a cluster cannot do."""
    if keep_frames:
        raise SettingsError(
            "On a cluster upscaled frames stay where they are computed. Leave out --keep-frames "
            "or --cluster."
        )
    if plan.probe.pictures == "sequence":
        raise SettingsError(
            "Sequences of pictures are many files, and a cluster is sent parts of one. Leave out "
            "--cluster."
        )
