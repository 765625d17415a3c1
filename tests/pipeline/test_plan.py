from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.pipeline.plan import cut_segments, longest_segment
from tsuzuki.sessions.frame_index import FrameIndex, Start
from tsuzuki.settings import ProcessingSettings


def index(frames: int, keys: list[int]) -> FrameIndex:
    return FrameIndex(
        time_base=(1, 24),
        pts=list(range(frames)),
        end=frames,
        starts=[Start(key, key, key, key, None, 1) for key in keys],
    )


def ranges(frames: int, keys: list[int], longest: int) -> list[tuple[int, int]]:
    return [(s.first, s.last) for s in cut_segments(index(frames, keys), longest)]


def test_cuts_at_the_first_key_frame_after_a_quarter() -> None:
    assert ranges(100, [0, 5, 12, 30], 40) == [(0, 12), (12, 30), (30, 70), (70, 100)]


def test_cuts_at_the_longest_length_without_key_frames() -> None:
    assert ranges(100, [0], 40) == [(0, 40), (40, 80), (80, 100)]


def test_a_start_before_the_range_is_no_cut() -> None:
    assert ranges(10, [-7], 12) == [(0, 10)]


@given(
    frames=st.integers(1, 400),
    keys=st.sets(st.integers(1, 399)),
    longest=st.integers(1, 100),
)
def test_segments_cover_every_frame_once(frames: int, keys: set[int], longest: int) -> None:
    starts = [0, *sorted(key for key in keys if key < frames)]
    segments = cut_segments(index(frames, starts), longest)
    assert [s.number for s in segments] == list(range(1, len(segments) + 1))
    assert [f for s in segments for f in s.frames] == list(range(frames))
    for segment in segments:
        assert 1 <= len(segment) <= longest
        cut_early = len(segment) < longest and segment.last < frames
        assert not cut_early or (segment.last in starts and len(segment) >= longest / 4)


def test_longest_segment_is_two_gibibytes_within_24_and_480_frames() -> None:
    default = ProcessingSettings()
    assert longest_segment(default, 1) == 480
    assert longest_segment(default, 3 * 2560 * 1440) == 194
    assert longest_segment(default, 3 * 15360 * 8640) == 24
    assert longest_segment(ProcessingSettings(segment_frames=7), 1) == 7
