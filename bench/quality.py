"""What reuse costs in quality on every test clip: its worst frame against that without reuse.

``PIXELS`` bounds how much of each clip's beginning is computed twice. The clips in which most is
reused go through as a whole: pans, and blocks that are kept for long, come late. Of them some
frames are compared.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

from tests.media_folder import MEDIA

from bench import tools
from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline.look import look
from tsuzuki.pipeline.quality import measure
from tsuzuki.settings import ProcessingSettings

MODELS = ("waifu2x-upconv7-anime-2x-n1", "realesr-animevideov3-2x")
PIXELS = 3e6
WHOLE = (
    ("limited_animation_360p.mp4", 5),
    ("static_camera_live_action.mp4", 12),
    ("screen_recording_360p.mp4", 7),
)
"""Clips that go through as a whole, and of how many frames one is compared."""
COLUMNS = ("clip", "frames", "reused", "worst dB", "at", "mean dB", "worst SSIM")
LEAST_FRAMES = 6
LEAST_PSNR = 50.0


def main() -> bool:
    clips = sorted(path for path in MEDIA.iterdir() if path.suffix not in {".md", ".json"})
    kept = [_beginnings(model, clips) for model in MODELS]
    kept += [_whole_clips(model) for model in MODELS]
    return all(kept)


def _beginnings(model: str, clips: list[Path]) -> bool:
    rows = [_row(clip, _beginning(model, clip)) for clip in clips]
    return _told(f"beginnings, {model}", rows)


def _whole_clips(model: str) -> bool:
    settings = ProcessingSettings(model=model, device="cpu")
    rows = [_row(tools.media(name), settings, every) for name, every in WHOLE]
    return _told(f"whole clips, {model}", rows)


def _row(clip: Path, settings: ProcessingSettings, every: int = 1) -> tuple[object, ...]:
    print(f"  {clip.name}", file=sys.stderr, flush=True)
    try:
        found = measure(clip, settings, lambda _: None, every)
    except TsuzukiError as error:
        return (clip.name, *[""] * (len(COLUMNS) - 2), error.code)
    return (
        clip.name, found.frames, f"{100 * found.reused:.1f} %", f"{found.worst_psnr:.1f}",
        found.worst_frame, f"{found.mean_psnr:.1f}", f"{found.worst_ssim:.5f}",
    )  # fmt: skip


def _told(what: str, rows: list[tuple[object, ...]]) -> bool:
    tools.table(f"quality: with reuse against without, {what}", COLUMNS, rows)
    worst = min(float(str(row[3])) for row in rows if row[3])
    return tools.verdict("worst frame", worst, LEAST_PSNR, "dB", least=True)


def _beginning(model: str, clip: Path) -> ProcessingSettings:
    facts = look(clip, ProcessingSettings(model=model, device="cpu")).probe
    frames = max(LEAST_FRAMES, int(PIXELS / (facts.width * facts.height)))
    seconds = Decimal(frames * facts.frame_rate[1]) / facts.frame_rate[0]
    end = round(seconds, 3) or Decimal("0.5")
    return ProcessingSettings(model=model, device="cpu", range_end=end)
