from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsuzuki.errors import EncoderError, SettingsError
from tsuzuki.settings import ENCODERS, SOFTWARE_ENCODERS, ProcessingSettings
from tsuzuki.video import encode

SETTINGS = ProcessingSettings


def test_every_encoder_of_the_settings_is_known_and_passes_the_check():
    assert set(encode.ENCODERS) == set(ENCODERS)
    for name in SOFTWARE_ENCODERS:
        assert encode.check(SETTINGS(encoder=name)) is encode.ENCODERS[name]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (SETTINGS(preset="quick"), "preset of x264 must be one of ultrafast"),
        (SETTINGS(encoder="svt-av1", preset="medium"), "preset of svt-av1"),
        (SETTINGS(encoder="ffv1", preset="medium"), "must be left unset"),
        (SETTINGS(encoder="ffv1", crf=10), "has no crf"),
        (SETTINGS(crf=52), "between 0 and 51"),
        (SETTINGS(encoder="svt-av1", crf=20.5), "whole number"),
        (SETTINGS(encoder="ffv1", bitrate="8M"), "is lossless and takes no bitrate"),
        (SETTINGS(encoder="prores", bitrate="8M"), "--preset and takes no bitrate"),
        (SETTINGS(pixel_format="rgb24"), "cannot encode the pixel format 'rgb24'"),
        (SETTINGS(encoder="svt-av1", pixel_format="yuv444p"), "yuv420p10le"),
    ],
)
def test_impossible_settings_are_refused_with_what_is_possible(settings, says):
    with pytest.raises(SettingsError, match=says):
        encode.check(settings)


def test_an_encoder_missing_in_this_build_is_named(monkeypatch, replace):
    gone = replace(encode.ENCODERS["x264"], library="libnowhere")
    monkeypatch.setattr(encode, "ENCODERS", {"x264": gone})
    with pytest.raises(EncoderError, match=r"libnowhere.*missing"):
        encode.check(SETTINGS())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("yuv420p", ("yuv420p", "yuv420p", "yuv420p", "yuv420p")),
        ("yuvj420p", ("yuv420p", "yuv420p", "yuv420p", "yuv420p")),
        ("nv12", ("yuv420p", "yuv420p", "yuv420p", "yuv420p")),
        ("yuv420p10le", ("yuv420p10le",) * 4),
        ("yuv422p", ("yuv422p", "yuv422p", "yuv420p", "yuv422p")),
        ("yuv444p12le", ("yuv444p10le", "yuv444p10le", "yuv420p10le", "yuv444p10le")),
        ("yuv411p", ("yuv420p", "yuv420p", "yuv420p", "yuv420p")),
        ("gray", ("yuv420p", "yuv420p", "yuv420p", "gray")),
        ("gbrp", ("yuv444p", "yuv444p", "yuv420p", "bgr0")),
        ("gbrp10le", ("yuv444p10le", "yuv444p10le", "yuv420p10le", "gbrp10le")),
        ("pal8", ("yuv444p", "yuv444p", "yuv420p", "bgr0")),
        ("yuva420p", ("yuv420p", "yuv420p", "yuv420p", "yuv420p")),
    ],
)
def test_pixel_format_keeps_subsampling_and_depth_as_the_encoder_can(
    plain, replace, source, expected
):
    facts = replace(plain, pixel_format=source)
    found = tuple(
        encode.output_pixel_format(SETTINGS(encoder=name), facts)
        for name in ("x264", "x265", "svt-av1", "ffv1")
    )
    assert found == expected


@pytest.fixture(scope="module")
def size(plain, replace):
    """Return the size of the output for a source of some size and shape."""

    def find(width, height, pixel_format="yuv420p", *, sar=(1, 1), rotation=0, **chosen):
        facts = replace(
            plain, width=width, height=height, sample_aspect_ratio=sar, rotation=rotation
        )
        return encode.output_size(SETTINGS(**chosen), facts, pixel_format)

    return find


def test_size_is_rounded_half_up_and_even_where_chroma_is_subsampled(size):
    assert size(321, 181, "yuv444p", scale_factor=1.5) == (482, 272)
    assert size(321, 181, "yuv420p", scale_factor=1.5) == (482, 272)
    assert size(321, 181, "yuv420p", scale_factor=1) == (322, 182)
    assert size(321, 181, "yuv422p", scale_factor=1) == (322, 181)
    assert size(321, 181, "bgr0", scale_factor=1) == (321, 181)
    assert size(100, 50, "gray", scale_factor=1.1) == (110, 55)


def test_a_size_is_the_largest_that_fits_and_has_square_pixels(size):
    assert size(640, 360, size="1920x1080") == (1920, 1080)
    assert size(640, 480, size="1920x1080") == (1440, 1080)
    assert size(640, 480, size="x1080") == (1440, 1080)
    assert size(640, 480, size="1920x") == (1920, 1440)
    assert size(720, 480, size="1920x1080", sar=(32, 27)) == (1920, 1080)
    assert size(720, 480, size="x960", sar=(8, 9)) == (1280, 960)


@pytest.mark.parametrize("rotation", [90, 270])
def test_a_size_is_that_of_the_turned_picture(size, rotation):
    assert size(640, 360, size="720x1280", rotation=rotation) == (1280, 720)
    assert size(640, 360, size="720x", rotation=rotation) == (1280, 720)


@pytest.mark.parametrize(("wish", "says"), [("320x", "smaller than"), ("x9000", "more than 8")])
def test_a_size_that_is_no_enlargement_or_too_much_is_refused(size, wish, says):
    with pytest.raises(SettingsError, match=says):
        size(640, 360, size=wish)


@given(
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.floats(1, 8, allow_nan=False),
    st.sampled_from(["yuv420p", "yuv422p10le", "yuv444p", "gbrp10le", "gray"]),
)
def test_size_is_never_off_by_more_than_rounding(size, width, height, scale, pixel_format):
    out = size(width, height, pixel_format, scale_factor=scale)
    for side, wanted in zip(out, (width * scale, height * scale), strict=True):
        assert -0.5 - 1e-6 <= side - wanted <= 1.5 + 1e-6


def test_odd_size_is_refused_with_420_and_fine_with_444(plain):
    with pytest.raises(SettingsError, match="must be even"):
        encode.plan_encoding(SETTINGS(), plain, 129, 96)
    plan = encode.plan_encoding(SETTINGS(pixel_format="yuv444p"), plain, 129, 97)
    assert (plan.width, plan.height) == (129, 97)


def test_plan_pins_threads_versions_and_colour(plain, replace):
    facts = replace(plain, colour=replace(plain.colour, matrix=1, chroma_location=3))
    plan = encode.plan_encoding(SETTINGS(crf=21.5), facts, 128, 96)
    assert plan.threads == encode.THREADS
    assert plan.options["crf"] == "21.5"
    assert "cpu-independent=1" in plan.options["x264-params"]
    assert "libavcodec" in plan.version
    assert av.__version__ in plan.version
    assert (plan.matrix, plan.chroma_location, plan.full_range) == (1, 3, False)


def test_plan_of_rgb_source_is_tagged_as_what_it_is_converted_to(plain, replace):
    rgb = replace(plain.colour, matrix=0, full_range=True)
    facts = replace(plain, colour=rgb, pixel_format="gbrp")
    lossy = encode.plan_encoding(SETTINGS(), facts, 128, 96)
    assert (lossy.pixel_format, lossy.matrix, lossy.full_range) == ("yuv444p", 1, False)
    exact = encode.plan_encoding(SETTINGS(encoder="ffv1", container="mkv"), facts, 128, 96)
    assert (exact.pixel_format, exact.matrix, exact.full_range) == ("bgr0", 0, True)


def test_frame_rate_stays_within_what_encoders_take(plain, replace, plan_for):
    assert plan_for(replace(plain, frame_rate=(90000, 1)), "svt-av1").frame_rate == (240, 1)
    assert plan_for(replace(plain, frame_rate=(1, 10))).frame_rate == (1, 1)
    assert plan_for(replace(plain, frame_rate=(30000, 1001))).frame_rate == (30000, 1001)


@pytest.mark.parametrize(
    ("width", "preset", "frames"),
    [(640, None, None), (1280, None, 27), (2560, None, 6), (2560, "veryfast", 6),
     (2560, "slow", 6), (7680, None, 5), (7680, "ultrafast", None)],
)  # fmt: skip
def test_the_look_ahead_of_large_frames_fits_into_memory(plain, width, preset, frames):
    plan = encode.plan_encoding(SETTINGS(preset=preset), plain, width, width * 9 // 16)
    wanted = None if frames is None else f"rc-lookahead={frames}"
    told = [p for p in plan.options["x264-params"].split(":") if p.startswith("rc-lookahead")]
    assert told == ([wanted] if wanted else [])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("yuv420p", "yuv422p10le"),
        ("yuv422p", "yuv422p10le"),
        ("yuv444p", "yuv444p10le"),
        ("gbrp", "yuv444p10le"),
        ("yuv422p12le", "yuv422p10le"),
    ],
)
def test_prores_keeps_the_colour_and_has_ten_bits(plain, replace, source, expected):
    facts = replace(plain, pixel_format=source)
    assert encode.output_pixel_format(SETTINGS(encoder="prores"), facts) == expected
