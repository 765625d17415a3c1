"""What runs on a node: a worker process like any other, and what stands between it and Ray.

Messages are those between runner and worker, as bytes: nothing that is sent is code.
"""

from __future__ import annotations

import queue
from pathlib import Path

import msgspec

from tsuzuki.durable import ScratchFolder
from tsuzuki.errors import DeviceError, ModelError, by_code
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.process import WorkerProcess
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.upscaling import find

POLL_SECONDS = 5.0
"""How long a question for messages is kept waiting when there are none."""
METHODS_AT_ONCE = 4
"""One that waits for messages, and others meanwhile."""


class Facts(msgspec.Struct, frozen=True):
    """What a node says of itself."""

    versions: dict[str, str]
    cpu: str
    """Instruction sets."""
    device_title: str
    missing: list[str]
    """Networks of the plan that are not installed there as they are here."""


class Node:
    """One worker on a node of a cluster; Ray makes an actor of it."""

    def __init__(self, job: bytes, threads: int | None) -> None:
        """Take an `Open` request, and how many cores the network may use."""
        self._scratch = ScratchFolder("node")
        root = self._scratch.path
        opened = msgspec.msgpack.decode(job, type=m.Open)
        for folder in SessionPaths(root, opened.session_id).folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._models = root / "models"
        self._models.mkdir()
        plan = opened.plan.upscaling
        device, self._title = plan.device, plan.device_title
        if device != "cpu":
            device, self._title = _gpu(plan.device_title)
        self._open = msgspec.structs.replace(
            opened, root=str(root), models=str(self._models), device=device, threads=threads
        )
        self._finished: dict[int, Path] = {}
        self._worker: WorkerProcess | None = None

    def facts(self) -> bytes:
        """Return `Facts`."""
        from tsuzuki.pipeline.jobs import (  # noqa: PLC0415 - not where the class is only sent from
            installed_versions,
            instruction_sets,
        )

        plan = self._open.plan
        passes = plan.upscaling.passes
        facts = Facts(
            versions=installed_versions(plan.upscaling.engine),
            cpu=instruction_sets(),
            device_title=self._title,
            missing=[p.network for p in passes if not _is_here(p.network, p.digest)],
        )
        return msgspec.msgpack.encode(facts)

    def add_model(self, name: str, digest: str, files: tuple[bytes, bytes]) -> None:
        """Take the files, structure and weights, of a network that is not installed here."""
        param, weights = files
        folder = self._models / digest
        folder.mkdir()
        (folder / f"{find(name).files}.param").write_bytes(param)
        (folder / f"{find(name).files}.bin").write_bytes(weights)

    def close(self) -> None:
        """End the worker and remove everything that was written."""
        if self._worker is not None:
            self._worker.close()
        self._scratch.close()

    def start(self) -> None:
        """Start the worker, and wait until it can be sent something to render."""
        self._worker = WorkerProcess()
        self._worker.send(self._open)
        answer = self._worker.inbox.get()
        if isinstance(answer, m.Failure):
            raise by_code(answer.code)(answer.message, **answer.details)
        if answer is None:
            raise self._worker.death()

    def send(self, request: bytes) -> None:
        """Send a request to the worker."""
        assert self._worker is not None, "start comes first"
        self._worker.send(msgspec.msgpack.decode(request, type=m.Request))

    def receive(self) -> bytes:
        """Return the messages of the worker since the last call; waits a while for one.

        Raises `WorkerError` when the worker is gone.
        """
        assert self._worker is not None, "start comes first"
        messages: list[m.Message] = []
        try:
            message = self._worker.inbox.get(timeout=POLL_SECONDS)
            while message is not None:
                if isinstance(message, m.SegmentRendered):
                    self._finished[message.segment] = Path(message.temporary)
                messages.append(message)
                message = self._worker.inbox.get_nowait()
            if not messages:
                raise self._worker.death()
            self._worker.inbox.put(None)  # for the next call
        except queue.Empty:
            pass
        return msgspec.msgpack.encode(messages)

    def fetch(self, segment: int) -> bytes:
        """Return the file of a rendered segment, which is not kept."""
        path = self._finished.pop(segment)
        data = path.read_bytes()
        path.unlink()
        return data


def gpu_here(title: str | None = None) -> str:
    """Return the title of the GPU that Ray gives to this process."""
    return _gpu(title)[1]


def _gpu(title: str | None) -> tuple[str, str]:
    """Return name and title of the GPU that Ray gives, of those with this title if there are any.

    Vulkan may count GPUs in another order than Ray; that each has its own is what matters.
    """
    import ray  # noqa: PLC0415 - on a node it is there

    from tsuzuki.upscaling import find_devices  # noqa: PLC0415 - so is what runs networks

    given = [int(number) for number in ray.get_gpu_ids()] or [0]
    hardware = [one for one in find_devices() if one.kind not in {"cpu", "software"}]
    alike = [one for one in hardware if one.title == title] or hardware
    if not alike:
        raise DeviceError(
            "A node of the cluster has a GPU for Ray, but none with Vulkan. Install the driver "
            "with its Vulkan part there, or choose --device cpu."
        )
    chosen = alike[given[0] % len(alike)]
    return chosen.name, chosen.title


def _is_here(name: str, digest: str) -> bool:
    try:
        return find(name).digest() == digest
    except ModelError:
        return False
