from __future__ import annotations

import pytest

from tsuzuki.cluster import RayCluster
from tsuzuki.cluster.address import Address, is_loopback, parse
from tsuzuki.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("auto", Address("auto")),
        ("local:4", Address("local", workers=4)),
        ("ray://head.example:10001", Address("remote", url="ray://head.example:10001")),
        ("ray://[fd00::1]:10001", Address("remote", url="ray://[fd00::1]:10001")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "local", "local:0", "local:65", "local:-1", "ray://", "ray://host", "http://host:1",
     "ray://user:word@host:10001", "ray://host:10001/x", "10.0.0.1:6379", "auto "],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        RayCluster(text)


def test_a_cluster_of_no_nodes_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least one node"):
        RayCluster("auto", nodes=0)


def test_what_stays_on_this_machine() -> None:
    assert parse("local:2").is_loopback
    assert parse("ray://127.0.0.1:10001").is_loopback
    assert parse("ray://[::1]:10001").is_loopback
    assert not parse("ray://10.0.0.7:10001").is_loopback
    assert not is_loopback("localhost.example")
