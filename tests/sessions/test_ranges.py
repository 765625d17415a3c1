import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.sessions import FrameRanges

ranges = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=30)


@given(ranges)
def test_agrees_with_a_set(added):
    subject, model = FrameRanges(), set()
    for first, length in added:
        subject.add(first, first + length)
        model.update(range(first, first + length + 1))
        assert len(subject) == len(model)
    assert list(subject) == sorted(model)
    assert [n for n in range(80) if n in subject] == sorted(model)
    for (_, last), (first, _) in zip(subject.ranges(), subject.ranges()[1:], strict=False):
        assert last + 1 < first
    assert FrameRanges(map(tuple, subject.to_list())) == subject


@given(ranges, st.integers(1, 70), st.integers(0, 8))
def test_overlaps(added, first, length):
    subject = FrameRanges((f, f + n) for f, n in added)
    expected = bool(set(subject) & set(range(first, first + length + 1)))
    assert subject.overlaps(first, first + length) is expected


@given(ranges, ranges)
def test_minus(added, taken):
    one, other = (FrameRanges((f, f + n) for f, n in pairs) for pairs in (added, taken))
    assert list(one.minus(other)) == sorted(set(one) - set(other))


def test_a_summary_keeps_the_longest_in_order():
    subject = FrameRanges([(1, 1), (3, 9), (20, 20), (30, 33)])
    assert subject.to_list(2) == [[3, 9], [30, 33]]
    assert subject.to_list() == [[1, 1], [3, 9], [20, 20], [30, 33]]


def test_a_range_does_not_go_backwards():
    with pytest.raises(ValueError, match="from 3 to 2"):
        FrameRanges().add(3, 2)


def test_many_frames_are_one_range():
    subject = FrameRanges()
    for number in range(1, 200_001):
        subject.add(number)
    assert subject.ranges() == [(1, 200_000)]
