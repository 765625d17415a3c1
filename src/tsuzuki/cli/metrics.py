"""``tsuzuki metrics``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsuzuki.cli import options as o
from tsuzuki.errors import SettingsError
from tsuzuki.language import tr

if TYPE_CHECKING:
    from pathlib import Path

    from tsuzuki.sessions.metrics import SessionMetrics
    from tsuzuki.sessions.monitor import Histogram


def metrics(
    serve: Annotated[
        str | None,
        typer.Option(
            "--serve",
            metavar="[HOST:]PORT",
            help="Serve them to Prometheus until Ctrl-C; to this machine alone, unless HOST says "
            "otherwise. Needs the extra metrics.",
            show_default=False,
        ),
    ] = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Print a dashboard to import in Grafana.")
    ] = False,
    sessions_dir: o.SessionsDir = None,
    json: o.JsonResult = False,
) -> None:
    """Show how many sessions there were, how they ended, and how long saving and resuming take.

    [bold]Examples[/bold]

      tsuzuki metrics
      tsuzuki metrics --serve 9464       # http://127.0.0.1:9464/metrics
      tsuzuki metrics --dashboard > tsuzuki.json
    """
    from tsuzuki.sessions.metrics import SessionMetrics  # noqa: PLC0415 - keeps --help fast

    if sum((serve is not None, dashboard, json)) > 1:
        raise SettingsError("Choose one of --serve, --dashboard and --json.")
    if dashboard:
        from tsuzuki.metrics.prometheus import dashboard as grafana  # noqa: PLC0415

        typer.echo(grafana(), nl=False)
    elif serve is not None:
        _serve(serve, sessions_dir)
    elif json:
        _print_json(SessionMetrics(sessions_dir))
    else:
        _show(SessionMetrics(sessions_dir))


def _serve(address: str, root: Path | None) -> None:
    from tsuzuki.cli.signals import cancel_on_signals  # noqa: PLC0415
    from tsuzuki.cli.text import stderr  # noqa: PLC0415
    from tsuzuki.metrics.prometheus import Server  # noqa: PLC0415

    with cancel_on_signals(lambda: None) as cancel:
        server = Server(address, root)
        served = tr("Metrics are served at {url} until Ctrl-C.").format(url=server.url)
        stderr().print(served, soft_wrap=True)
        cancel.wait()
        server.close()


def _print_json(found: SessionMetrics) -> None:
    import msgspec  # noqa: PLC0415

    histograms = {"resume_seconds": found.resume_times(), "save_seconds": found.save_times()}
    more = {
        name: {"bounds": one.bounds, "counts": one.counts, "sum": one.seconds}
        for name, one in histograms.items()
    }
    typer.echo(msgspec.json.encode({**found.collect_metrics(), **more}).decode())


def _show(found: SessionMetrics) -> None:
    from rich.table import Table  # noqa: PLC0415

    from tsuzuki.cli.text import duration, size, stdout  # noqa: PLC0415

    metrics = found.collect_metrics()
    mean, rate = metrics["average_completion_time"], metrics["resume_success_rate"]
    average = tr("none completed yet") if mean is None else duration(mean)
    success = tr("none yet") if rate is None else f"{100 * rate:.1f} %"
    rows = {
        tr("Sessions ever begun"): str(metrics["total_sessions"]),
        tr("Sessions not done"): str(metrics["active_sessions"]),
        tr("Mean time to completion"): average,
        tr("Resumed runs that were completed"): success,
        tr("Disk used by sessions"): size(metrics["disk_usage"]),
        tr("Time until a resumed run goes on"): _mean(found.resume_times()),
        tr("Time to save the summary"): _mean(found.save_times()),
    }
    table = Table(box=None, show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    stdout().print(table)


def _mean(histogram: Histogram) -> str:
    count = sum(histogram.counts)
    if not count:
        return tr("not measured yet")
    mean = histogram.seconds / count
    shown = f"{1000 * mean:.1f} ms" if mean < 1 else f"{mean:.1f} s"
    return tr("{time} (mean of {count})").format(time=shown, count=count)
