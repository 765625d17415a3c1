import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import _wrap
from rich.cells import cell_len
from rich.console import Console

from tsuzuki.cli import text


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(value):
    shown = text.safe(value)
    assert len(shown) == len(value)
    assert {unicodedata.category(c) for c in shown if c != "\n"}.isdisjoint({"Cc", "Cf", "Cs"})


def test_names_in_any_script_stay_as_they_are():
    assert text.safe("続き - über_2x.mp4") == "続き - über_2x.mp4"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (2_000_000_000, "2.0 GB"),
        (3_210_000_000_000, "3.21 TB"),
    ],
)
def test_sizes(number, shown):
    assert text.size(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-1, "0:00"), (59.6, "1:00"), (61, "1:01"), (3661, "1:01:01")]
)
def test_durations(seconds, shown):
    assert text.duration(seconds) == shown


@given(st.integers(0, 1000))
def test_a_bar_keeps_its_width_and_is_full_at_the_end_only(permille):
    bar = text.bar(permille / 10, 12)
    assert len(bar) == 12
    assert (bar == "█" * 12) == (permille == 1000)


def test_a_moment_that_is_none_is_shown_as_it_is():
    assert text.moment("yesterday\x1b[2J") == "yesterday\N{REPLACEMENT CHARACTER}[2J"
    assert text.moment("2025-01-16T21:13:32+00:00").startswith("2025-01-1")


SAID = (
    "AI で動画(元の動画など)を「高解像度化」します。"
    "エンコーダー、デバイス(gpu:0)、FFmpegの 10 ビット版。"
)


@pytest.mark.parametrize("width", [16, 20, 31, 40])
def test_lines_of_japanese_are_full_and_no_mark_stands_alone(width):
    text.break_japanese()
    screen = io.StringIO()
    Console(file=screen, width=width).print(SAID, highlight=False)
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert "".join(lines).replace(" ", "") == SAID.replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)
    longest = max(cell_len(piece) for *_, piece in _wrap.words(SAID))
    assert all(cell_len(line) > width - longest for line in lines[:-1])
    assert not any(line[0] in "。、)」ー" or line[-1] in "(「" for line in lines)


@given(st.text(alphabet="ab.,() é\n"))
def test_other_texts_break_at_spaces_alone(value):
    text.break_japanese()
    expected = [found.group() for found in re.finditer(r"\s*\S+\s*", value)]
    if "((" not in value and not re.search(r"\((\s|$)", value):
        assert [piece for *_, piece in _wrap.words(value)] == expected
