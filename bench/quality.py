"""What reuse costs in quality on every test clip: its worst frame against that without reuse.

``PIXELS`` bounds how much of each clip is computed twice.
"""

from __future__ import annotations

import sys
from decimal import Decimal

from tests.media_folder import MEDIA

from bench import tools
from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline.look import look
from tsuzuki.pipeline.quality import measure
from tsuzuki.settings import ProcessingSettings

MODEL = "waifu2x-upconv7-anime-2x-n1"
PIXELS = 3e6
LEAST_FRAMES = 6
LEAST_PSNR = 50.0


def main() -> bool:
    rows: list[tuple[object, ...]] = []
    worst = float("inf")
    settings = ProcessingSettings(model=MODEL, device="cpu")
    for clip in sorted(path for path in MEDIA.iterdir() if path.suffix not in {".md", ".json"}):
        print(f"  {clip.name}", file=sys.stderr, flush=True)
        try:
            facts = look(clip, settings).probe
            frames = max(LEAST_FRAMES, int(PIXELS / (facts.width * facts.height)))
            seconds = Decimal(frames * facts.frame_rate[1]) / facts.frame_rate[0]
            part = ProcessingSettings(
                model=MODEL, device="cpu", range_end=round(seconds, 3) or Decimal("0.5")
            )
            found = measure(clip, part, lambda _: None)
        except TsuzukiError as error:
            rows.append((clip.name, "", "", "", "", error.code))
            continue
        worst = min(worst, found.worst_psnr)
        rows.append(
            (clip.name, found.frames, f"{100 * found.reused:.1f} %", f"{found.worst_psnr:.1f}",
             f"{found.mean_psnr:.1f}", f"{found.worst_ssim:.5f}")
        )  # fmt: skip
    tools.table(
        "quality: with reuse against without, upconv_7",
        ("clip", "frames", "reused", "worst dB", "mean dB", "worst SSIM"),
        rows,
    )
    return tools.verdict("worst frame", worst, LEAST_PSNR, "dB", least=True)
