"""Traces of what a run spends its time on, with OpenTelemetry.

Off unless `OTEL_TRACES_EXPORTER` asks the command for them, or a program that uses the library has
imported OpenTelemetry itself. Off, nothing of it is imported, and a span is a look into a table.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tsuzuki.errors import MissingExtraError, SettingsError

FLUSH_SECONDS = 5.0
"""Time to send what is left at the end; the program does not wait longer for it."""
Interval = tuple[int, int]
"""When something began and ended, in ns since 1970."""


@contextlib.contextmanager
def span(name: str, **facts: str | int) -> Iterator[None]:
    """Have what is done in the context be a span, with ``facts`` as its attributes."""
    api = _api()
    if api is None:
        yield
        return
    with _tracer(api).start_as_current_span(name, attributes=_attributes(facts)):
        yield


def record(name: str, parts: Mapping[str, Interval], **facts: str | int) -> None:
    """Make a span of something that ends now, and began with the first of its parts."""
    api = _api()
    if api is None or not parts:
        return
    tracer, now = _tracer(api), time.time_ns()
    begin = min(begin for begin, _ in parts.values())
    whole = tracer.start_span(name, start_time=begin, attributes=_attributes(facts))
    inside = api.set_span_in_context(whole)
    for part, (begin, end) in parts.items():
        tracer.start_span(part, inside, start_time=begin).end(end)
    whole.end(now)


@contextlib.contextmanager
def exported(on_problem: Callable[[str], object] = lambda _: None) -> Iterator[None]:
    """Send spans where the environment says, as OpenTelemetry defines it, if it says so at all.

    ``on_problem`` is told once of what went wrong in sending, in any thread.

    Raises `SettingsError` for an exporter that is not known, `MissingExtraError`.
    """
    name = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or name in {"", "none"}:
        yield
        return
    if name not in {"otlp", "console"}:
        raise SettingsError(
            f"OTEL_TRACES_EXPORTER={name!r} is not known. Set it to otlp, console or none."
        )
    problems = _Problems(on_problem)
    log = logging.getLogger("opentelemetry")
    log.addHandler(problems)
    provider = _provider(name)
    try:
        yield
    finally:
        # A collector that does not answer must not hold up the end.
        last = threading.Thread(target=provider.shutdown, name="traces", daemon=True)
        last.start()
        last.join(FLUSH_SECONDS)
        log.removeHandler(problems)


def _provider(exporter: str) -> Any:
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
            BatchSpanProcessor,
            ConsoleSpanExporter,
        )
    except ImportError:
        raise MissingExtraError.for_extra("otel", "traces (OTEL_TRACES_EXPORTER)") from None
    own = Resource.create({"service.name": "tsuzuki", "service.version": _version()})
    provider = TracerProvider(
        resource=own.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    # Events are what stdout is for.
    sending = OTLPSpanExporter() if exporter == "otlp" else ConsoleSpanExporter(out=sys.stderr)
    provider.add_span_processor(BatchSpanProcessor(sending))
    trace.set_tracer_provider(provider)
    return provider


class _Problems(logging.Handler):
    """Tells of the first thing that OpenTelemetry complains of."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._told:
            self._told = True
            self._tell(f"Traces: {record.getMessage()}")


def _api() -> Any:
    """Return OpenTelemetry's module of traces if anybody has imported it."""
    api = sys.modules.get("opentelemetry.trace")
    return api if hasattr(api, "set_span_in_context") else None


def _tracer(api: Any) -> Any:
    return api.get_tracer("tsuzuki", _version())


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - takes its time

    return version("tsuzuki")


def _attributes(facts: Mapping[str, str | int]) -> dict[str, str | int]:
    return {f"tsuzuki.{name}": value for name, value in facts.items()}
