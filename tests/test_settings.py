from __future__ import annotations

import json
import math
import pickle
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tsuzuki.errors import SettingsError
from tsuzuki.settings import (
    CONTAINERS,
    CONTENTS,
    ENCODERS,
    ENGINES,
    NOISE_REDUCTION_LEVELS,
    QUALITIES,
    REUSES,
    ProcessingSettings,
)

TYPES: dict[str, tuple[type, ...]] = {
    "scale_factor": (float,),
    "quality": (str,),
    "noise_reduction": (int,),
    "content": (str,),
    "model": (str, type(None)),
    "engine": (str,),
    "tile_size": (int, type(None)),
    "reuse": (str,),
    "reuse_tolerance": (float,),
    "workers": (int,),
    "size": (str, type(None)),
    "rate": (str, type(None)),
    "alpha": (str,),
    "deinterlace": (str,),
    "encoder": (str,),
    "crf": (float, type(None)),
    "bitrate": (str, type(None)),
    "encoder_options": (dict,),
    "preset": (str, type(None)),
    "pixel_format": (str, type(None)),
    "container": (str,),
    "range_start": (Decimal, type(None)),
    "range_end": (Decimal, type(None)),
    "segment_frames": (int, type(None)),
    "device": (str,),
    "crop": (str,),
    "bake_rotation": (bool,),
    "fps": (str, type(None)),
    "keep_frames": (bool,),
    "loss_budget": (float,),
}


def test_every_field_has_its_type_here() -> None:
    assert TYPES.keys() == set(ProcessingSettings.__struct_fields__)


@pytest.mark.parametrize(
    ("name", "given_value", "held"),
    [
        ("fps", 30, "30"),
        ("fps", 24.0, "24"),
        ("fps", "12.5", "25/2"),
        ("fps", "60/2", "30"),
        ("fps", "29.97", "30000/1001"),
        ("fps", "23.976", "24000/1001"),
        ("fps", 23.98, "24000/1001"),
        ("fps", "24000/1001", "24000/1001"),
        ("range_end", 10, "10"),
        ("range_end", 1.5, "1.5"),
        ("range_end", "1.50", "1.5"),
        ("range_end", Decimal("1E+1"), "10"),
        ("range_end", Decimal("0.000001"), "0.000001"),
        ("range_start", Decimal("-0.0"), "0"),
        ("range_end", Decimal("1." + "0" * 60), "1"),
        ("range_end", Decimal("0." + "1" * 30), "0." + "1" * 30),
        ("crf", 20, "20.0"),
        ("bitrate", "8000k", "8M"),
        ("bitrate", "8000000", "8M"),
        ("bitrate", "0.5M", "500k"),
        ("bitrate", "6000K", "6M"),
        ("bitrate", "1G", "1000M"),
        ("encoder_options", {"b": "2", "a": "1"}, "{'a': '1', 'b': '2'}"),
        ("crf", -0.0, "0.0"),
        ("scale_factor", 3, "3.0"),
        ("loss_budget", 2, "2.0"),
    ],
)
def test_what_is_convertible_is_converted(name: str, given_value: Any, held: str) -> None:
    value = getattr(ProcessingSettings(**{name: given_value}), name)
    assert type(value) in TYPES[name]
    assert str(value) == held


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("device", None),
        ("bitrate", 8),
        ("bitrate", "8m"),
        ("bitrate", "1500"),
        ("bitrate", "2G"),
        ("encoder_options", [("a", "1")]),
        ("encoder_options", {"a": 1}),
        ("encoder_options", {"a b": "1"}),
        ("encoder_options", {"a": ""}),
        ("encoder_options", {"a": "x\n"}),
        ("encoder_options", {str(n): "1" for n in range(99)}),
        ("device", 0),
        ("crf", "20"),
        ("crf", True),
        ("crf", math.nan),
        ("crf", 10**400),
        ("model", 3),
        ("model", "\ud800"),
        ("quality", ["Fast"]),
        ("noise_reduction", 1.5),
        ("noise_reduction", True),
        ("tile_size", 64.0),
        ("reuse", True),
        ("reuse_tolerance", "3"),
        ("workers", 1.5),
        ("segment_frames", "12"),
        ("keep_frames", 1),
        ("bake_rotation", "yes"),
        ("fps", "fast"),
        ("fps", 0),
        ("fps", "1/0"),
        ("fps", "241"),
        ("fps", "-24"),
        ("fps", True),
        ("crop", "on"),
        ("crop", "1920:800"),
        ("crop", "1920:800:-1:0"),
        ("crop", "0:800:0:0"),
        ("crop", 7),
        ("scale_factor", None),
        ("range_start", "soon"),
        ("range_start", "nan"),
        ("range_end", Decimal("sNaN")),
        ("range_end", math.inf),
        ("range_end", -1),
        ("range_end", True),
        ("range_end", Decimal("1e999999")),
        ("range_end", Decimal("1e-999999")),
        ("range_end", 10**5000),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isascii() else type(value).__name__,
)
def test_the_rest_is_refused_by_name(name: str, wrong: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        ProcessingSettings(**{name: wrong})
    assert caught.value.details["setting"] == name


@pytest.mark.parametrize("wrong", [None, 7, "scale", [1], [("crf", 20)]])
def test_settings_are_names_with_values(wrong: Any) -> None:
    with pytest.raises(SettingsError, match="names with values"):
        ProcessingSettings.from_dict(wrong)


@pytest.mark.parametrize("name", ["scale", 7, None, ("a",)])
def test_unknown_names(name: Any) -> None:
    with pytest.raises(SettingsError, match="There is no setting"):
        ProcessingSettings.from_dict({name: 1})


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.decimals()
    | st.binary(max_size=4)
    | st.lists(st.integers(), max_size=2)
    | st.sampled_from([10**400, "\ud800", "Fast", "auto", "x265", "gpu:0", 1 + 2j, object()])
)


@given(st.dictionaries(st.sampled_from(sorted(TYPES)), anything, max_size=4))
@example({"crf": Decimal("sNaN")})
@example({"container": "\ud800"})
def test_any_values_are_settings_or_our_error(values: dict[str, Any]) -> None:
    for make in (
        lambda: ProcessingSettings(**values),
        lambda: ProcessingSettings.from_dict(values),
    ):
        try:
            made = make()
        except SettingsError:
            continue
        for name, kinds in TYPES.items():
            assert type(getattr(made, name)) in kinds
        assert ProcessingSettings.from_dict(made.to_dict()) == made
        assert ProcessingSettings.from_dict(json.loads(json.dumps(made.to_dict()))) == made
        assert pickle.loads(pickle.dumps(made)) == made


def spellings(value: Any) -> st.SearchStrategy[Any]:
    """Other ways to write the same value."""
    if isinstance(value, Decimal):
        return st.sampled_from(
            [value, str(value), f"{value}.000" if "." not in str(value) else f"{value}0"]
        )
    if isinstance(value, float) and value.is_integer():
        return st.sampled_from([value, int(value)])
    return st.just(value)


moments = st.decimals(0, 1000, places=3).map(lambda d: d.normalize() + 0)
chosen = st.fixed_dictionaries(
    {},
    optional={
        "scale_factor": st.sampled_from([1.0, 1.5, 2.0, 8.0]),
        "quality": st.sampled_from(QUALITIES),
        "noise_reduction": st.sampled_from(NOISE_REDUCTION_LEVELS),
        "content": st.sampled_from(CONTENTS),
        "model": st.none() | st.text(max_size=3),
        "engine": st.sampled_from(ENGINES),
        "tile_size": st.none() | st.integers(32, 40),
        "reuse": st.sampled_from(REUSES),
        "reuse_tolerance": st.sampled_from([0.0, 2.0, 2.5]),
        "encoder": st.sampled_from(ENCODERS),
        "crf": st.none() | st.sampled_from([0.0, -0.0, 20.0, 20.5]),
        "container": st.sampled_from(CONTAINERS),
        "range_start": st.none() | moments,
        "range_end": st.none() | moments.map(lambda d: d + 1001),
        "segment_frames": st.none() | st.integers(1, 4),
        "device": st.sampled_from(["auto", "cpu"]),
        "loss_budget": st.sampled_from([0.0, 2.0]),
    },
)


@given(st.data(), chosen, chosen)
def test_equal_settings_have_equal_ids_and_only_they(
    data: st.DataObject, one: dict[str, Any], other: dict[str, Any]
) -> None:
    respelt = {name: data.draw(spellings(value)) for name, value in one.items()}
    a, b, c = (ProcessingSettings(**values) for values in (one, respelt, other))
    assert not a.differences(b)
    assert a.digest() == b.digest()
    assert a.to_dict() == b.to_dict()
    in_digest = set(a.differences(c)) - set(ProcessingSettings.IN_ID)
    assert (a.digest() == c.digest()) is not bool(in_digest)


def test_a_crf_and_a_bitrate_contradict_each_other() -> None:
    with pytest.raises(SettingsError, match="not both"):
        ProcessingSettings(crf=20, bitrate="8M")


def test_all_at_default_has_no_digest() -> None:
    assert ProcessingSettings(bitrate=None, encoder_options={}).digest() is None
    assert ProcessingSettings().digest() is None
    assert ProcessingSettings(device="cpu", keep_frames=True, loss_budget=1).digest() is None
    assert ProcessingSettings(scale_factor=3, quality="Fast", noise_reduction=0).digest() is None


GOLDEN = [
    ({"content": "photo"}, "3d041bc5b74072ad"),
    ({"crf": 20.0, "encoder": "x265"}, "d94ad3ab93566597"),
    ({"range_start": "1.5", "range_end": "90"}, "c0fa1a66f4b9e850"),
    ({"tile_size": 256, "segment_frames": 12, "container": "mkv"}, "bb7fbf292b5c5960"),
]


@pytest.mark.parametrize(("values", "digest"), GOLDEN)
def test_digests_of_existing_sessions_stay(values: dict[str, Any], digest: str) -> None:
    assert ProcessingSettings.from_dict(values).digest() == digest


def test_a_changed_copy_is_checked_too() -> None:
    with pytest.raises(SettingsError):
        msgspec.structs.replace(ProcessingSettings(), crf="20")
    assert msgspec.structs.replace(ProcessingSettings(), crf=20).crf == 20.0
