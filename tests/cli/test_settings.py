from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.cli.settings import parse_options, parse_range, settings_from, size_from
from tsuzuki.errors import SettingsError
from tsuzuki.settings import ProcessingSettings

seconds = st.decimals(0, 99999, places=3, allow_nan=False, allow_infinity=False)


def timecode(moment: Decimal) -> str:
    minutes, rest = divmod(moment, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:06.3f}"


@given(seconds, seconds)
def test_seconds_and_timecodes_mean_the_same(start, end):
    assert parse_range(f"{start}-{end}") == (start, end)
    assert parse_range(f"{timecode(start)}-{timecode(end)}") == (start, end)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90-", (Decimal(90), None)),
        ("-1:30", (None, Decimal(90))),
        ("1:30 - 2:00", (Decimal(90), Decimal(120))),
        (None, (None, None)),
    ],
)
def test_either_edge_may_be_left_out(text, expected):
    assert parse_range(text) == expected


@pytest.mark.parametrize(
    "text", ["", "-", "90", "a-b", "1:2:3:4-", "1e3-2e3", "nan-", "-inf", "1.5.2-3", "٣-٤", "--"]
)
def test_a_range_that_cannot_be_read_says_what_one_looks_like(text):
    with pytest.raises(SettingsError, match=r"1:30"):
        parse_range(text)


@given(st.text())
def test_no_text_raises_anything_else(text):
    try:
        start, end = parse_range(text)
    except SettingsError:
        return
    assert all(edge is None or edge >= 0 for edge in (start, end))


def test_encoder_options_are_keys_with_values_that_may_hold_anything():
    assert parse_options(["deblock=-1:-1", "a=b=c"]) == {"deblock": "-1:-1", "a": "b=c"}
    settings = settings_from({"encoder_options": ["me=umh", "aq-mode=3"]})
    assert list(settings.encoder_options.items()) == [("aq-mode", "3"), ("me", "umh")]
    assert settings_from({"encoder_options": None}) == ProcessingSettings()


@pytest.mark.parametrize("texts", [["me"], ["=umh"], ["me="], ["me=hex", "me=umh"]])
def test_an_encoder_option_of_another_form_is_refused(texts):
    with pytest.raises(SettingsError, match=r"KEY=VALUE|twice"):
        parse_options(texts)


def test_names_may_be_written_in_any_case():
    settings = settings_from({"quality": "fast", "content": "PHOTO", "encoder": "X265"})
    assert settings == ProcessingSettings(quality="Fast", content="photo", encoder="x265")


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ((None, None, 1080), "x1080"),
        ((None, 1920, None), "1920x"),
        ((None, 1920, 1080), "1920x1080"),
        (("640x480", None, None), "640x480"),
        ((None, None, None), None),
    ],
)
def test_one_side_is_enough(given, size):
    assert size_from(*given) == size
    assert settings_from({"size": size}).size == size


def test_a_size_and_a_side_are_refused():
    with pytest.raises(SettingsError, match="Leave out --size"):
        size_from("640x480", None, 480)


def test_an_unknown_name_is_refused_by_the_settings_with_those_that_exist():
    with pytest.raises(SettingsError, match="Fast, Balanced, Quality"):
        settings_from({"quality": "superb"})


def test_defaults_of_the_command_are_those_of_the_settings():
    assert settings_from({"range": None}) == ProcessingSettings()
