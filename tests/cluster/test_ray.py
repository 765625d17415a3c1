"""Runs on real nodes: the same bytes, whoever dies on the way."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.conftest import OPTIONS, SETTINGS

import tsuzuki
from tsuzuki.cluster import RayCluster
from tsuzuki.errors import ClusterError, DeviceError, SettingsError
from tsuzuki.pipeline import Event, events
from tsuzuki.pipeline.plan import Plan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(
    clip: Path, folder: Path, on_event: Callable[[Event], None] = lambda _: None
) -> tuple[tsuzuki.Result, list[Event]]:
    told: list[Event] = []

    def listen(event: Event) -> None:
        told.append(event)
        on_event(event)

    with RayCluster("auto") as cluster:
        result = tsuzuki.upscale(
            clip,
            SETTINGS,
            output=folder / "out.mp4",
            sessions_dir=folder / "sessions",
            cluster=cluster,
            on_event=listen,
        )
    return result, told


def sealed(told: list[Event]) -> Counter[int]:
    return Counter(event.segment for event in told if isinstance(event, events.SegmentSealed))


def of(told: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in told if isinstance(event, kind)]


def pids(name: str) -> list[int]:
    """Return the processes whose command line begins so, or that are children of such."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cmdline").read_bytes().startswith(name.encode()):
                    found.append(int(entry.name))
    return found


def children(pid: int) -> list[int]:
    """Return the processes that any thread of a process has started."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, thread.read_text().split())
    return found


def workers() -> list[int]:
    """Return the processes that render on the nodes."""
    return [child for pid in pids("ray::Node") for child in children(pid)]


def test_three_nodes_write_the_bytes_of_one_machine(
    joined: Any, drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    result, told = run(drawn, tmp_path)
    assert result.output.read_bytes() == golden
    assert result.bit_identical
    assert set(sealed(told).values()) == {1}
    shares = {event.node: event.frames_computed for event in of(told, events.NodeProgressed)}
    assert len(shares) == 3
    assert min(shares.values()) > 0
    assert sum(shares.values()) == result.frames_computed >= 240


def test_workers_and_a_node_are_killed_ten_times_in_one_run(
    joined: Any, drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    chance = random.Random(7)
    killed: list[str] = []
    work = threading.Lock()

    def kill_one() -> None:
        with work:
            if len(killed) == 5:
                joined.remove_node(joined.worker_nodes.copy().pop(), allow_graceful=False)
                joined.add_node(num_cpus=1, object_store_memory=150 << 20)
                killed.append("node")
                return
            actors = pids("ray::Node")
            victims = [*actors, *(child for pid in actors for child in children(pid))]
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGKILL)
                    killed.append("worker")

    def maybe_kill(event: Event) -> None:
        if isinstance(event, events.SegmentSealed) and len(killed) < 10:
            kill_one()

    result, told = run(drawn, tmp_path, maybe_kill)
    assert len(killed) == 10
    assert "node" in killed
    assert of(told, events.WorkerRestarted)
    assert result.output.read_bytes() == golden
    assert set(sealed(told).values()) == {1}


def test_a_worker_that_stands_still_does_not_hold_up_the_end(
    joined: Any, drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    stopped: list[int] = []

    def stop_one(event: Event) -> None:
        if isinstance(event, events.SegmentSealed) and event.segment > 20 and not stopped:
            stopped.append(workers()[0])
            os.kill(stopped[0], signal.SIGSTOP)

    result, told = run(drawn, tmp_path, stop_one)
    assert stopped
    assert result.output.read_bytes() == golden
    assert set(sealed(told).values()) == {1}


def test_nodes_with_other_versions_are_left_out(
    joined: Any, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = property(lambda plan: {"encoder": "other", "engine": plan.upscaling.engine_version})
    monkeypatch.setattr(Plan, "all_versions", other)
    with pytest.raises(ClusterError, match=r"encoder PyAV .*, here other\). Install the same"):
        run(drawn, tmp_path)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tsuzuki", *map(str, arguments), "--json", "--cluster"]


def test_the_driver_is_killed_and_resumes(
    nodes: Any, drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    output, place = tmp_path / "out.mp4", ("--sessions-dir", tmp_path / "sessions")
    told: list[dict[str, Any]] = []
    call = [*command("upscale", drawn, *OPTIONS, "-o", output, *place), "auto"]
    with subprocess.Popen(call, stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            told.append(json.loads(line))
            if sum(event["event"] == "segment-sealed" for event in told) == 5:
                process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    done = subprocess.run(
        [*command("resume", *place), "auto"], stdout=subprocess.PIPE, check=True
    ).stdout
    told += map(json.loads, done.splitlines())
    assert output.read_bytes() == golden
    segments = Counter(event["segment"] for event in told if event["event"] == "segment-sealed")
    assert set(segments.values()) == {1}


def test_a_cluster_that_this_machine_does_not_belong_to(
    nodes: Any, drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    output, place = tmp_path / "out.mp4", ("--sessions-dir", tmp_path / "sessions")
    call = [*command("upscale", drawn, *OPTIONS, "-o", output, *place), nodes.client]
    elsewhere = {name: text for name, text in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(call, capture_output=True, env=elsewhere, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert output.read_bytes() == golden
    told = list(map(json.loads, done.stdout.splitlines()))
    assert len({event["node"] for event in told if event["event"] == "node-progress"}) == 3
    segments = Counter(event["segment"] for event in told if event["event"] == "segment-sealed")
    assert set(segments.values()) == {1}


HEAD = """
import os, sys
from ray.cluster_utils import Cluster
arguments = {"num_cpus": 1, "object_store_memory": 100 << 20}
cluster = Cluster(initialize_head=True, head_node_args=arguments | {"include_dashboard": False})
cluster.add_node(**arguments)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@contextlib.contextmanager
def other_cluster() -> Iterator[tuple[int, dict[str, str]]]:
    """Start two nodes in a process of their own; yield its number and what leads to them."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HEAD], **pipes) as started:
        address = started.stdout.readline().strip()
        assert address
        yield started.pid, os.environ | {"RAY_ADDRESS": address}
        started.stdin.close()


def test_the_head_is_killed_and_the_run_resumes(
    nodes: Any, drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    output, place = tmp_path / "out.mp4", ("--sessions-dir", tmp_path / "sessions")
    told: list[dict[str, Any]] = []
    call = [*command("upscale", drawn, *OPTIONS, "-o", output, *place), "auto"]
    with other_cluster() as (starter, environment):
        pipes, killed = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}, None
        with subprocess.Popen(call, env=environment, **pipes) as process:
            for line in process.stdout:
                told.append(json.loads(line))
                sealed = sum(event["event"] == "segment-sealed" for event in told)
                if sealed == 3 and killed is None:
                    [head] = [one for one in children(starter) if "gcs_server" in name_of(one)]
                    os.kill(head, signal.SIGKILL)
                    killed = time.monotonic()
            error = process.stderr.read()
        assert killed is not None
        assert time.monotonic() - killed < 55, "Ray would have ended the process"
        assert process.returncode == ClusterError.exit_code, error
        assert "Start Ray again and resume" in error
        assert not output.exists()
    with other_cluster() as (_, environment):
        again = [*command("resume", *place), "auto"]
        done = subprocess.run(again, env=environment, stdout=subprocess.PIPE, check=True).stdout
    told += map(json.loads, done.splitlines())
    assert output.read_bytes() == golden
    segments = Counter(event["segment"] for event in told if event["event"] == "segment-sealed")
    assert set(segments.values()) == {1}


def name_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def test_ctrl_c_ends_within_ten_seconds_and_leaves_nothing_on_the_nodes(
    nodes: Any, drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    output, place = tmp_path / "out.mp4", ("--sessions-dir", tmp_path / "sessions")
    call = [*command("upscale", drawn, *OPTIONS, "-o", output, *place), "auto"]
    asked = None
    with subprocess.Popen(call, stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            if asked is None and json.loads(line)["event"] == "segment-sealed":
                asked = time.monotonic()
                process.send_signal(signal.SIGINT)
    assert asked is not None
    assert time.monotonic() - asked < 10
    assert process.returncode == 130
    deadline = time.monotonic() + 20
    while pids("ray::Node") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not pids("ray::Node")
    done = subprocess.run([*command("resume", *place), "auto"], stdout=subprocess.PIPE, check=True)
    assert b"finished" in done.stdout
    assert output.read_bytes() == golden


def test_what_a_cluster_cannot_do_is_refused_at_once(
    joined: Any, drawn: Path, tmp_path: Path
) -> None:
    with RayCluster("auto") as cluster, pytest.raises(SettingsError, match="--keep-frames"):
        tsuzuki.upscale(drawn, {"keep_frames": True}, sessions_dir=tmp_path, cluster=cluster)
    assert not list(tmp_path.iterdir())


def test_without_the_token_nobody_joins(nodes: Any, drawn: Path, tmp_path: Path) -> None:
    call = [*command("upscale", drawn, *OPTIONS, "--sessions-dir", tmp_path), "auto"]
    wrong = os.environ | {"RAY_AUTH_TOKEN": "0" * 64}
    done = subprocess.run(call, env=wrong, capture_output=True, text=True, check=False)
    assert done.returncode == ClusterError.exit_code, done.stderr
    assert "Traceback" not in done.stderr


def listening(pid: int) -> set[str]:
    """Return the addresses, in hexadecimal, that a process and its descendants listen on."""
    family, inodes = [pid], set()
    for member in family:
        family += children(member)
        with contextlib.suppress(OSError):
            for handle in Path(f"/proc/{member}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(handle.readlink().name.strip("socket:[]"))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                addresses.add(fields[1].partition(":")[0])
    return addresses


def test_a_local_cluster_listens_on_this_machine_alone(
    drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    output = tmp_path / "out.mp4"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    call = command(
        "upscale", drawn, *OPTIONS, "-o", output, "--sessions-dir", tmp_path / "sessions"
    )
    addresses: set[str] = set()
    with subprocess.Popen([*call, "local:2"], stdout=subprocess.PIPE, env=plain) as process:
        for line in process.stdout or ():
            if json.loads(line)["event"] == "segment-sealed":
                addresses |= listening(process.pid)
    assert process.returncode == 0
    assert output.read_bytes() == golden
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    assert addresses
    assert addresses <= loopback
    deadline = time.monotonic() + 20
    while pids("ray::Node") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not pids("ray::Node"), "its workers are gone with it"


def test_the_manager_creates_a_session_for_some_nodes(
    joined: Any, drawn: Path, golden: bytes, tmp_path: Path
) -> None:
    manager = tsuzuki.DistributedSessionManager(tmp_path / "sessions")
    output = tmp_path / "out.mp4"
    with pytest.raises(ClusterError, match="has 3 nodes that can work, not 4"):
        manager.create_distributed_session(drawn, 4, SETTINGS, output=output)
    session_id = manager.create_distributed_session(drawn, 2, SETTINGS, output=output)
    assert manager.load_progress(session_id) is not None
    told: list[Event] = []
    result = manager.process_distributed_session(session_id, on_event=told.append)
    assert result.output.read_bytes() == golden
    assert len({event.node for event in of(told, events.NodeProgressed)}) == 2


def test_a_gpu_that_cannot_be_used_is_told_of_before_work_begins(
    nodes: Any, drawn: Path, tmp_path: Path
) -> None:
    call = [*command("upscale", drawn, "--device", "gpu:0", "--sessions-dir", tmp_path), "auto"]
    for told, more in (("No node of the cluster has a GPU", {}), ("with Vulkan", {"num_gpus": 1})):
        added = nodes.add_node(num_cpus=1, **more) if more else None
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if added is not None:
            nodes.remove_node(added)
        assert done.returncode == DeviceError.exit_code, done.stderr
        assert told in done.stderr
        assert "Traceback" not in done.stderr
