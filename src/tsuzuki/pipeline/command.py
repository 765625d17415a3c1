"""The words of the command line that mean what a program has in mind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsuzuki.settings import ProcessingSettings

_NAMED_OTHERWISE = {"scale_factor", "range_start", "range_end", "encoder_options"}
"""Settings whose options have other names."""


def options_for(settings: ProcessingSettings | Mapping[str, Any]) -> list[str]:
    """Return the options of ``tsuzuki upscale`` that give these settings; the scale always."""
    given, defaults = ProcessingSettings.from_dict(settings), ProcessingSettings()
    words = [] if given.size else ["--scale", f"{given.scale_factor:g}"]
    if given.range_start is not None or given.range_end is not None:
        start, end = (
            f"{s:f}" if s is not None else "" for s in (given.range_start, given.range_end)
        )
        words += ["--range", f"{start or 0}-{end}"]
    for key, text in given.encoder_options.items():
        words += ["--encoder-option", f"{key}={text}"]
    for name in given.__struct_fields__:
        value = getattr(given, name)
        if value == getattr(defaults, name) or name in _NAMED_OTHERWISE:
            continue
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return words
