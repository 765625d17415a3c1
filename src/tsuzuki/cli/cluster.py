"""The cluster that ``--cluster`` names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsuzuki.cluster import RayCluster


@contextlib.contextmanager
def cluster_at(address: str | None) -> Iterator[RayCluster | None]:
    """Yield the cluster at an address, which is left at the end; None where there is none.

    Raises `SettingsError` for another address. It is joined when it is first needed.
    """
    if address is None:
        yield None
        return
    from tsuzuki.cluster import RayCluster  # noqa: PLC0415 - keeps --help fast

    with RayCluster(address) as cluster:
        yield cluster
