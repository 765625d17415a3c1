from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.media.comparing import Pair
from tests.media.outside import complaints

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
        """What other programs say of the output."""
        return complaints(self.result.output)


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
