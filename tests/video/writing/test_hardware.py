from __future__ import annotations

import signal
import sys

import av
import pytest

from tsuzuki.errors import EncoderError
from tsuzuki.settings import HARDWARE_ENCODERS, SOFTWARE_ENCODERS, ProcessingSettings
from tsuzuki.video import hardware
from tsuzuki.video.encode import output_pixel_format, plan_encoding
from tsuzuki.video.encoders import ENCODERS

BUILT = [name for name in HARDWARE_ENCODERS if hardware.missing(name) is None]


@pytest.fixture(scope="module")
def found():
    return hardware.find_hardware_encoders()


@pytest.mark.skipif(sys.platform != "linux", reason="other wheels have other encoders")
def test_which_are_built_in():
    assert [name for name in HARDWARE_ENCODERS if "videotoolbox" not in name] == BUILT


@pytest.mark.parametrize("name", BUILT)
def test_the_build_knows_every_option_preset_and_format(name):
    encoder = ENCODERS[name]
    options = av.CodecContext.create(encoder.library, "w").supported_options
    known = {o.name: o for o in (*options.generic, *options.private)}
    chosen = encoder.options_for(None, None, None) | encoder.options_for(None, "8M", None)
    assert chosen.keys() <= known.keys()
    for option in chosen.keys() & {"rc", "tune", "usage"}:
        assert chosen[option] in {choice.name for choice in known[option].choices}
    assert set(encoder.general) <= known.keys()
    assert set(encoder.presets) <= {c.name for c in known[encoder.preset_option].choices}
    assert set(encoder.formats) <= {f.name for f in av.Codec(encoder.library, "w").video_formats}


@pytest.mark.parametrize("name", BUILT)
def test_the_ends_of_the_crf_are_within_what_the_option_takes(name):
    encoder = ENCODERS[name]
    options = av.CodecContext.create(encoder.library, "w").supported_options
    known = {o.name: o for o in (*options.generic, *options.private)}
    for crf in (encoder.min_crf, encoder.crf, encoder.max_crf):
        for option, value in encoder.quality(crf).items():
            if option != "rc":
                assert known[option].min <= float(value) <= known[option].max
    if "global_quality" in encoder.quality(1):
        assert encoder.whole_crf


def test_a_better_crf_is_a_better_quality_of_videotoolbox():
    best, worst = (
        int(ENCODERS["hevc-videotoolbox"].quality(crf)["global_quality"]) for crf in (0, 51)
    )
    assert (best, worst) == (100 * 118, 118)


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("h264-nvenc", "yuv420p10le", "nv12"),
        ("hevc-nvenc", "yuv420p10le", "p010le"),
        ("hevc-nvenc", "yuv444p", "nv12"),
        ("av1-amf", "gbrp", "nv12"),
    ],
)
def test_the_format_keeps_the_depth_that_the_hardware_has(name, source, expected, plain, replace):
    facts = replace(plain, pixel_format=source)
    assert output_pixel_format(ProcessingSettings(encoder=name), facts) == expected


def test_each_is_found_to_work_or_says_why_not(found):
    assert list(found) == list(HARDWARE_ENCODERS)
    assert all(answer is None or answer for answer in found.values())


@pytest.mark.parametrize("name", HARDWARE_ENCODERS)
def test_one_that_does_not_work_here_is_refused_with_those_that_do(name, found, plain):
    if found[name] is None:
        pytest.skip("it works here")
    with pytest.raises(EncoderError) as caught:
        plan_encoding(ProcessingSettings(encoder=name), plain, 640, 360)
    assert found[name] in caught.value.message
    assert ENCODERS[name].hardware in caught.value.message
    working = caught.value.details["working"]
    assert set(SOFTWARE_ENCODERS) <= set(working)
    assert name not in working


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_a_driver_that_crashes_or_hangs_counts_against_its_encoder_alone(monkeypatch):
    monkeypatch.setattr(
        hardware,
        "PROGRAM",
        "import os, sys, time\n"
        "for name in sys.argv[1:]:\n"
        "    if name == 'h264-nvenc': os.kill(os.getpid(), 11)\n"
        "    if name == 'h264-amf': time.sleep(60)\n"
        "    print('a driver talks', flush=True)\n"
        "    print('[\"' + name + '\", null]', flush=True)\n",
    )
    monkeypatch.setattr(hardware, "TRIAL_SECONDS", 1.0)
    found = hardware.find_hardware_encoders(("av1-qsv", "h264-nvenc", "h264-amf", "av1-amf"))
    assert found["av1-qsv"] is found["av1-amf"] is None
    assert f"crashed (code -{int(signal.SIGSEGV)})" in str(found["h264-nvenc"])
    assert "no answer" in str(found["h264-amf"])
