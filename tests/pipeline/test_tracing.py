"""Traces of real runs, in memory and sent to a server."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.conftest import Runner

from tsuzuki import CloudSessionManager, tracing
from tsuzuki.errors import MissingExtraError, SettingsError
from tsuzuki.pipeline import events

STEPS = {"validate", "extract", "upscale", "combine"}
STAGES = {"decode", "network", "encode"}


@pytest.fixture(scope="session")
def exporter() -> Any:
    """Where all spans of this process go."""
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    return kept


@pytest.fixture
def spans(exporter: Any) -> Any:
    exporter.clear()
    return exporter.get_finished_spans


def test_a_run_is_a_tree_of_spans(run: Runner, spans: Any) -> None:
    result = run()
    found = spans()
    by_id = {span.context.span_id: span for span in found}

    def above(span: Any) -> str | None:
        return by_id[span.parent.span_id].name if span.parent else None

    assert {(span.name, above(span)) for span in found} == (
        {("run", None), ("segment", "upscale")}
        | {(step, "run") for step in STEPS}
        | {(stage, "segment") for stage in STAGES}
    )
    segments = [span for span in found if span.name == "segment"]
    sealed = {event.segment: event for event in run.of(events.SegmentSealed)}
    assert {span.attributes["tsuzuki.segment"] for span in segments} == sealed.keys()
    frames = sum(span.attributes["tsuzuki.frames_computed"] for span in segments)
    assert frames == result.frames_computed
    for span in found:
        assert span.start_time <= span.end_time
        if span.parent:
            assert by_id[span.parent.span_id].start_time <= span.start_time
            assert span.end_time <= by_id[span.parent.span_id].end_time
    assert len({span.context.trace_id for span in found}) == 1


def test_a_run_that_is_stopped_has_its_spans(run: Runner, spans: Any) -> None:
    run.stop_after(events.SegmentSealed, 2)
    names = Counter(span.name for span in spans())
    assert names["run"] == names["upscale"] == 1
    assert names["segment"] >= 2
    assert not names["combine"]


def test_copies_in_a_store_are_spans(run: Runner, spans: Any, tmp_path: Path) -> None:
    run.stop_after(events.SegmentSealed, 1)
    [opened] = run.of(events.SessionOpened)
    with CloudSessionManager(str(tmp_path / "store"), run.sessions) as manager:
        manager.sync_to_cloud(opened.session_id)
    assert spans()[-1].name == "sync"
    assert spans()[-1].attributes["tsuzuki.session_id"] == opened.session_id


class Collector(ThreadingHTTPServer):
    """Takes what OTLP exporters send over HTTP."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Any] = []
        self.status = 200
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=attic",
        }


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(data)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    server = Collector()
    yield server
    server.shutdown()
    server.server_close()


def command(clip: Path, folder: Path, environment: dict[str, str]) -> Any:
    options = ("--engine", "nearest", "--preset", "ultrafast", "--json", "-o", folder / "o.mp4")
    call = [sys.executable, "-m", "tsuzuki", "upscale", clip, *options]
    call += ["--sessions-dir", folder / "sessions"]
    plain = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        list(map(str, call)),
        env=plain | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_a_command_sends_them_where_the_environment_says(
    clip: Path, tmp_path: Path, collector: Collector
) -> None:
    done = command(clip, tmp_path, collector.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    sent = [one for _, request in collector.received for one in request.resource_spans]
    about = {item.key: item.value.string_value for item in sent[0].resource.attributes}
    assert about["service.name"] == "tsuzuki"
    assert about["deployment.environment"] == "attic"
    names = {span.name for one in sent for scope in one.scope_spans for span in scope.spans}
    assert names == {"run", "segment", *STEPS, *STAGES}


def test_a_collector_that_refuses_costs_a_line_no_more(
    clip: Path, tmp_path: Path, collector: Collector
) -> None:
    collector.status = 400
    done = command(clip, tmp_path, collector.environment)
    assert done.returncode == 0
    assert done.stderr.count("Traces:") == 1
    assert "Traceback" not in done.stderr


def test_off_nothing_of_it_is_imported() -> None:
    code = (
        "import sys, tsuzuki.pipeline, tsuzuki.cloud.manager, tsuzuki.cli.run as run\n"
        "with run.open_queue(json=True): pass\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    plain = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    off = [plain, plain | {"OTEL_TRACES_EXPORTER": "none"}]
    off += [plain | {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}]
    for environment in off:
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_what_cannot_be_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "jaeger")
    with pytest.raises(SettingsError, match="otlp, console or none"), tracing.exported():
        pass
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(MissingExtraError, match=r"\[otel\]"), tracing.exported():
        pass
