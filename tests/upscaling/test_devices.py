from __future__ import annotations

import pytest

from tsuzuki.errors import DeviceError
from tsuzuki.upscaling import cpu_features, find_devices
from tsuzuki.upscaling import find_devices as listed
from tsuzuki.upscaling.devices import DeviceInfo, choose_device


def test_the_processor_comes_first() -> None:
    first, *others = find_devices()
    assert (first.name, first.kind) == ("cpu", "cpu")
    assert first.title
    assert [d.name for d in others] == [f"gpu:{i}" for i in range(len(others))]


def test_listing_devices_writes_nothing_to_the_terminal(capfd) -> None:
    find_devices()
    assert capfd.readouterr() == ("", "")


def test_auto_is_a_discrete_gpu_or_the_processor() -> None:
    expected = next((d.name for d in find_devices() if d.kind == "discrete"), "cpu")
    assert choose_device("auto").name == expected


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        ((), "cpu"),
        (("software",), "cpu"),
        (("integrated",), "cpu"),
        (("software", "discrete", "discrete"), "gpu:1"),
    ],
)
def test_auto_among_other_devices(monkeypatch, kinds, chosen) -> None:
    import importlib

    module = importlib.import_module("tsuzuki.upscaling.devices")
    present = [DeviceInfo(name="cpu", title="a processor", kind="cpu")]
    present += [DeviceInfo(name=f"gpu:{i}", title="", kind=k) for i, k in enumerate(kinds)]
    monkeypatch.setattr(module, "find_devices", lambda: present)
    assert choose_device("auto").name == chosen


def test_a_device_asked_for_is_taken_even_in_software(vulkan) -> None:
    assert choose_device(vulkan).name == vulkan


def test_a_missing_device_is_refused_with_those_present() -> None:
    with pytest.raises(DeviceError, match=r"Present are: cpu") as caught:
        choose_device("gpu:77")
    assert caught.value.details["devices"] == [d.name for d in listed()]


def test_the_features_are_stable_words() -> None:
    assert cpu_features() == cpu_features()
    assert cpu_features().isprintable()
