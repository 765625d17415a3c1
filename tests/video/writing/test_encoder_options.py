from __future__ import annotations

import io

import av
import numpy as np
import pytest

from tsuzuki.errors import SettingsError
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.encode import plan_encoding
from tsuzuki.video.segment import SegmentEncoder


@pytest.fixture(scope="module")
def plan(plain):
    """Plan an encode with these options of the encoder."""

    def make(encoder, /, bitrate=None, **options):
        wishes = {name.replace("__", "-"): value for name, value in options.items()}
        settings = ProcessingSettings(
            encoder=encoder, bitrate=bitrate, encoder_options=wishes, container="mkv"
        )
        return plan_encoding(settings, plain, 128, 96)

    return make


def encoded(plan, frames=6):
    file = io.BytesIO()
    encoder = SegmentEncoder(plan, file)
    for number in range(frames):
        noise = np.random.default_rng(number // 2).integers(0, 255, (3, plan.height, plan.width))
        encoder.write(noise.astype(np.uint8))
    encoder.close()
    return file.getvalue()


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("x264", {"aq__mode": "3"}),
        ("x264", {"ref": "1", "deblock": "-3:-3"}),
        ("x264", {"no__cabac": "1"}),
        ("x265", {"no__sao": "1"}),
        ("svt-av1", {"enable__cdef": "0"}),
        ("vp9", {"qmin": "20", "qmax": "24"}),
        ("vp9", {"g": "2"}),
        ("ffv1", {"slices": "9"}),
        ("prores", {"quant_mat": "proxy"}),
    ],
)
def test_an_option_changes_what_is_encoded(encoder, options, plan):
    assert encoded(plan(encoder, **options)) != encoded(plan(encoder))


@pytest.mark.parametrize(
    ("encoder", "option", "value"),
    [
        ("x264", "no_such", "1"),
        ("x264", "me", "bogus"),
        ("x264", "aq__mode", "bogus"),
        ("x265", "no_such", "1"),
        ("x265", "aq__mode", "77"),
        ("x265", "aq__mode", "bogus"),
        ("svt-av1", "no_such", "1"),
        ("svt-av1", "tune", "99"),
        ("svt-av1", "film__grain", "bogus"),
        ("vp9", "no_such", "1"),
        ("vp9", "aq__mode", "bogus"),
        ("ffv1", "slices", "13"),
        ("prores", "no_such", "1"),
    ],
)
def test_what_the_encoder_does_not_take_is_refused_by_name_each_time(encoder, option, value, plan):
    good = {"ref": "2"} if encoder == "x264" else {}
    for _ in range(2):  # FFmpeg tells the same thing only once unless asked to
        with pytest.raises(SettingsError) as caught:
            plan(encoder, **good, **{option: value})
        assert f"option {option.replace('__', '-')}" in caught.value.message
        assert "ref=" not in caught.value.message
        assert caught.value.details["setting"] == "encoder_options"


@pytest.mark.parametrize(
    ("encoder", "option", "why"),
    [
        ("x264", "threads", "number of threads"),
        ("x264", "no__sliced_threads", "number of threads"),
        ("x265", "pools", "number of threads"),
        ("svt-av1", "lp", "number of threads"),
        ("x264", "cpu__independent", "depend on the machine"),
        ("x264", "stats", "another file"),
        ("x265", "analysis__save", "another file"),
        ("x265", "film__grain", "another file"),
        ("x265", "pass", "several passes"),
        ("x264", "colormatrix", "as the source has it"),
        ("x264", "annexb", "segments have to be joined"),
        ("vp9", "drop__threshold", "has to become one packet"),
        ("x264", "zones", "counts them anew"),
        ("x264", "crf", "--crf or --bitrate"),
        ("hevc-nvenc", "cq", "--crf or --bitrate"),
        ("prores", "profile", "--preset"),
        ("x264", "x264__params", "one by one"),
        ("hevc-qsv", "qsv_params", "one by one"),
        ("x264", "vbv__maxrate", "--bitrate"),
    ],
)
def test_what_would_break_a_promise_is_refused_with_the_reason(encoder, option, why, plan):
    with pytest.raises(SettingsError, match=why) as caught:
        plan(encoder, **{option: "1"})
    assert option.replace("__", "-") in caught.value.message


@pytest.mark.parametrize("value", ["/tmp/x", "..\\x"])
def test_no_value_names_a_file(value, plan):
    with pytest.raises(SettingsError, match="path of a file"):
        plan("x264", ref=value)


def test_a_buffer_goes_with_a_bitrate(plan):
    made = plan("x264", "300k", vbv__maxrate="300", vbv__bufsize="600")
    assert made.options["x264-params"].endswith(":vbv-bufsize=600:vbv-maxrate=300")
    assert "crf" not in made.options


@pytest.mark.parametrize("encoder", ["x264", "x265", "svt-av1", "vp9"])
def test_a_bitrate_decides_the_size(encoder, plan):
    small, large = (len(encoded(plan(encoder, rate), 24)) for rate in ("100k", "3M"))
    assert small < large / 2
    with av.open(io.BytesIO(encoded(plan(encoder, "1M"), 24))) as container:
        assert sum(1 for _ in container.decode(video=0)) == 24
