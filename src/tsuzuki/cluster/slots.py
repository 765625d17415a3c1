"""Where on a cluster there is place for a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tsuzuki.cluster.address import Address

Place = tuple[str, int]
"""A node and the number of a place on it."""


class Slot(NamedTuple):
    """Place for one worker."""

    node_id: str
    """Ray's."""
    node: str
    """Name for people."""
    number: int
    """From 0, on its node."""
    cpus: float
    """What Ray is asked for."""
    gpus: float

    @property
    def place(self) -> Place:
        """What tells it from all others."""
        return self.node_id, self.number

    @property
    def threads(self) -> int:
        """Cores that the network may use."""
        return max(1, int(self.cpus))


def slots_of(
    nodes: Iterable[Mapping[str, Any]], address: Address, *, gpu: bool, most: int | None
) -> list[Slot]:
    """Return the places on nodes as `ray.nodes` tells of them.

    On GPUs one for each; else one for each node, whose cores the network shares out itself. A local
    cluster has as many as were asked for. ``most`` is the number of nodes that are used.
    """
    alive = [node for node in nodes if node["Alive"]]
    alive.sort(key=lambda node: (node["NodeManagerAddress"], node["NodeID"]))
    names = _names(alive)
    by_node = [
        _slots(node, name, address.workers, gpu=gpu)
        for node, name in zip(alive, names, strict=True)
    ]
    used = [slots for slots in by_node if slots][:most]
    return [slot for slots in used for slot in slots]


def _slots(node: Mapping[str, Any], name: str, workers: int, *, gpu: bool) -> list[Slot]:
    cpus, gpus = (float(node["Resources"].get(kind, 0)) for kind in ("CPU", "GPU"))
    count = workers or (int(gpus) if gpu else int(cpus >= 1))
    each = gpus / count if gpu and count and gpus < count else float(gpu)
    if not count or cpus < 1 or (gpu and not gpus):
        return []
    share = cpus // count if cpus >= count else cpus / count
    return [Slot(node["NodeID"], name, number, share, each) for number in range(count)]


def _names(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return names of nodes that tell them apart: by host, with Ray's number if need be."""
    hosts = [str(node.get("NodeManagerHostname") or node["NodeManagerAddress"]) for node in nodes]
    if len(set(hosts)) == len(hosts):
        return hosts
    return [f"{host} {node['NodeID'][:6]}" for host, node in zip(hosts, nodes, strict=True)]
