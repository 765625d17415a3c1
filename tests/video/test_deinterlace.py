from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.decode import Frame, FrameReader
from tsuzuki.video.deinterlace import Picture, deinterlaced
from tsuzuki.video.facts import Probe
from tsuzuki.video.fields import method_for
from tsuzuki.video.index import build_index
from tsuzuki.video.probe import probe
from tsuzuki.video.processor import VideoProcessor, decide_encoding

Digests = Callable[..., list[str]]
WIDTH, HEIGHT, FRAMES = 96, 64, 12


def field(moment: int, height: int = HEIGHT) -> np.ndarray:
    """A bar that moves by four pixels from field to field."""
    picture = np.full((height, WIDTH, 3), 40, np.uint8)
    picture[:, 4 * moment : 4 * moment + 8] = 220
    return picture


def weave(path: Path, *, interlaced: bool, height: int = HEIGHT, second: int = 1) -> Path:
    """Write a video whose frames hold two moments each, the even lines first, and may say so."""
    options = {"flags": "+ildct+ilme"} if interlaced else {}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg2video", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, height, "yuv420p"
        stream.bit_rate = 20_000_000
        for number in range(FRAMES):
            picture = field(2 * number % 20, height)
            picture[1::2] = field(2 * number % 20 + second, height)[1::2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(facts: Probe, how: Any) -> list[Frame]:
    index = build_index(facts)
    method = method_for(how, facts)
    return list(FrameReader(facts, index, deinterlace=method).frames(0, len(index)))


def combs(frame: Frame) -> float:
    """Return how far the lines lie from those above and below them."""
    lines = frame.rgb.astype(float)
    return float(np.abs(lines[:, 1:-1] - (lines[:, :-2] + lines[:, 2:]) / 2).mean())


def test_combs_go_and_the_frames_stay(tmp_path: Path) -> None:
    facts = probe(weave(tmp_path / "woven.mpg", interlaced=True))
    before, after = read(facts, "off"), read(facts, "on")
    assert len(before) == len(after) == FRAMES
    assert [frame.number for frame in after] == list(range(FRAMES))
    for was, now in zip(before[1:-1], after[1:-1], strict=True):
        assert combs(was) > 8
        assert combs(now) < combs(was) / 4


def test_auto_goes_by_what_frames_say(tmp_path: Path, digests: Digests) -> None:
    plain = probe(weave(tmp_path / "plain.mpg", interlaced=False))
    assert digests(read(plain, "auto")) == digests(read(plain, "off"))
    assert digests(read(plain, "on")) != digests(read(plain, "off"))


_known: dict[Path, tuple[Probe, FrameIndex]] = {}


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ranges=st.lists(st.tuples(st.integers(0, 399), st.integers(1, 40)), min_size=1, max_size=3))
def test_any_range_gives_the_same_frames(
    clip: Callable[[str], Path], digests: Digests, ranges: list[tuple[int, int]]
) -> None:
    path = clip("woven.ts")
    if path not in _known:
        facts = probe(path)
        _known[path] = facts, build_index(facts)
    facts, index = _known[path]
    whole = _whole(facts, index, digests)
    reader = FrameReader(facts, index, deinterlace="all")
    for first, length in ranges:
        last = min(first + length, len(index))
        assert digests(reader.frames(first, last)) == whole[first:last]


_wholes: dict[str, list[str]] = {}


def _whole(facts: Probe, index: FrameIndex, digests: Digests) -> list[str]:
    if facts.path not in _wholes:
        reader = FrameReader(facts, index, deinterlace="all")
        _wholes[facts.path] = digests(reader.frames(0, len(index)))
    return _wholes[facts.path]


@pytest.mark.parametrize(("how", "code"), [("auto", "deinterlaced"), ("off", "interlaced")])
def test_what_is_done_is_told(tmp_path: Path, how: Any, code: str) -> None:
    facts = probe(weave(tmp_path / "woven.mpg", interlaced=True))
    chosen = ProcessingSettings(deinterlace=how, container="mkv")
    chosen, plan = decide_encoding(facts, chosen, None)
    assert VideoProcessor(facts, chosen).losses(plan)[0].code == code


@pytest.mark.parametrize(
    ("second", "order"), [(1, "tff"), (-1, "bff"), (0, "")], ids=["tff", "bff", "whole"]
)
def test_what_clearly_looks_interlaced_is_made_whole(
    tmp_path: Path, second: int, order: str
) -> None:
    facts = probe(weave(tmp_path / "woven.mpg", interlaced=False, height=480, second=second))
    assert (facts.interlaced, facts.woven) == (False, order)
    assert method_for("auto", facts) == (order or None)
    chosen, plan = decide_encoding(facts, ProcessingSettings(container="mkv"), None)
    notes = [note.code for note in VideoProcessor(facts, chosen).losses(plan)]
    assert notes == (["deinterlaced"] if order else [])
    if order:
        before, after = read(facts, "off"), read(facts, "auto")
        assert combs(after[5]) < combs(before[5]) / 4


def joined(path: Path, *parts: Path) -> Path:
    """Join clips of MPEG-2 one after the other."""
    with av.open(str(path), "w") as out:
        frames = 0
        stream: Any = None
        for part in parts:
            with av.open(str(part)) as source:
                stream = stream or out.add_stream_from_template(source.streams[0], opaque=True)
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts = packet.dts = None
                        packet.dts = packet.pts = frames * 3600
                        packet.time_base, packet.stream = Fraction(1, 90000), stream
                        frames += 1
                        out.mux(packet)
    return path


@pytest.mark.parametrize(
    ("told", "woven_parts", "expected"),
    [
        (True, 3, (True, "")),
        (False, 3, (False, "tff")),
        (False, 1, (False, "in part")),
    ],
)
def test_a_whole_trailer_does_not_hide_what_follows(
    tmp_path: Path, *, told: bool, woven_parts: int, expected: tuple[bool, str]
) -> None:
    whole = weave(tmp_path / "whole.mpg", interlaced=False, height=480, second=0)
    woven = weave(tmp_path / "woven.mpg", interlaced=told, height=480)
    parts = [whole] * (4 - woven_parts) + [woven] * woven_parts
    facts = probe(joined(tmp_path / "both.ts", *parts))
    assert (facts.interlaced, facts.woven) == expected


def test_frames_of_another_kind_are_no_neighbours() -> None:
    def picture(number: int, kind: str) -> Picture:
        frame = av.VideoFrame.from_ndarray(field(number), format="rgb24").reformat(format=kind)
        return Picture(number, frame, failed=False)

    kinds = ["yuv420p", "yuv420p", "yuv422p", "yuv420p"]
    given = [Picture(0, None, failed=True), *(picture(n, k) for n, k in enumerate(kinds, 1))]
    found = list(deinterlaced(given, "all"))
    assert [one.number for one in found] == list(range(5))
    assert [one.picture.format.name for one in found if one.picture] == kinds
