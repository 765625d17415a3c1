from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.media.comparing import Pair

from tsuzuki import pipeline
from tsuzuki.pipeline import Result, events


class Upscaled:
    """A clip that was upscaled: what the program said, and the output held against the source."""

    def __init__(self, result: Result, told: list[events.Event], pair: Pair) -> None:
        self.result = result
        self.told = told
        self.pair = pair

    @property
    def warnings(self) -> str:
        return "\n".join(event.message for event in self.told if isinstance(event, events.Warned))

    def differences(self) -> dict[str, str]:
        """What did not come through, by aspect."""
        findings = self.pair.findings()
        return {name: found.text for name, found in findings.items() if not found.ok}

    def complaints(self) -> str:
        """What other programs say of the output, if they are here: errors alone."""
        output = str(self.result.output)
        streams = ["-map", "0:v:0", "-map", "0:a?", "-f", "null", "-"]
        calls = [["ffmpeg", "-v", "error", "-i", output, *streams]]
        if output.endswith(".mkv"):
            calls.append(["mkvinfo", output])
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


@pytest.fixture
def upscaled(media: Path, tmp_path: Path) -> Callable[..., Upscaled]:
    """Upscale a clip of the media into a folder of the test's own."""

    def run(name: str, span: str | None = None, **settings: Any) -> Upscaled:
        told: list[events.Event] = []
        plain = {"engine": "nearest", "preset": "ultrafast", "deinterlace": "off"}
        choice: dict[str, Any] = {**plain, **settings}
        part = None
        if span is not None:
            choice["range_start"], choice["range_end"] = span.split("-")
            part = (Fraction(choice["range_start"]), Fraction(choice["range_end"]))
        result = pipeline.upscale(
            media / name,
            choice,
            output=tmp_path,
            sessions_dir=tmp_path / "sessions",
            on_event=told.append,
        )
        pair = Pair(
            media / name,
            result.output,
            scale=choice.get("scale_factor", 2),
            span=part,
            failed=result.failed_frames,
        )
        return Upscaled(result, told, pair)

    return run
