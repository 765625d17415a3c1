"""The metrics as an endpoint for Prometheus, with the extra ``metrics``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

from tsuzuki.errors import MissingExtraError, ResourceError, SettingsError
from tsuzuki.sessions.metrics import Metrics, SessionMetrics
from tsuzuki.sessions.monitor import Histogram

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import CollectorRegistry

LOOPBACK = "127.0.0.1"
_ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]+|\[[0-9A-Fa-f:.%]+\]):)?(?P<port>[0-9]{1,5})")
_GAUGES = {
    "tsuzuki_sessions": ("total_sessions", "Sessions ever begun."),
    "tsuzuki_sessions_active": ("active_sessions", "Sessions begun and not done."),
    "tsuzuki_completion_seconds_mean": (
        "average_completion_time",
        "Mean time from the making of a session to its completion, pauses included.",
    ),
    "tsuzuki_resume_success_ratio": (
        "resume_success_rate",
        "Share of resumed runs whose session was completed.",
    ),
    "tsuzuki_disk_usage_bytes": ("disk_usage", "Size of the folder of the sessions."),
}


class SessionCollector:
    """Reads the metrics each time that somebody asks for them."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self._metrics = SessionMetrics(root)

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each metric; those that are not known yet have no sample."""
        from prometheus_client.metrics_core import (  # noqa: PLC0415 - an extra
            CounterMetricFamily,
            GaugeMetricFamily,
        )

        found: Metrics = self._metrics.collect_metrics()
        for name, (key, meaning) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, meaning)
            value = found[key]  # type: ignore[literal-required]
            if value is not None:
                gauge.add_metric([], float(value))
            yield gauge
        rows = self._metrics.runs()
        runs = CounterMetricFamily("tsuzuki_runs", "Runs by how they ended.", labels=["outcome"])
        outcomes = [row.outcome or "killed_or_running" for row in rows]
        for outcome in sorted(set(outcomes)):
            runs.add_metric([outcome], outcomes.count(outcome))
        yield runs
        frames = sum(row.frames_computed or 0 for row in rows)
        yield CounterMetricFamily("tsuzuki_frames_computed", "Frames upscaled.", value=frames)
        yield _family(
            "tsuzuki_resume_seconds",
            "Time until a resumed run goes on.",
            self._metrics.resume_times,
        )
        yield _family(
            "tsuzuki_save_seconds",
            "Time that a save of the summary takes.",
            self._metrics.save_times,
        )


def registry(root: str | os.PathLike[str] | None = None) -> CollectorRegistry:
    """Return what Prometheus's client serves: the metrics of the sessions in ``root``."""
    try:
        from prometheus_client.registry import CollectorRegistry  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError.for_extra("metrics", "serving metrics") from None
    found = CollectorRegistry()
    found.register(SessionCollector(root))
    return found


class Server:
    """An HTTP server of the metrics at ``/metrics`` until it is closed.

    Raises `ResourceError` where the address cannot be used.
    """

    def __init__(self, address: str, root: str | os.PathLike[str] | None = None) -> None:
        self.host, port = parse_address(address)
        served = registry(root)
        from prometheus_client import start_http_server  # noqa: PLC0415 - an extra

        try:
            self._server, self._thread = start_http_server(port, self.host, served)
        except (OSError, OverflowError) as error:
            raise ResourceError(
                f"Nothing can be served at {self.host}, port {port} ({error}). Choose another "
                "address or port."
            ) from error
        self.port = int(self._server.server_port)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/metrics"

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port of ``[HOST:]PORT``; without a host it is the loopback address.

    Raises `SettingsError`.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise SettingsError(
            f"{address!r} is no address. Give a port, such as 9464, or HOST:PORT, such as "
            "0.0.0.0:9464, to let other machines read the metrics."
        )
    host = match["host"] or LOOPBACK
    return host.strip("[]"), int(match["port"])


def dashboard() -> str:
    """Return the dashboard for Grafana (JSON), to be imported there."""
    return files("tsuzuki.metrics").joinpath("dashboard.json").read_text(encoding="utf-8")


def _family(name: str, meaning: str, read: Callable[[], Histogram]) -> Metric:
    from prometheus_client.metrics_core import HistogramMetricFamily  # noqa: PLC0415 - an extra

    histogram, below = read(), 0
    buckets: list[tuple[str, float]] = []
    labels = [*map(str, histogram.bounds), "+Inf"]
    for label, count in zip(labels, histogram.counts, strict=True):
        below += count
        buckets.append((label, below))
    return HistogramMetricFamily(name, meaning, buckets=buckets, sum_value=histogram.seconds)
