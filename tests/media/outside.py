"""What other programs say of an output, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def complaints(output: Path) -> str:
    """Return the errors that Debian's ffmpeg and mkvinfo tell of a file; empty without these."""
    streams = ["-map", "0:v:0", "-map", "0:a?", "-f", "null", "-"]
    calls = [["ffmpeg", "-v", "error", "-i", str(output), *streams]]
    if output.suffix in {".mkv", ".webm"}:
        calls.append(["mkvinfo", str(output)])
    said = ""
    for call in calls:
        if shutil.which(call[0]):
            done = subprocess.run(call, capture_output=True, text=True, check=False)
            lines = done.stderr.splitlines(keepends=True)
            said += "".join(line for line in lines if not _is_of_the_sink(line))
            said += f"{call[0]} failed" if done.returncode else ""
    return said


def _is_of_the_sink(line: str) -> bool:
    """Tell whether a line is of what the program itself makes of the frames, by its own clock."""
    return line.startswith(("[null @", "    Last message repeated"))
