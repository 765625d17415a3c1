"""Files whose streams begin late or before 0, or pause: each time comes out as it was, to the tick.

The sources are made here: edit lists and priming of MP4, gaps of a second in sound and picture.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from tests.media.comparing import Pair

from tsuzuki import pipeline

pytestmark = pytest.mark.usefixtures("forked_workers")

SECOND = Fraction(1)
Edit = Callable[[str, Fraction], Fraction | None]
"""Gives the new time of a packet of a kind by its time; None drops it."""


def late_picture(kind: str, time: Fraction) -> Fraction:
    return time + Fraction(1, 3) if kind == "video" else time


def late_sound(kind: str, time: Fraction) -> Fraction:
    return time + Fraction(1, 2) if kind == "audio" else time


def both_late(kind: str, time: Fraction) -> Fraction:
    return late_picture(kind, time) + Fraction(1, 4)


def picture_before_0(kind: str, time: Fraction) -> Fraction:
    return time - Fraction(1, 4) if kind == "video" else time


def gap_in_both(kind: str, time: Fraction) -> Fraction:
    return time + SECOND if time >= Fraction(1, 2) else time


def gap_in_sound(kind: str, time: Fraction) -> Fraction | None:
    return None if kind == "audio" and Fraction(1, 4) <= time < Fraction(5, 4) else time


def gap_in_picture(kind: str, time: Fraction) -> Fraction:
    return gap_in_both(kind, time) if kind == "video" else time


def as_it_is(kind: str, time: Fraction) -> Fraction:
    return time


EDITS = (
    as_it_is,
    late_picture,
    late_sound,
    both_late,
    picture_before_0,
    gap_in_both,
    gap_in_sound,
    gap_in_picture,
)


def edited(source: Path, path: Path, edit: Edit) -> Path:
    """Copy a file packet by packet, with other times."""
    with av.open(str(source)) as before, av.open(str(path), "w") as after:
        streams = {s.index: after.add_stream_from_template(s, opaque=True) for s in before.streams}
        for packet in before.demux():
            if not packet.size:
                continue
            time = packet.pts * packet.time_base
            moved = edit(packet.stream.type, time)
            if moved is None:
                continue
            ticks = round((moved - time) / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            packet.stream = streams[packet.stream_index]
            after.mux(packet)
    return path


def samples(path: Path) -> list[tuple[Fraction, int]]:
    """Return when each block of decoded sound begins, priming left out, and its length."""
    with av.open(str(path)) as container:
        return [(f.pts * f.time_base, f.samples) for f in container.decode(audio=0)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, draw_clip: Callable[..., Path]) -> Path:
    return draw_clip(tmp_path_factory.mktemp("drawn") / "clip.mp4", 36)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_every_time_is_the_sources(drawn: Path, tmp_path: Path, edit: Edit, suffix: str) -> None:
    source = edited(drawn, tmp_path / f"source.{suffix}", edit)
    output = tmp_path / f"out.{suffix}"
    settings: dict[str, Any] = {"engine": "nearest", "preset": "ultrafast", "segment_frames": 12}
    done = pipeline.upscale(
        source, settings, output=output, sessions_dir=tmp_path / "sessions", allow_sleep=True
    )
    pair = Pair(source, output, scale=2, failed=done.failed_frames)
    assert {name: found.text for name, found in pair.findings().items() if not found.ok} == {}
    assert pair.exact == (suffix == "mp4")
    if edit is not picture_before_0:
        assert pair.shift == 0
    before, after = samples(source), samples(output)
    assert [length for _, length in after] == [length for _, length in before]
    for (time, _), (original, _) in zip(after, before, strict=True):
        assert abs(time - original - pair.shift) <= (0 if pair.exact else Fraction(1, 1000))


def test_the_sources_are_what_they_are_meant_to_be(drawn: Path, tmp_path: Path) -> None:
    late = edited(drawn, tmp_path / "late.mp4", late_picture)
    assert late.read_bytes().count(b"elst") == 2
    with av.open(str(late)) as container:
        assert container.streams.video[0].start_time * container.streams.video[0].time_base > 0
        first = next(container.demux(audio=0))
        assert first.pts < 0  # the encoder's priming, which an edit list takes away
    gap = edited(drawn, tmp_path / "gap.mp4", gap_in_both)
    times = [time for time, _ in samples(gap)]
    assert max(b - a for a, b in pairwise(times)) > SECOND
