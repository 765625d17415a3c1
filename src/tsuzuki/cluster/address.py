"""What the user says of the cluster."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, NamedTuple

from tsuzuki.errors import SettingsError

MAX_WORKERS = 64


class Address(NamedTuple):
    """Where a cluster is."""

    kind: Literal["local", "auto", "remote"]
    """Made for this run on this machine; the one that this machine belongs to; somewhere else."""
    workers: int = 0
    """Of a local one."""
    url: str = ""
    """Of a remote one."""

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there stays on this machine."""
        host = self.url.removeprefix("ray://").rpartition(":")[0]
        return self.kind == "local" or (self.kind == "remote" and is_loopback(host))


def parse(text: str) -> Address:
    """Return the address that ``local:N``, ``auto`` or ``ray://HOST:PORT`` means.

    Raises `SettingsError` for anything else.
    """
    if text == "auto":
        return Address("auto")
    if found := re.fullmatch(r"local:(\d{1,4})", text):
        count = int(found[1])
        if 1 <= count <= MAX_WORKERS:
            return Address("local", workers=count)
        raise SettingsError(f"--cluster local:N takes 1 to {MAX_WORKERS} workers, not {count}.")
    if re.fullmatch(r"ray://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}", text):
        return Address("remote", url=text)
    raise SettingsError(
        f"--cluster {text!r} is no address of a cluster. It is local:N for N workers on this "
        "machine, auto for the Ray cluster that this machine belongs to, or ray://HOST:PORT."
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or number is this machine's own for itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
