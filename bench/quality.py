"""What reuse costs in quality on every test clip: its worst frame against that without reuse.

``PIXELS`` bounds how much of each clip is computed twice.
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
LEAST_FRAMES = 6
LEAST_PSNR = 50.0


def main() -> bool:
    clips = sorted(path for path in MEDIA.iterdir() if path.suffix not in {".md", ".json"})
    kept = [_all_clips(model, clips) for model in MODELS]
    return all(kept)


def _all_clips(model: str, clips: list[Path]) -> bool:
    rows: list[tuple[object, ...]] = []
    worst = float("inf")
    for clip in clips:
        print(f"  {clip.name}", file=sys.stderr, flush=True)
        try:
            found = measure(clip, _beginning(model, clip), lambda _: None)
        except TsuzukiError as error:
            rows.append((clip.name, "", "", "", "", error.code))
            continue
        worst = min(worst, found.worst_psnr)
        rows.append(
            (clip.name, found.frames, f"{100 * found.reused:.1f} %", f"{found.worst_psnr:.1f}",
             f"{found.mean_psnr:.1f}", f"{found.worst_ssim:.5f}")
        )  # fmt: skip
    tools.table(
        f"quality: with reuse against without, {model}",
        ("clip", "frames", "reused", "worst dB", "mean dB", "worst SSIM"),
        rows,
    )
    return tools.verdict("worst frame", worst, LEAST_PSNR, "dB", least=True)


def _beginning(model: str, clip: Path) -> ProcessingSettings:
    facts = look(clip, ProcessingSettings(model=model, device="cpu")).probe
    frames = max(LEAST_FRAMES, int(PIXELS / (facts.width * facts.height)))
    seconds = Decimal(frames * facts.frame_rate[1]) / facts.frame_rate[0]
    end = round(seconds, 3) or Decimal("0.5")
    return ProcessingSettings(model=model, device="cpu", range_end=end)
