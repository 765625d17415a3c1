"""Bounds on what a file may make this process take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_MEMORY = 2 << 30
"""Bytes that opening a video may take. A file of some kB can declare hundreds of millions of
samples, each of which costs memory; those of a week of film and sound fit in easily."""


@contextmanager
def bounded_memory(size: int = MAX_MEMORY) -> Iterator[None]:
    """Let this process take at most ``size`` more bytes meanwhile, where the system can see to it.

    Only Linux can. It holds for all threads, so use it where no other one is at work.
    """
    if sys.platform != "linux":
        yield
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _memory_in_use() + size
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _memory_in_use() -> int:
    """Return what counts for RLIMIT_DATA, in bytes: see proc(5), ``VmData``."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    return 0
