"""One worker of a cluster, as the runner sees it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tsuzuki.cluster.node import METHODS_AT_ONCE, Facts, Node
from tsuzuki.cluster.slots import Slot
from tsuzuki.durable import PendingFile
from tsuzuki.errors import TsuzukiError, WorkerError
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.plan import Plan
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.video.slice import Slice

_log = logging.getLogger(__name__)


class Joined(NamedTuple):
    """A worker is ready."""

    facts: Facts


class Lost(NamedTuple):
    """A worker is gone; nothing comes after."""

    reason: str
    unfit: bool = False
    """Whether its node cannot do this work, as it is set up."""


class Shared(NamedTuple):
    """What all workers of a run have in common."""

    ray: Any
    job: Any
    """Reference to the encoded `Open`."""
    plan: Plan
    paths: SessionPaths
    cut: Callable[[m.Render], Slice]
    inbox: queue.Queue[Any]
    """Takes what workers say: pairs of `Member` and message."""
    fetching: threading.Lock
    """Segments are fetched one after the other, so that one at a time is in memory."""
    model: Callable[[str], Any]
    """Returns a reference to the files of a network, for nodes that lack it."""


class Member:
    """Starts a worker at a place of the cluster, and hears it in a thread of its own."""

    def __init__(self, shared: Shared, slot: Slot) -> None:
        self.slot = slot
        self.ready = False
        self.cpu: str | None = None
        """Its instruction sets, where they are not the plan's."""
        self.device_title: str | None = None
        """Its device, where that is not the plan's."""
        self.heard = time.monotonic()
        self.slowest = 0.0
        """Seconds that its slowest frame took."""
        self._shared = shared
        self._ahead: dict[int, int] = {}
        """Bytes of the slices of the segments asked for, by segment, in order."""
        self._actor: Any = None
        self._ended = False
        self._thread = threading.Thread(target=self._serve, name=f"node {slot.node}", daemon=True)
        self._thread.start()

    @property
    def at_work(self) -> int | None:
        """The segment that it is at."""
        return next(iter(self._ahead), None)

    @property
    def bytes_ahead(self) -> int:
        """Size of the slices that it has, or that are on their way."""
        return sum(self._ahead.values())

    def send(self, request: m.Message) -> None:
        """Send a request; one to render gets the slice that it takes."""
        if not isinstance(request, m.Render):
            return  # what is sealed needs no spooling: nothing is spooled there
        part = self._shared.cut(request)
        if not self._ahead:
            self.heard = time.monotonic()
        self._ahead[request.segment] = len(part)
        data = msgspec.msgpack.encode(msgspec.structs.replace(request, slice=part))
        self._actor.send.remote(data)

    def finished(self, segment: int) -> None:
        """Know that a segment is rendered."""
        self._ahead.pop(segment, None)

    def close(self) -> Any:
        """Have the worker tidy up, and return what tells that it has; None where it cannot."""
        self._ended = True
        with contextlib.suppress(Exception):  # gone, or never there
            return self._actor.close.remote() if self.ready else None

    def join(self, seconds: float) -> None:
        """Wait until nothing of it is written any more."""
        self._thread.join(seconds)

    def end(self) -> None:
        """End the worker."""
        self._ended = True
        if self._actor is not None:
            with contextlib.suppress(Exception):  # gone, or never there
                self._shared.ray.kill(self._actor)

    # --- in its thread ----------------------------------------------------------------------------

    def _serve(self) -> None:
        lost: Lost
        try:
            self._say(Joined(self._start()))
            while True:
                self._hear()
        except _UnfitError as error:
            lost = Lost(str(error), unfit=True)
        except TsuzukiError as error:
            lost = Lost(error.message)
        except Exception as error:  # noqa: BLE001 - whatever Ray raises, that worker is gone
            if not self._ended:
                _log.info("lost: %s: %s", type(error).__name__, error)
            lost = Lost(_reason(error))
        self._say(lost)

    def _say(self, message: Any) -> None:
        self._shared.inbox.put((self, message))

    def _start(self) -> Facts:
        ray, slot = self._shared.ray, self.slot
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            node_id=slot.node_id, soft=False
        )
        node = ray.remote(Node).options(
            num_cpus=slot.cpus,
            num_gpus=slot.gpus,
            max_concurrency=METHODS_AT_ONCE,
            scheduling_strategy=strategy,
        )
        self._actor = node.remote(self._shared.job, slot.threads)
        if self._ended:
            self.end()
        facts = msgspec.msgpack.decode(ray.get(self._actor.facts.remote()), type=Facts)
        here = self._shared.plan.all_versions
        if differing := [name for name, value in here.items() if facts.versions.get(name) != value]:
            listed = "; ".join(f"{n} {facts.versions.get(n)}, here {here[n]}" for n in differing)
            raise _UnfitError(
                f"Other versions are installed there ({listed}). Install the same ones as here; "
                "until then the node is left out."
            )
        for step in self._shared.plan.upscaling.passes:
            if step.network in facts.missing:
                files = self._shared.model(step.network)
                ray.get(self._actor.add_model.remote(step.network, step.digest, files))
        ray.get(self._actor.start.remote())
        return facts

    def _hear(self) -> None:
        data = self._shared.ray.get(self._actor.receive.remote())
        for message in msgspec.msgpack.decode(data, type=list[m.Report]):
            if isinstance(message, m.SegmentRendered):
                with self._shared.fetching:
                    self._say(self._fetch(message))
            else:
                self._say(message)

    def _fetch(self, rendered: m.SegmentRendered) -> m.SegmentRendered:
        """Bring a segment into the session's folder, under a temporary name."""
        data = self._shared.ray.get(self._actor.fetch.remote(rendered.segment))
        if hashlib.sha256(data).hexdigest() != rendered.sha256:
            raise WorkerError("A segment was damaged on its way here.")
        target = self._shared.paths.segment_temporary(rendered.segment)
        with PendingFile(target) as pending:
            pending.file.write(data)
            pending.finish()
        return msgspec.structs.replace(
            rendered,
            temporary=str(pending.path),
            cpu=self.cpu,
            device_title=self.device_title,
        )


class _UnfitError(Exception):
    """The node cannot do this work."""


def _reason(error: Exception) -> str:
    """Return what happened in one sentence, of what Ray says in many."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, TsuzukiError):
        return cause.message
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
