"""For every setting another value than its default."""

from __future__ import annotations

from typing import Any

OTHER_SETTINGS: dict[str, Any] = {
    "scale_factor": 3.0,
    "quality": "Fast",
    "noise_reduction": 0,
    "size": "640x",
    "content": "photo",
    "model": "waifu2x-cunet-2x-n3",
    "engine": "nearest",
    "tile_size": 64,
    "rate": "24",
    "alpha": "drop",
    "deinterlace": "on",
    "crop": "64:32:8:4",
    "bake_rotation": True,
    "fps": "24000/1001",
    "reuse": "exact",
    "reuse_tolerance": 2.5,
    "encoder": "ffv1",
    "crf": 20.5,
    "bitrate": "6M",
    "preset": "slow",
    "encoder_options": {"aq-mode": "3"},
    "pixel_format": "yuv444p",
    "container": "mkv",
    "range_start": "0.25",
    "range_end": "0.5",
    "segment_frames": 24,
    "device": "cpu",
    "keep_frames": True,
    "workers": 3,
    "loss_budget": 9.0,
}
