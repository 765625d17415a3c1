from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.video.timecode import later

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("start", "frames", "rate", "end"),
    [
        ("01:00:00:00", 0, Fraction(25), "01:00:00:00"),
        ("01:00:00:00", 25 * 61 + 3, Fraction(25), "01:01:01:03"),
        ("23:59:59:23", 1, Fraction(24000, 1001), "00:00:00:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
        ("00:00:59;59", 1, 2 * NTSC, "00:01:00;04"),
        ("10:00:00:99", 1, Fraction(120), "10:00:00:100"),
    ],
)
def test_frames_are_counted_as_the_standard_has_it(
    start: str, frames: int, rate: Fraction, end: str
) -> None:
    assert later(start, frames, rate) == end


@pytest.mark.parametrize("text", ["", "1:00:00:00", "01:00:00:25", "01:00:00;00", "now"])
def test_what_is_no_timecode_of_the_rate(text: str) -> None:
    assert later(text, 1, Fraction(25)) is None


@given(st.integers(0, 2_589_407), st.sampled_from(":;"))
def test_no_two_frames_have_one_name(frames: int, mark: str) -> None:
    names = [later(f"00:00:00{mark}00", frames + n, NTSC) for n in range(3)]
    assert None not in names
    assert all(one != other for one, other in pairwise(names))
    assert later(str(names[0]), 2, NTSC) == names[2]
