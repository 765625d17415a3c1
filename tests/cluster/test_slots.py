from __future__ import annotations

from typing import Any

from tsuzuki.cluster.address import parse
from tsuzuki.cluster.slots import Slot, slots_of

AUTO, LOCAL = parse("auto"), parse("local:3")


def node(number: int, *, alive: bool = True, host: str = "", **resources: float) -> dict[str, Any]:
    return {
        "NodeID": f"{number}" * 56,
        "Alive": alive,
        "NodeManagerAddress": f"10.0.0.{number}",
        "NodeManagerHostname": host or f"host{number}",
        "Resources": resources,
    }


def slots(*nodes: dict[str, Any], gpu: bool = False, most: int | None = None) -> list[Slot]:
    return slots_of(nodes, AUTO, gpu=gpu, most=most)


def test_each_node_has_a_worker_with_all_its_cores() -> None:
    found = slots(node(2, CPU=16), node(1, CPU=4), node(3, CPU=8, alive=False), node(4))
    assert [(slot.node, slot.cpus, slot.gpus, slot.threads) for slot in found] == [
        ("host1", 4, 0, 4),
        ("host2", 16, 0, 16),
    ]


def test_each_gpu_has_a_worker_and_its_share_of_the_cores() -> None:
    found = slots(node(1, CPU=8, GPU=2), node(2, CPU=64), gpu=True)
    assert [(slot.number, slot.cpus, slot.gpus) for slot in found] == [(0, 4, 1), (1, 4, 1)]
    assert len({slot.place for slot in found}) == 2


def test_no_more_nodes_are_used_than_asked_for() -> None:
    assert len(slots(node(1, CPU=1), node(2), node(3, CPU=1), node(4, CPU=1), most=2)) == 2


def test_nodes_on_one_host_can_be_told_apart() -> None:
    found = slots(node(1, CPU=1, host="same"), node(2, CPU=1, host="same"))
    assert len({slot.node for slot in found}) == 2


def test_a_local_cluster_has_as_many_workers_as_asked_for() -> None:
    (two, eight) = (slots_of([node(1, CPU=n)], LOCAL, gpu=False, most=None) for n in (3, 8))
    assert [slot.threads for slot in two] == [1, 1, 1]
    assert [slot.threads for slot in eight] == [2, 2, 2]
    on_one_gpu = slots_of([node(1, CPU=3, GPU=1)], LOCAL, gpu=True, most=None)
    assert sum(slot.gpus for slot in on_one_gpu) <= 1
