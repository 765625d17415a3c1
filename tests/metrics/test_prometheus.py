"""The endpoint, read by Prometheus's own parser."""

import json
import re
import urllib.request

import pytest

from tsuzuki.durable import History, RunRow
from tsuzuki.errors import ResourceError, SettingsError

pytest.importorskip("prometheus_client")
from prometheus_client.parser import text_string_to_metric_families

from tsuzuki.metrics.prometheus import Server, dashboard, parse_address


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    root.mkdir(0o700)
    history = History(root / "history.db")
    for number, outcome in enumerate(["completed", "cancelled", None]):
        history.add(
            RunRow(
                session_id=f"00000000000{number}",
                session_created="2026-01-01T00:00:00+00:00",
                started="2026-01-01T00:00:00+00:00",
                ended="2026-01-01T00:01:40+00:00" if outcome else None,
                outcome=outcome,
                resumed=number == 0,
                resume_seconds=2.5 if number == 0 else None,
                frames_computed=48,
                saves=[1] + [0] * 12,
                save_seconds=0.0005,
            )
        )
    return root


@pytest.fixture
def server(root):
    server = Server("0", root)
    yield server
    server.close()


def read(server):
    with urllib.request.urlopen(server.url) as answer:
        text = answer.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_a_parser_reads_what_is_served(server):
    families = read(server)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["tsuzuki_sessions",] == 3
    assert samples["tsuzuki_completion_seconds_mean",] == 100
    assert samples["tsuzuki_resume_success_ratio",] == 1
    assert samples["tsuzuki_runs_total", "completed"] == 1
    assert samples["tsuzuki_runs_total", "killed_or_running"] == 1
    assert samples["tsuzuki_frames_computed_total",] == 144
    assert samples["tsuzuki_resume_seconds_count",] == 1
    assert samples["tsuzuki_resume_seconds_bucket", "2.0"] == 0
    assert samples["tsuzuki_resume_seconds_bucket", "3.0"] == 1
    assert samples["tsuzuki_save_seconds_count",] == 3
    assert families["tsuzuki_save_seconds"].type == "histogram"


def test_it_listens_on_the_loopback_address_alone(server):
    assert server.host == "127.0.0.1"
    assert server.url.startswith("http://127.0.0.1:")


def test_what_is_new_is_served_at_the_next_request(server, root):
    row = History(root / "history.db").rows()[0]
    History(root / "history.db").add(row)
    samples = [
        s.value for s in read(server)["tsuzuki_runs"].samples if "completed" in str(s.labels)
    ]
    assert samples == [2]


def test_a_port_that_is_taken(server, root):
    with pytest.raises(ResourceError, match="Choose another"):
        Server(str(server.port), root)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("[::1]:80", ("::1", 80)),
        ("name:80", ("name", 80)),
    ],
)
def test_addresses(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "x", "1:2:3", "65536", ":80", "-1", "host:"])
def test_what_is_no_address(text):
    with pytest.raises(SettingsError, match="no address"):
        parse_address(text)


def test_the_dashboard_asks_for_nothing_that_is_not_served(server):
    served = {sample.name for family in read(server).values() for sample in family.samples}
    board = json.loads(dashboard())
    asked = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"tsuzuki_\w+", target["expr"])
    }
    assert len(board["panels"]) == 9
    assert asked <= served
