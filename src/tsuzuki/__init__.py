"""AI video upscaling that can be stopped at any instant and continued with the same bytes.

    import tsuzuki

    result = tsuzuki.upscale("film.mkv", tsuzuki.ProcessingSettings(scale_factor=2.0))
    print(result.output)

The public API is what `__all__` names, with `tsuzuki.errors` for what may be raised and
`tsuzuki.pipeline.events` for what ``on_event`` is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsuzuki import errors

if TYPE_CHECKING:
    from tsuzuki.cloud.manager import CloudSessionManager
    from tsuzuki.cluster.manager import DistributedSessionManager
    from tsuzuki.pipeline import Result, SmartResumeManager, resume, upscale
    from tsuzuki.sessions import (
        AsyncProgressSaver,
        PerformanceMonitor,
        SessionManager,
        SessionMetrics,
    )
    from tsuzuki.settings import ProcessingSettings

__all__ = [
    "AsyncProgressSaver",
    "CloudSessionManager",
    "DistributedSessionManager",
    "PerformanceMonitor",
    "ProcessingSettings",
    "Result",
    "SessionManager",
    "SessionMetrics",
    "SmartResumeManager",
    "errors",
    "resume",
    "upscale",
]

_HOMES = {
    "AsyncProgressSaver": "tsuzuki.sessions",
    "CloudSessionManager": "tsuzuki.cloud.manager",
    "DistributedSessionManager": "tsuzuki.cluster.manager",
    "PerformanceMonitor": "tsuzuki.sessions",
    "ProcessingSettings": "tsuzuki.settings",
    "Result": "tsuzuki.pipeline",
    "SessionManager": "tsuzuki.sessions",
    "SessionMetrics": "tsuzuki.sessions",
    "SmartResumeManager": "tsuzuki.pipeline",
    "resume": "tsuzuki.pipeline",
    "upscale": "tsuzuki.pipeline",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that importing the package is quick."""
    import importlib  # noqa: PLC0415 - as late as possible

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value
