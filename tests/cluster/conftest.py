"""A real Ray cluster of three nodes on this machine, for all tests of a process."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tsuzuki import pipeline
from tsuzuki.cluster.connection import LOOPBACK_ONLY

NODES = 3
ROOT = Path(__file__).parents[2]
SETTINGS = {"engine": "nearest", "preset": "ultrafast", "segment_frames": 6}
OPTIONS = ("--engine", "nearest", "--preset", "ultrafast", "--segment-frames", "6")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def nodes() -> Iterator[Any]:
    """Start the nodes; commands find them by the environment."""
    before = dict(os.environ)
    os.environ[LOOPBACK_ONLY] = "0"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # Ray's client server forks, and gRPC may crash
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    arguments = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 150 << 20}
    head = arguments | {"ray_client_server_port": free_port()}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.client = f"ray://127.0.0.1:{head['ray_client_server_port']}"
    for _ in range(NODES - 1):
        cluster.add_node(num_cpus=1, object_store_memory=150 << 20)
    os.environ["RAY_ADDRESS"] = cluster.address
    yield cluster
    cluster.shutdown()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def joined(nodes: Any) -> Iterator[Any]:
    """Join them from this process, with workers that take 50 ms a frame."""
    import ray

    ray.init(
        address=nodes.address,
        log_to_driver=False,
        runtime_env={"worker_process_setup_hook": "bench.slow.make_workers_slow"},
    )
    yield nodes
    ray.shutdown()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory, draw_clip: Callable[..., Path]) -> Path:
    """A clip of 240 frames: some 45 segments."""
    return draw_clip(tmp_path_factory.mktemp("drawn") / "clip.mp4", 240)


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory, drawn: Path) -> bytes:
    """What this machine alone makes of the clip."""
    folder = tmp_path_factory.mktemp("golden")
    result = pipeline.upscale(
        drawn, SETTINGS, output=folder / "out.mp4", sessions_dir=folder / "sessions"
    )
    return result.output.read_bytes()
