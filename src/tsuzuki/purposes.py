"""What an output may be for, and the settings of the encoding that suit it."""

from __future__ import annotations

from typing import Any

PURPOSES: dict[str, dict[str, Any]] = {
    "archive": {"encoder": "ffv1", "container": "mkv"},
    "share": {"encoder": "x264", "crf": 20.0, "pixel_format": "yuv420p", "container": "mp4"},
    "edit": {"encoder": "prores", "container": "mov"},
    "device": {
        "encoder": "x264",
        "crf": 23.0,
        "preset": "fast",
        "pixel_format": "yuv420p",
        "container": "mp4",
    },
}
"""Settings by purpose; what the user chooses by name goes before them."""
