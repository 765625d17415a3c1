"""Where errors end: one paragraph on the terminal and an exit code."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tsuzuki.cli.text import safe, stderr
from tsuzuki.errors import Cancelled, TsuzukiError
from tsuzuki.language import tr
from tsuzuki.sentences import told


def guarded(command: Callable[[], object]) -> int:
    """Call ``command`` and return the exit code that its end means."""
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except TsuzukiError as error:
        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return Cancelled.exit_code
    except BrokenPipeError:
        # Whoever read the output has gone; Python must not try to flush to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the outermost layer catches everything
        show_unexpected(error)
        return 1
    return 0


def show_error(error: TsuzukiError, *, hint: str | None = None) -> None:
    """Print the error's paragraph to stderr, and below it a ``hint``, such as a command."""
    console = stderr()
    colour = "yellow" if isinstance(error, Cancelled) else "red"
    console.print(f"[bold {colour}]{title(error)}:[/] ", end="")
    console.print(safe(told(error.message)), markup=False, highlight=False, soft_wrap=True)
    if hint:
        console.print(f"  {safe(hint)}", markup=False, style="bold", soft_wrap=True)
    if _debug():
        _print_traceback(error)


def title(error: TsuzukiError) -> str:
    """Return the word that stands before the message."""
    titles = {
        "cancelled": tr("Stopped"),
        "settings": tr("Setting"),
        "input": tr("Input"),
        "output": tr("Output"),
        "session": tr("Session"),
        "resource": tr("Machine"),
        "engine": tr("Engine"),
        "worker": tr("Worker"),
    }
    codes = (getattr(cls, "code", "") for cls in type(error).__mro__)
    return next((titles[code] for code in codes if code in titles), tr("Error"))


def show_unexpected(error: Exception) -> None:
    """Say that this is a fault of the program, and where its traceback is kept."""
    kept = _keep_traceback(error)
    if kept:
        where = tr("Its traceback is in {file}.").format(file=kept)
    else:
        where = tr("Run it with --debug to see the traceback.")
    text = tr(
        "{error}. This is a fault of the program. Finished frames are safe: `tsuzuki resume` goes "
        "on from them. {where} Please report it."
    )
    console, unexpected = stderr(), tr("Unexpected error")
    console.print(f"[bold red]{unexpected}:[/] ", end="")
    console.print(
        safe(text.format(error=f"{type(error).__name__}: {error}", where=where)),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if _debug():
        _print_traceback(error)


def _debug() -> bool:
    return os.environ.get("TSUZUKI_DEBUG", "") not in {"", "0"}


def _print_traceback(error: Exception) -> None:
    traceback.print_exception(error, file=sys.stderr)


def _keep_traceback(error: Exception) -> Path | None:
    import platformdirs  # noqa: PLC0415 - only needed here

    file = platformdirs.user_log_path("tsuzuki") / "error.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8", errors="backslashreplace") as log:
            # Where notifications go may be a secret.
            command = re.sub(r"(--notify[= ])\S+", r"\1…", " ".join(sys.argv))
            log.write(f"{datetime.now(UTC).isoformat()} {command}\n")
            log.writelines(traceback.format_exception(error))
    except OSError:
        return None
    return file
