"""Connecting to Ray, or starting one for this run."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from tsuzuki.cluster.address import Address, is_loopback, parse
from tsuzuki.cluster.crew import Crew, check_fit
from tsuzuki.cluster.node import gpu_here
from tsuzuki.cluster.slots import Slot, slots_of
from tsuzuki.errors import ClusterError, DeviceError, MissingExtraError, SettingsError
from tsuzuki.pipeline.messages import Device
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.run import Run

LOOPBACK_ONLY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""With 0, Ray's processes listen on the loopback interface alone, on Linux too."""
HEAD_SECONDS = 30.0
"""Time in which the head has to answer: after 60 s without it Ray ends the process, unasked."""
FIND_SECONDS = 120.0
"""Time to wait for a node that has a GPU to spare."""
_TOKEN_SET = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


class RayCluster:
    """The nodes of a Ray cluster, at an address as in `tsuzuki.cluster.address.parse`.

    ``nodes`` bounds how many of them are used. A Ray that was started or joined here is left when
    the ``with`` block ends; where the program has joined one itself, ``auto`` means that one.
    """

    def __init__(self, address: str = "auto", *, nodes: int | None = None) -> None:
        """Raise `SettingsError` for an address that is none."""
        if nodes is not None and nodes < 1:
            raise SettingsError(f"A cluster has at least one node, not {nodes}.")
        self.address = parse(address)
        self._nodes = nodes
        self._ray: Any = None
        self._own = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> None:
        """Join the cluster, once.

        Raises `MissingExtraError` without Ray, `ClusterError` where it cannot be reached, or would
        let anybody in.
        """
        if self._ray is not None:
            return
        with _loopback_only(self.address), _own_signals():
            ray = _import_ray()
            if self.address.kind == "auto" and ray.is_initialized():
                self._ray = ray
                return
            _check_token(self.address)
            self._join(ray)
        self._ray, self._own = ray, True
        beyond = not all(is_loopback(node["NodeManagerAddress"]) for node in ray.nodes())
        if self.address.kind == "auto" and beyond and not _asks_for_token():
            self.close()
            raise _without_token("The cluster that this machine belongs to")

    def close(self) -> None:
        """Leave the cluster, and end it if it was started here."""
        ray, self._ray = self._ray, None
        if ray is not None and self._own:
            with _own_signals():
                ray.shutdown()

    def count_nodes(self) -> int:
        """Return how many nodes could work now."""
        self.connect()
        return len({slot.node_id for slot in self.slots("cpu")})

    def device(self, wish: str) -> Device:
        """Return what networks run on there: GPUs where ``wish`` is not ``cpu`` and Ray has some.

        Raises `DeviceError` where GPUs are asked for and there are none.
        """
        self.connect()
        places = [] if wish == "cpu" else self.slots("gpu")
        if not places and wish not in {"cpu", "auto"}:
            raise DeviceError(
                "No node of the cluster has a GPU that Ray knows of. Start its nodes with "
                "--num-gpus, or choose --device cpu.",
                device=wish,
            )
        if not places:
            return Device("cpu", "")
        find = self._ray.remote(gpu_here).options(num_cpus=0, num_gpus=places[0].gpus)
        try:
            return Device("gpu:0", self._ray.get(find.remote(), timeout=FIND_SECONDS))
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, DeviceError):
                raise cause from None
            raise ClusterError(
                f"No node of the cluster told what GPU it has: {type(error).__name__}. Look at "
                "`ray status`: other work may hold them all."
            ) from error

    def slots(self, device: str) -> list[Slot]:
        """Return the places for workers on a device that there are now.

        Raises what `connect` raises.
        """
        self.connect()
        return slots_of(self._known_nodes(), self.address, gpu=device != "cpu", most=self._nodes)

    def _known_nodes(self) -> list[dict[str, Any]]:
        """Ask the head for the nodes. Raises `ClusterError` where it does not answer in time."""
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._ray.nodes())
            except Exception as error:  # noqa: BLE001 - Ray raises anything where its head is gone
                answer.put(error)

        threading.Thread(target=ask, name="head", daemon=True).start()
        try:
            found = answer.get(timeout=HEAD_SECONDS)
        except queue.Empty:
            found = None
        if isinstance(found, list):
            return found
        self._own = False  # leaving it now would wait for the head, until Ray ends the process
        raise ClusterError(
            "The head of the cluster does not answer. Start Ray again and resume."
        ) from found

    def check(self, plan: Plan) -> None:
        """Raise `SettingsError` for a plan that cannot be followed on a cluster."""
        check_fit(plan, keep_frames=plan.settings.keep_frames)

    @contextlib.contextmanager
    def workers(self, run: Run) -> Iterator[Crew]:
        """Have a worker at every place render for a run until the end of the block."""
        self.connect()
        crew = Crew(self._ray, run, self.slots)
        try:
            yield crew
            crew.tell()
        finally:
            crew.close()

    def _join(self, ray: Any) -> None:
        options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if self.address.kind == "local":
            cores = max(self.address.workers, os.cpu_count() or 1)
            options |= {"address": "local", "num_cpus": cores}
            options |= {"include_dashboard": False, "configure_logging": False}
        elif self.address.kind == "auto":
            options |= {"address": "auto", "configure_logging": False}
        else:
            options |= {"address": self.address.url}
        try:
            ray.init(**options)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            what = {"local": "Ray could not be started", "auto": "No Ray cluster was found here"}
            raise ClusterError(
                f"{what.get(self.address.kind, f'{self.address.url} cannot be joined')}: "
                f"{str(error).strip().splitlines()[0] if str(error).strip() else 'no answer'} "
                "Check that `ray status` answers on the cluster and that its version of Ray is "
                f"{ray.__version__}; or leave out --cluster to work on this machine alone.",
                url=self.address.url,
            ) from error


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415 - takes a second, and is an extra
    except ImportError as error:
        raise MissingExtraError.for_extra("cluster", "rendering on a cluster") from error
    return ray


@contextlib.contextmanager
def _loopback_only(address: Address) -> Iterator[None]:
    """Have a Ray that is started for this run be for this machine and this user alone."""
    before = os.environ.get(LOOPBACK_ONLY)
    if address.kind == "local":
        constants = sys.modules.get("ray._private.ray_constants")
        if getattr(constants, "ENABLE_RAY_CLUSTER", False):
            raise ClusterError(
                "Ray was imported before it could be told to listen on this machine alone. Set "
                f"{LOOPBACK_ONLY}=0 before importing it, or join a cluster with 'auto'."
            )
        os.environ[LOOPBACK_ONLY] = "0"
        os.environ["RAY_AUTH_MODE"] = "token"
        if not any(name in os.environ for name in _TOKEN_SET):
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(LOOPBACK_ONLY, None)
        else:
            os.environ[LOOPBACK_ONLY] = before


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this program's handler of SIGTERM, in whose place Ray puts its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _asks_for_token() -> bool:
    return os.environ.get("RAY_AUTH_MODE", "").lower() == "token"


def _check_token(address: Address) -> None:
    """Refuse to talk to another machine unless it and this one know each other."""
    if address.kind != "remote" or address.is_loopback or _asks_for_token():
        return
    there = any(name in os.environ for name in _TOKEN_SET)
    there = there or (Path.home() / ".ray" / "auth_token").is_file()
    if "RAY_AUTH_MODE" in os.environ or not there:  # unset, Ray takes the token that is there
        raise _without_token(address.url)


def _without_token(what: str) -> ClusterError:
    return ClusterError(
        f"{what} would let in anybody who reaches it, and whoever joins can run programs on all "
        "machines. Start Ray with RAY_AUTH_MODE=token on every node, and give the same token here "
        "(RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH)."
    )
