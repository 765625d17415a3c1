"""Trying an encoder before the work begins."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.logging

from tsuzuki.errors import EncoderError
from tsuzuki.video.encoders import ENCODERS
from tsuzuki.video.facts import EncodePlan
from tsuzuki.video.segment import SegmentEncoder, black

_Log = list[tuple[int, str, str]]


def objection(plan: EncodePlan) -> str | None:
    """Open the encoder of the plan and encode a black frame; return what is said against it.

    None where nothing is. A parameter of the encoder's own that it does not know, or cannot take
    the value of, only makes FFmpeg log a warning with its name; that counts, too.
    """
    file = io.BytesIO()
    with listening() as log:
        try:
            encoder = SegmentEncoder(plan, file)
        except EncoderError as error:
            said = [text for level, _, text in log if level <= av.logging.ERROR]
            return _joined(said) or str(error.__cause__ or error)
    if warnings := _about(_parameters(plan), log):
        return _joined(warnings)
    try:
        encoder.write(black(plan))
        encoder.close()
    except (EncoderError, av.FFmpegError, ValueError) as error:
        return str(error)
    return None


@contextmanager
def listening() -> Iterator[_Log]:
    """Yield a list that gets what FFmpeg logs in this thread.

    Not while frames are encoded: threads of the encoder that log then could wait for this one.
    """
    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as log:
            yield log
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips)


def _parameters(plan: EncodePlan) -> list[str]:
    text = plan.options.get(ENCODERS[plan.encoder].parameters, "")
    return [part.partition("=")[0] for part in re.split(r"(?<!\\):", text) if part]


def _about(names: list[str], log: _Log) -> list[str]:
    """Return the lines that name one of these parameters."""
    words = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names))
    return [text for _, _, text in log if names and words.search(text)]


def _joined(lines: list[str]) -> str:
    return "; ".join(dict.fromkeys(line.strip().rstrip(".") for line in lines))
