from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsuzuki.errors import InputError, TsuzukiError, UnsupportedVideoError
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.video import packets
from tsuzuki.video.colour import to_rgb
from tsuzuki.video.decode import Frame, FrameReader
from tsuzuki.video.facts import Probe
from tsuzuki.video.index import build_index
from tsuzuki.video.probe import probe
from tsuzuki.video.source import prepare_decoder

Digests = Callable[[Iterable[Frame]], list[tuple[int, str, bool]]]


def plain(facts: Probe) -> list[Frame]:
    """Decode a file from end to end in the simplest way."""
    with av.open(facts.path) as container:
        prepare_decoder(container.streams.video[0])
        return [
            Frame(number, to_rgb(frame, facts.colour), failed=False)
            for number, frame in enumerate(container.decode(video=0))
        ]


def broken(path: Path, source: Path, seed: int) -> Path:
    """Copy a file with some bytes flipped, cut out and blanked."""
    random = np.random.default_rng(seed)
    data = bytearray(source.read_bytes())
    for at in random.integers(2000, len(data), 20):
        data[at] ^= 1 << int(random.integers(8))
    at = int(random.integers(2000, len(data) - 9000))
    data[at : at + 3000] = bytes(3000)
    at = int(random.integers(2000, len(data) - 9000))
    del data[at : at + 2000]
    path.write_bytes(data)
    return path


def test_frames_are_those_of_a_plain_decoder(any_clip: Probe, digests: Digests) -> None:
    reader = FrameReader(any_clip, build_index(any_clip))
    assert digests(reader.frames(0, 400)) == digests(plain(any_clip))


def test_any_range_gives_the_same_as_going_on(any_clip: Probe, digests: Digests) -> None:
    index = build_index(any_clip)
    whole = digests(FrameReader(any_clip, index).frames(0, 400))
    borders = [0, *(s.frame for s in index.starts[1::3]), 400]
    reader = FrameReader(any_clip, index)
    for first, last in itertools.pairwise(borders):
        assert digests(reader.frames(first, last)) == whole[first:last]
    for first, last in ((399, 400), (10, 14), (333, 390), (57, 57), (56, 58)):
        assert digests(reader.frames(first, last)) == whole[first:last]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ranges=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 30)), min_size=1, max_size=4))
def test_what_was_read_before_does_not_matter(
    clip: Callable[[str], Path], digests: Digests, ranges: list[tuple[int, int]]
) -> None:
    facts, index = known(clip("open.mp4"))
    reader = FrameReader(facts, index)
    for first, length in ranges:
        last = min(first + length, 400)
        fresh = FrameReader(facts, index)
        assert digests(reader.frames(first, last)) == digests(fresh.frames(first, last))


_known: dict[Path, tuple[Probe, FrameIndex]] = {}


def known(path: Path) -> tuple[Probe, FrameIndex]:
    if path not in _known:
        facts = probe(path)
        _known[path] = facts, build_index(facts)
    return _known[path]


def test_seeking_and_counting_lead_to_the_same_packets(
    any_clip: Probe, monkeypatch: pytest.MonkeyPatch, digests: Digests
) -> None:
    index = build_index(any_clip)
    late = [s for s in index.starts if s.packet >= 300]
    assert late
    for start in late[:3]:
        last = min(start.frame + 13, 400)
        monkeypatch.setattr(packets, "_NEAR", 1)
        sought = digests(FrameReader(any_clip, index).frames(start.frame, last))
        monkeypatch.setattr(packets, "_NEAR", 10**9)
        assert sought == digests(FrameReader(any_clip, index).frames(start.frame, last))


def test_a_range_left_early_is_no_place_to_go_on_from(
    clip: Callable[[str], Path], digests: Digests
) -> None:
    facts, index = known(clip("open.mp4"))
    reader = FrameReader(facts, index)
    list(reader.frames(0, 4))
    for _ in zip(range(5), reader.frames(4, 20), strict=False):
        pass
    for first in (4, 9, 20):
        fresh = FrameReader(facts, index)
        assert digests(reader.frames(first, 22)) == digests(fresh.frames(first, 22))
        assert digests(reader.frames(22, 22)) == []
        list(zip(range(1), reader.frames(22, 30), strict=False))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["open.ts", "idr.mkv", "open.mp4", "old.avi", "hidden.webm"])
def test_damage_costs_frames_but_never_order_or_repeatability(
    clip: Callable[[str], Path], tmp_path: Path, digests: Digests, name: str, seed: int
) -> None:
    try:
        facts = probe(broken(tmp_path / name, clip(name), seed))
        index = build_index(facts)
    except TsuzukiError:
        return  # refused with a reason
    frames = len(index)
    assert frames > 200
    borders = [0, *(s.frame for s in index.starts[1::2]), frames]
    reader = FrameReader(facts, index)
    for first, last in itertools.pairwise(borders):
        once = digests(reader.frames(first, last))
        assert [number for number, *_ in once] == list(range(first, last))
        assert digests(FrameReader(facts, index).frames(first, last)) == once
        without = range(first + seed, last, 3)
        sparse = list(FrameReader(facts, index).frames(first, last, without=without))
        assert [(f.number, f.failed) for f in sparse] == [(n, failed) for n, _, failed in once]
        assert all(not f.rgb.size for f in sparse if f.number in without)
        shown = [f for f in sparse if f.number not in without]
        assert digests(shown) == [one for one in once if one[0] not in without]


def test_failed_frames_repeat_the_good_one_before(
    clip: Callable[[str], Path], digests: Digests
) -> None:
    facts, index = known(clip("deep.mkv"))
    good = digests(FrameReader(facts, index).frames(0, 30))
    missing = {5, 6, 12}
    lame = [-1 - n if n in missing else packet for n, packet in enumerate(index.packets)]
    reader = FrameReader(facts, _with_packets(index, lame))
    seen = digests(reader.frames(0, 30))
    assert [n for n, _, failed in seen if failed] == [5, 6, 12]
    assert seen[5][1] == seen[6][1] == good[4][1]
    assert seen[12][1] == good[11][1]
    # Also where the one before was not asked for.
    assert digests(reader.frames(0, 6, without=range(5)))[5] == seen[5]
    assert [d for n, d, _ in seen if n not in missing] == [
        d for n, d, _ in good if n not in missing
    ]
    # At the start of a range the next good one stands in.
    assert [d for _, d, _ in digests(reader.frames(5, 8))] == [good[7][1]] * 3
    assert digests(reader.frames(12, 13)) == [(12, good[13][1], True)]


def test_frames_that_the_decoder_patches_are_told_and_kept(
    clip: Callable[[str], Path], tmp_path: Path, digests: Digests
) -> None:
    data = bytearray(clip("idr.mkv").read_bytes())
    with av.open(str(clip("idr.mkv"))) as container:
        packet = max(itertools.islice(container.demux(video=0), 25, 45), key=lambda p: p.size)
        at = data.index(bytes(packet))
    half = packet.size // 2
    data[at + half : at + packet.size] = bytes(packet.size - half)
    path = tmp_path / "patched.mkv"
    path.write_bytes(data)
    facts, index = known(path)
    seen = digests(FrameReader(facts, index).frames(0, 400))
    damaged = [number for number, _, failed in seen if failed]
    assert damaged == [index.pts.index(packet.pts)]
    assert [d for _, d, _ in seen] == [d for _, d, _ in digests(plain(facts))]


def test_black_stands_in_where_nothing_can_be_decoded(clip: Callable[[str], Path]) -> None:
    facts, index = known(clip("deep.mkv"))
    lame = [packet if n < 395 else -1 - n for n, packet in enumerate(index.packets)]
    frames = list(FrameReader(facts, _with_packets(index, lame)).frames(396, 400))
    assert [f.failed for f in frames] == [True] * 4
    assert all(f.rgb.shape == (3, 48, 64) and not f.rgb.any() for f in frames)
    assert frames[0].rgb.dtype == np.uint16


def _with_packets(index: FrameIndex, numbers: list[int]) -> FrameIndex:
    import msgspec

    return msgspec.structs.replace(index, packets=numbers)


def resized(path: Path, make_clip: Callable[..., Path], frames: range) -> Path:
    """Write a video whose picture is smaller in some frames: two raw streams in one file."""
    data = b""
    options = {"preset": "ultrafast", "threads": "1", "x264-params": "bframes=0"}
    for part, size in ((range(frames.start), (64, 48)), (frames, (48, 48)), (range(20), (64, 48))):
        raw = make_clip(path.with_suffix(".h264"), "libx264", options, "yuv420p", part, size)
        data += raw.read_bytes()
    raw.write_bytes(data)
    with av.open(str(raw)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            packet.pts = packet.dts = number * 3600
            packet.time_base, packet.stream = Fraction(1, 90000), stream
            out.mux(packet)
    return path


def test_a_change_of_size_is_told_with_its_moment_and_a_short_one_is_damage(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    facts, index = known(resized(tmp_path / "for_good.ts", make_clip, range(50, 90)))
    assert len(list(FrameReader(facts, index).frames(0, 50))) == 50
    with pytest.raises(UnsupportedVideoError, match=r"64x48 to 48x48 at frame 51, after 2\.000 s"):
        list(FrameReader(facts, index).frames(0, len(index)))
    facts, index = known(resized(tmp_path / "short.ts", make_clip, range(50, 60)))
    frames = list(FrameReader(facts, index).frames(0, len(index)))
    assert [frame.number for frame in frames if frame.failed] == list(range(50, 60))


@pytest.mark.parametrize("first", [0, 399])
def test_a_file_that_became_shorter_is_not_taken_for_damage(
    clip: Callable[[str], Path], tmp_path: Path, first: int
) -> None:
    path = tmp_path / "shrinks.mkv"
    path.write_bytes(clip("idr.mkv").read_bytes())
    facts, index = known(path)
    path.write_bytes(clip("idr.mkv").read_bytes()[:60000])
    with pytest.raises(InputError, match="Put the original file back"):
        list(FrameReader(facts, index).frames(first, 400))


def test_another_file_in_its_place_is_noticed(clip: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "other.mkv"
    path.write_bytes(clip("idr.mkv").read_bytes())
    facts, index = known(path)
    path.write_bytes(clip("deep.mkv").read_bytes())
    with pytest.raises(InputError, match="Put the original file back"):
        list(FrameReader(facts, index).frames(50, 60))


def test_impossible_ranges(clip: Callable[[str], Path]) -> None:
    facts, index = known(clip("open.mp4"))
    for first, last in ((-1, 3), (5, 4), (0, 401)):
        with pytest.raises(ValueError, match="of 400"):
            list(FrameReader(facts, index).frames(first, last))


def test_a_ranged_index_gives_the_frames_of_the_range(
    clip: Callable[[str], Path], digests: Digests
) -> None:
    from decimal import Decimal

    facts, index = known(clip("open.mp4"))
    part = build_index(facts, Decimal("1.2"), Decimal(3))
    whole = digests(FrameReader(facts, index).frames(30, 75))
    seen = digests(FrameReader(facts, part).frames(0, len(part)))
    assert [d for _, d, _ in seen] == [d for _, d, _ in whole]
    assert not any(failed for *_, failed in seen)


@given(st.lists(st.integers(-5, 40), max_size=40))
def test_frames_are_found_by_their_packets(numbers: list[int]) -> None:
    known = {packet: frame for frame, packet in enumerate(numbers)}
    found = packets.FrameNumbers(numbers)
    assert [found.get(n) for n in range(-9, 45)] == [known.get(n) for n in range(-9, 45)]


MEDIA = [
    "androidx_sample.avi",
    "androidx_sample_with_invalid_nalu.mp4",
    "bbb_480i_tff.ts",
    "bbb_telecined_16x9.mpg",
    "bbb_bitflips.mp4",
    "bbb_truncated.mkv",
    "bbb_vfr.mkv",
    "bbb_odd_427x239.webm",
    "bbb_10bit_pqtag.mkv",
]


@pytest.mark.parametrize("name", MEDIA)
def test_real_clips(media: Path, digests: Digests, name: str) -> None:
    facts, index = known(media / name)
    last = min(len(index), 120)
    start = index.start_of(last - 1).frame
    whole = digests(FrameReader(facts, index).frames(start, last))
    assert [n for n, *_ in whole] == list(range(start, last))
    for first in (start, (start + last) // 2):
        fresh = FrameReader(facts, index)
        assert digests(fresh.frames(first, last)) == whole[first - start :]
