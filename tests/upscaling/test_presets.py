from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.errors import ModelError
from tsuzuki.settings import CONTENTS, QUALITIES, ProcessingSettings
from tsuzuki.upscaling import networks
from tsuzuki.upscaling.presets import LEFT_TO_RESAMPLING, PRESETS, choose


def names(**settings) -> list[str]:
    return [n.name for n in choose(ProcessingSettings(**settings)).networks]


@given(
    st.sampled_from(CONTENTS),
    st.sampled_from(QUALITIES),
    st.integers(-1, 3),
    st.floats(1, 8),
    st.none() | st.sampled_from([n.name for n in networks()]),
)
def test_every_wish_gets_networks_that_enlarge_enough(content, quality, noise, scale, model):
    settings = ProcessingSettings(
        content=content, quality=quality, noise_reduction=noise, scale_factor=scale, model=model
    )
    choice = choose(settings)
    factor = prod(n.scale for n in choice.networks)
    assert factor * LEFT_TO_RESAMPLING >= scale
    assert factor > 1 or scale == 1
    assert all(n.noise is None or n.noise < 0 for n in choice.networks[1:])
    if model is not None:
        assert choice.networks[0].name == model
    elif choice.networks and choice.networks[0].noise not in (None, noise):
        assert any("nearest" in note for note in choice.notes)


@pytest.mark.parametrize("noise", range(-1, 4))
@pytest.mark.parametrize(
    ("content", "quality"), [("anime", "Fast"), ("anime", "Quality"), ("photo", "Fast")]
)
def test_twice_the_size_has_every_level_exactly(content, quality, noise) -> None:
    choice = choose(ProcessingSettings(content=content, quality=quality, noise_reduction=noise))
    (network,) = choice.networks
    assert network.noise == noise
    assert network.family == PRESETS[content, quality]
    assert choice.notes == ()


@pytest.mark.parametrize(("wanted", "taken"), [(-1, "none"), (0, "n0"), (1, "n0"), (2, "n3")])
def test_a_missing_level_becomes_the_nearest(wanted, taken) -> None:
    assert names(quality="Quality", scale_factor=3, noise_reduction=wanted) == [
        f"realcugan-se-3x-{taken}"
    ]


def test_larger_scales_take_several_passes() -> None:
    assert names(quality="Fast", scale_factor=8, noise_reduction=2) == [
        "waifu2x-upconv7-anime-2x-n2",
        "waifu2x-upconv7-anime-2x-none",
        "waifu2x-upconv7-anime-2x-none",
    ]
    assert names(scale_factor=4) == ["realesr-animevideov3-4x"]
    assert names(content="photo", quality="Quality", scale_factor=8) == [
        "realesrgan-x4plus",
        "waifu2x-upconv7-photo-2x-none",
    ]
    assert names(model="waifu2x-cunet-2x-n1", scale_factor=4) == [
        "waifu2x-cunet-2x-n1",
        "waifu2x-cunet-2x-none",
    ]


@pytest.mark.parametrize(
    ("scale", "taken"),
    [(2.25, ["2x-n3"]), (2.6, ["2x-n3", "2x-none"]), (1.2, ["2x-n3"]), (4.5, ["2x-n3", "2x-none"])],
)
def test_a_small_rest_is_resampled(scale, taken) -> None:
    assert names(quality="Fast", scale_factor=scale) == [
        f"waifu2x-upconv7-anime-{n}" for n in taken
    ]


def test_a_network_that_enlarges_more_comes_before_resampling() -> None:
    assert names(scale_factor=2.25) == ["realesr-animevideov3-3x"]


def test_the_same_size_reduces_noise_only() -> None:
    assert names(scale_factor=1, noise_reduction=1) == ["waifu2x-cunet-1x-n1"]
    assert names(scale_factor=1, noise_reduction=-1) == []
    assert names(scale_factor=1, content="photo") == ["waifu2x-upconv7-photo-2x-n3"]


def test_what_is_not_as_asked_is_said() -> None:
    assert "built in" in choose(ProcessingSettings()).notes[0]
    assert "this is Fast" in choose(ProcessingSettings(content="photo")).notes[-1]
    own = choose(ProcessingSettings(model="waifu2x-cunet-2x-n1"))
    assert "setting 3 is not used" in own.notes[0]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ModelError):
        choose(ProcessingSettings(model="esrgan"))
