"""``tsuzuki doctor``."""

from __future__ import annotations

import typer

from tsuzuki.cli import options as o
from tsuzuki.language import tr
from tsuzuki.sentences import told


def doctor(sessions_dir: o.SessionsDir = None, json: o.JsonResult = False) -> None:
    """Check this machine: versions, encoders, devices, and whether the sessions folder is safe."""
    import msgspec  # noqa: PLC0415 - keeps --help fast

    from tsuzuki.cli.checkup import check_up, finding_name  # noqa: PLC0415
    from tsuzuki.cli.text import padded, safe, stdout  # noqa: PLC0415

    findings = check_up(sessions_dir)
    well = all(finding.well for finding in findings)
    console = stdout()
    if json:
        typer.echo(msgspec.json.encode({"well": well, "findings": findings}).decode())
        raise typer.Exit(0 if well else 1)
    for finding in findings:
        mark = "[green]✔[/]" if finding.well else "[red]✘[/]"
        console.print(f"{mark} {padded(finding_name(finding.name), 24)}", end=" ")
        console.print(safe(told(finding.text)), markup=False, soft_wrap=True)
    fine = tr("Everything needed is there.")
    console.print(fine if well else tr("Something needs attention: see ✘."))
    raise typer.Exit(0 if well else 1)
