from __future__ import annotations

import msgspec
import pytest

from tsuzuki.errors import ModelError
from tsuzuki.upscaling import catalogue, find, networks


def test_every_file_of_the_packages_is_listed_once() -> None:
    listed = {n.weights for n in networks()}
    present = {path for n in networks() for path in n.folder.glob("*.bin")}
    assert listed == present
    assert len(listed) == len(networks())


@pytest.mark.parametrize("network", networks(), ids=lambda n: n.name)
def test_what_is_listed_agrees_with_the_files(network) -> None:
    graph = network.graph()
    assert graph.scale == network.scale
    assert len(graph.pools) == (4 if network.pools else 0)
    assert find(network.name) is network
    assert network.margin <= network.reach
    assert not network.trims or network.margin == network.reach
    for pool in graph.pools:
        assert (network.multiple * pool.ratio).denominator == 1


def test_digests_tell_networks_apart() -> None:
    digests = {n.digest() for n in networks() if n.memory < 50000}
    assert len(digests) == len([n for n in networks() if n.memory < 50000])
    assert all(len(d) == 64 for d in digests)


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(ModelError, match="realcugan-se-2x-n0") as caught:
        find("realcugan-se-2x-n00")
    assert "realcugan-se-2x-n0" in caught.value.details["near"]
    with pytest.raises(ModelError, match="tsuzuki models"):
        find("@@@@")


def test_a_missing_file_and_a_missing_package_are_named() -> None:
    network = networks()[0]
    with pytest.raises(ModelError, match=r"GONE\.param.*Reinstall"):
        msgspec.structs.replace(network, files="GONE").digest()
    with pytest.raises(ModelError, match="pip install no-such-package"):
        msgspec.structs.replace(network, package="no-such-package").digest()


def test_a_family_has_one_content_and_reach_a_scale() -> None:
    for name in {n.family for n in networks()}:
        members = catalogue.family(name)
        assert len({(n.scale, n.noise) for n in members}) == len(members)
        assert len({n.content for n in members}) == 1
        assert len({(n.scale, n.reach) for n in members}) == len({n.scale for n in members})
