from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.errors import SettingsError, TsuzukiError, UnsupportedVideoError
from tsuzuki.sessions import frame_index
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.video.facts import Probe
from tsuzuki.video.index import START_DISTANCE, _spread, build_index
from tsuzuki.video.packets import HIDDEN, flags_of
from tsuzuki.video.probe import probe

TIMELESS = {"h264", "mpeg"}
"""Formats that do not tell the time of every frame."""


def decoded_times(path: str) -> list[int]:
    with av.open(path) as container:
        return [frame.pts for frame in container.decode(video=0)]


def test_every_frame_once_in_order(any_clip: Probe) -> None:
    index = build_index(any_clip)
    assert len(index) == 400
    assert len(set(index.packets)) == 400
    assert all(a < b for a, b in pairwise(index.pts))
    assert index.end > index.pts[-1]
    assert index.failed == []
    if any_clip.format not in TIMELESS:
        assert index.pts == sorted(decoded_times(any_clip.path))


def test_starts(any_clip: Probe) -> None:
    index = build_index(any_clip)
    assert index.starts[0].frame == index.starts[0].packet == 0
    assert len(index.starts) > 8
    assert all(a.frame + START_DISTANCE <= b.frame for a, b in pairwise(index.starts))
    assert all(index.packets[s.frame] == s.packet for s in index.starts[1:])
    for frame in (0, 1, 57, 399):
        start = index.start_of(frame)
        assert start.frame <= frame


def test_key_packets_that_give_no_whole_frame_are_no_starts(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    refresh = {"x264-params": "intra-refresh=1:keyint=24:bframes=0"}
    options = {"preset": "ultrafast", "threads": "1"} | refresh
    path = make_clip(tmp_path / "refresh.ts", "libx264", options, "yuv420p", range(200))
    with av.open(str(path)) as container:
        assert sum(p.is_keyframe for p in container.demux(video=0)) > 2
    assert [s.frame for s in build_index(probe(path)).starts] == [0]


def test_stays_the_same(any_clip: Probe) -> None:
    index = build_index(any_clip)
    assert index == build_index(any_clip)
    assert msgspec.json.decode(msgspec.json.encode(index), type=FrameIndex) == index


def test_variable_frame_rate_is_kept(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    times = [0, 1, 2, 10, 11, 30, 31, 32, 33, 60]
    index = build_index(probe(make_clip(tmp_path / "v.mkv", "ffv1", {}, "yuv420p", times)))
    assert index.pts == [40 * time for time in times]
    assert index.time_base == (1, 1000)


def test_first_frame_need_not_be_at_zero(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    path = make_clip(tmp_path / "late.mkv", "ffv1", {}, "yuv420p", range(50, 60))
    assert build_index(probe(path)).pts[0] == 2000


@pytest.mark.parametrize(
    ("start", "end"), [(None, "2"), ("1.5", None), ("2.01", "9.99"), ("0", "1")]
)
def test_range(clip: Callable[[str], Path], start: str | None, end: str | None) -> None:
    facts = probe(clip("open.mp4"))
    whole = build_index(facts)
    part = build_index(facts, Decimal(start) if start else None, Decimal(end) if end else None)
    wanted = [n for n in range(400) if float(start or 0) <= n / 25 < float(end or 16)]
    assert part.pts == [whole.pts[n] for n in wanted]
    assert part.packets == [whole.packets[n] for n in wanted]
    assert part.end == (whole.end if end is None else whole.pts[wanted[-1] + 1])
    assert part.starts[0].frame <= 0
    assert all(s.frame > 0 for s in part.starts[1:])
    known = {s.packet: s.frame for s in whole.starts}
    assert all(known[s.packet] == s.frame + wanted[0] for s in part.starts)


def test_empty_range_is_refused(clip: Callable[[str], Path]) -> None:
    facts = probe(clip("open.mp4"))
    for start, end in (("16", None), ("5", "5"), (None, "0")):
        with pytest.raises(SettingsError, match="Choose a range"):
            build_index(facts, Decimal(start) if start else None, Decimal(end) if end else None)


@pytest.mark.parametrize("name", ["idr.mkv", "crowded.mpg"])
def test_progress_is_told(clip: Callable[[str], Path], name: str) -> None:
    facts = probe(clip(name))
    seen: list[float] = []
    build_index(facts, on_progress=seen.append)
    assert seen == sorted(seen)
    assert 0.5 < seen[-1] <= 1


def test_cut_off_file_ends_with_its_last_whole_frame(
    clip: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "cut.mkv"
    data = clip("idr.mkv").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    index = build_index(probe(path))
    assert 100 < len(index) < 300
    assert any("cut off" in warning for warning in index.warnings)


def test_times_too_far_away_are_refused_by_name(
    clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_index, "MAX_SECONDS", 2)
    path = clip("idr.mkv")
    with pytest.raises(UnsupportedVideoError, match=r"idr\.mkv.*too far away"):
        build_index(probe(path))


def test_times_that_jump_back_are_refused_by_name(
    clip: Callable[[str], Path], tmp_path: Path
) -> None:
    path, early, late = (tmp_path / name for name in ("joined.ts", "early.ts", "late.ts"))
    with av.open(str(clip("open.ts"))) as source:
        packets = [p for p in source.demux(video=0) if p.size]
    write(early, clip("open.ts"), packets[200:])
    write(late, clip("open.ts"), packets[:200])
    path.write_bytes(early.read_bytes() + late.read_bytes())
    with pytest.raises(UnsupportedVideoError, match="jump back"):
        build_index(probe(path))


def write(path: Path, template: Path, packets: list[Any]) -> None:
    with av.open(str(template)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in packets:
            packet.stream = stream
            out.mux(packet)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=80), st.integers(1, 9))
def test_spread_times_rise_and_true_ones_stay(times: list[int], step: int) -> None:
    spread = _spread(sorted(times), step)
    assert len(spread) == len(times)
    assert all(a < b for a, b in pairwise(spread))
    if len(set(times)) == len(times):
        assert spread == sorted(times)


@pytest.mark.parametrize(
    ("codec", "data", "hidden"),
    [
        ("vp9", b"\x86\x00", False),  # show_frame
        ("vp9", b"\x84\x00", True),
        ("vp9", b"\x88\x00", False),  # show_existing_frame
        ("vp9", b"\x84\x00\xc0", False),  # a superframe shows one of its frames
        ("vp8", b"\x10\x00", False),
        ("vp8", b"\x01\x00", True),
    ],
)
def test_hidden_frames(codec: str, data: bytes, hidden: bool) -> None:
    packet = av.Packet(data)
    assert bool(flags_of(packet, codec, b"") & HIDDEN) is hidden


def test_the_first_error_of_the_disk_is_told(
    clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tsuzuki.video import packets

    def demux(stream: object) -> None:
        raise OSError(5, "Input/output error")

    container: Any = SimpleNamespace(demux=demux)
    with pytest.raises(TsuzukiError, match="The disk reports a fault"):
        list(packets.packets(container, None, "film.mkv"))  # type: ignore[arg-type]
