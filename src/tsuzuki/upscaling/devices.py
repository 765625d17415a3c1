"""Which devices there are, and which one a run uses."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import ncnn

from tsuzuki.errors import DeviceError

DeviceKind = Literal["cpu", "discrete", "integrated", "virtual", "software"]
_VULKAN_KINDS: tuple[DeviceKind, ...] = ("discrete", "integrated", "virtual", "software")
"""ncnn's numbers for the kinds of Vulkan devices, in order."""
_X86 = ("avx", "fma", "f16c", "avx2", "avx_vnni", "avx512f", "avx512cd", "avx512bw", "avx512dq")
_X86_LATER = ("avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16")
_ARM = ("asimd", "asimdhp", "asimddp", "asimdfhm", "bf16", "i8mm", "sve", "sve2")
_LOONGARCH = ("lsx", "lasx")
_FLAGS = _X86 + _X86_LATER + _ARM + _LOONGARCH
"""Processor features that ncnn chooses its code by, as Linux names them."""
_QUIET = threading.Lock()


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A device that networks can run on."""

    name: str
    """``cpu`` or ``gpu:N``."""
    title: str
    """As the maker or the driver names it."""
    kind: DeviceKind
    """``software`` is Vulkan computed by the processor, slower than ``cpu``."""


def find_devices() -> list[DeviceInfo]:
    """Return the processor and every Vulkan device."""
    found = [DeviceInfo(name="cpu", title=_cpu_title(), kind="cpu")]
    with _without_chatter():
        for index in range(ncnn.get_gpu_count()):
            info = ncnn.get_gpu_info(index)
            kind = _VULKAN_KINDS[int(info.type())]
            found.append(DeviceInfo(name=f"gpu:{index}", title=info.device_name(), kind=kind))
    return found


def choose_device(wish: str) -> DeviceInfo:
    """Resolve ``auto`` (the first discrete GPU, else the processor), ``cpu`` or ``gpu:N``.

    Raises `DeviceError`, which lists what there is, where the device is missing.
    """
    if wish == "cpu":
        return DeviceInfo(name="cpu", title=_cpu_title(), kind="cpu")
    present = find_devices()
    if wish == "auto":
        return next((d for d in present if d.kind == "discrete"), present[0])
    for device in present:
        if device.name == wish:
            return device
    listing = ", ".join(f"{d.name} ({d.title})" for d in present)
    raise DeviceError(
        f"There is no device {wish}. Present are: {listing}. Choose one of them with --device, or "
        "install the driver of the GPU with its Vulkan part.",
        device=wish,
        devices=[d.name for d in present],
    )


def cpu_features() -> str:
    """Return the processor features that may change the last bits of a result, space-separated."""
    if sys.platform == "linux":
        flags = _linux_flags()
        return " ".join(flag for flag in _FLAGS if flag in flags)
    tests = {
        "avx": ncnn.cpu_support_x86_avx,
        "avx2": ncnn.cpu_support_x86_avx2,
        "asimd": ncnn.cpu_support_arm_neon,
        "asimdhp": ncnn.cpu_support_arm_asimdhp,
    }
    present = [flag for flag, test in tests.items() if test()]
    return " ".join([*present, platform.processor()]).strip()


def _linux_flags() -> set[str]:
    for line in _cpuinfo():
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:
            return set(value.split())
    return set()


def _cpu_title() -> str:
    for line in _cpuinfo() if sys.platform == "linux" else ():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Silence the lines that ncnn writes to standard error when it meets a GPU first."""
    with _QUIET:
        try:
            kept = os.dup(2)
        except OSError:  # a program without a console
            yield
            return
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Share(NamedTuple):
    """What one of several workers works with."""

    device: str
    threads: int | None
    """Processor cores for the network; None is all."""


def shares(device: str, count: int) -> list[Share]:
    """Give each of ``count`` workers its share of the machine.

    On the processor each has its part of the cores. On a GPU the workers take turns over all that
    are of the same make: other ones might give other bits.
    """
    if count == 1:
        return [Share(device, None)]
    if device == "cpu":
        return [Share(device, max(1, usable_cores() // count))] * count
    known = find_devices()
    title = next((one.title for one in known if one.name == device), None)
    alike = [device, *(d.name for d in known if d.title == title and d.name != device)]
    return [Share(alike[number % len(alike)], None) for number in range(count)]
