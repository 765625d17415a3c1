"""Join the sealed segments and everything else to the output, and publish it in one step."""

from __future__ import annotations

from pathlib import Path

from tsuzuki.durable import Durable, is_there, sha256_of, sha256_of_folder
from tsuzuki.errors import OutputExistsError
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.meter import Meter
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.steps.upscale import upscale
from tsuzuki.pipeline.steps.validate import check_output, published


def is_published(run: Run, output: Path | None = None) -> bool:
    """Tell whether the output is in its place already: a run may end just after publishing."""
    run.supervisor.check_cancel()
    promised = run.remembered("combine").get("output")
    output = published(output or run.output)
    if promised is not None and is_there(output) and output.is_dir() and not output.is_symlink():
        found = sha256_of_folder(output, run.supervisor.check_cancel)
        return found == (promised["size"], promised["sha256"])
    return (
        promised is not None
        and is_there(output)
        and output.is_file()
        and output.stat().st_size == promised["size"]
        and not output.is_symlink()
        and sha256_of(output, run.supervisor.check_cancel) == promised["sha256"]
    )


def combine(run: Run) -> None:
    """Write the output beside its final path, verify it, give it its name."""
    check_output(run.plan, run.output, overwrite=run.overwrite)
    while damaged := run.store.set_damaged_aside(run.segments, run.supervisor.check_cancel):
        run.warn(
            "damaged-segment",
            f"{', '.join(damaged)} changed on disk since it was sealed; it is kept aside and only "
            "its frames are computed again.",
        )
        upscale(run)
    run.open_worker()
    remove_temporaries(run)
    answer = run.supervisor.ask(
        m.Combine(
            segments=[str(run.store.file_of(segment)) for segment in run.segments],
            output=str(run.output),
        ),
        m.Combined,
        run.reporter("combine", Meter(0, 1000)),
    )
    # Before the file gets its name: so a run that comes after a kill knows it for its own.
    run.remembered("combine")["output"] = {"size": answer.size, "sha256": answer.sha256}
    run.save()
    _publish(run, Path(answer.temporary))


def remove_temporaries(run: Run) -> None:
    """Remove what workers that died were writing to become the output."""
    output = published(run.output)
    if is_there(output.parent) and output.parent.is_dir():
        Durable().remove_temporaries_of(output, run.session_id)


def _publish(run: Run, temporary: Path) -> None:
    output, durable = published(run.output), Durable()
    if temporary.is_dir():
        done = durable.publish_folder(temporary, output, replace=run.overwrite)
    elif run.overwrite:
        done = True
        durable.replace_file(temporary, output)
    else:
        done = durable.publish_file(temporary, output)
    if not done:
        raise OutputExistsError(
            f"{output} has come into being meanwhile and was left as it is. Move it away, or run "
            f"`{run.store.paths.command('resume')}` with --overwrite or another -o; nothing has to "
            "be computed again.",
            path=str(output),
        )
