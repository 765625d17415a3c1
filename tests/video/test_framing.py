from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tsuzuki.errors import SettingsError
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.encode import output_size
from tsuzuki.video.facts import Crop, Framing, Probe, framed
from tsuzuki.video.framing import apply, decide_framing, told
from tsuzuki.video.index import build_index
from tsuzuki.video.probe import probe
from tsuzuki.video.processor import VideoProcessor


@pytest.fixture(scope="session")
def facts(clip: Callable[[str], Path]) -> Probe:
    """64x48."""
    return probe(clip("idr.mkv"))


def numbered(height: int, width: int) -> np.ndarray:
    return np.arange(3 * height * width, dtype=np.uint16).reshape(3, height, width)


@pytest.mark.parametrize(
    ("turn", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))]
)
def test_turning_is_counter_clockwise_and_changes_no_value(
    turn: int, corner: tuple[int, int]
) -> None:
    picture = numbered(4, 6)
    turned = apply(Framing(turn=turn), picture)
    assert turned.shape == ((3, 6, 4) if turn in {90, 270} else (3, 4, 6))
    assert turned[1, 0, 0] == picture[(1, *corner)]
    assert sorted(turned.flat) == sorted(picture.flat)
    assert turned.flags.c_contiguous


def test_cropping_comes_first() -> None:
    picture = numbered(10, 20)
    kept = apply(Framing(crop=Crop(8, 6, 3, 1), turn=90), picture)
    assert np.array_equal(kept, np.rot90(picture[:, 1:7, 3:11], axes=(1, 2)))


def test_an_empty_picture_stays_one() -> None:
    assert apply(Framing(crop=Crop(8, 6, 3, 1), turn=90), np.empty((3, 0, 0), np.uint8)).size == 0


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_facts_are_those_of_the_picture_as_it_is_then(facts: Probe, turn: int) -> None:
    source = msgspec.structs.replace(facts, sample_aspect_ratio=(8, 9), rotation=turn)
    baked = framed(source, Framing(crop=Crop(40, 30, 4, 2), turn=turn))
    sideways = turn in {90, 270}
    assert (baked.width, baked.height) == ((30, 40) if sideways else (40, 30))
    assert baked.sample_aspect_ratio == ((9, 8) if sideways else (8, 9))
    assert baked.rotation == 0


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_size_asked_for_is_the_same_baked_or_not(facts: Probe, turn: int) -> None:
    source = msgspec.structs.replace(facts, sample_aspect_ratio=(3, 2), rotation=turn)
    settings = ProcessingSettings(size="200x", bake_rotation=True)
    tagged = output_size(settings, source, "yuv444p")
    baked = output_size(settings, framed(source, decide_framing(source, settings)), "yuv444p")
    assert baked == (tagged[::-1] if turn != 180 else tagged)
    assert baked[0] == 200


def test_by_default_nothing_becomes_of_the_picture(facts: Probe) -> None:
    turned = msgspec.structs.replace(facts, rotation=90)
    assert decide_framing(turned, ProcessingSettings()) is None
    assert decide_framing(facts, ProcessingSettings(bake_rotation=True)) is None
    assert framed(turned, None) is turned
    assert list(told(None, facts, ProcessingSettings())) == []


def test_a_crop_is_taken_as_it_is_asked_for(facts: Probe) -> None:
    settings = ProcessingSettings(crop="33:17:31:31")
    framing = decide_framing(facts, settings)
    assert framing == Framing(crop=Crop(33, 17, 31, 31))
    assert "33x17 pixels of the 64x48" in " ".join(told(framing, facts, settings))


@pytest.mark.parametrize("crop", ["65:48:0:0", "64:48:1:0", "64:48:0:1", "15:48:0:0", "64:15:0:0"])
def test_a_crop_that_does_not_fit_is_refused(facts: Probe, crop: str) -> None:
    with pytest.raises(SettingsError, match="64x48"):
        decide_framing(facts, ProcessingSettings(crop=crop))


def test_what_was_decided_counts_if_it_fits(facts: Probe) -> None:
    settings = ProcessingSettings(crop="auto")
    for decided in (Framing(crop=Crop(40, 30, 4, 2)), Framing()):
        assert decide_framing(facts, settings, decided) == decided
    found = decide_framing(facts, settings)
    assert decide_framing(facts, settings, Framing(crop=Crop(400, 30, 4, 2))) == found == Framing()
    assert "No black borders" in " ".join(told(found, facts, settings))


def test_the_reader_gives_frames_that_are_cropped_and_turned(facts: Probe) -> None:
    turned = msgspec.structs.replace(facts, rotation=270)
    index = build_index(facts)
    settings = ProcessingSettings(crop="40:30:4:2", bake_rotation=True)
    plain = VideoProcessor(facts, settings).reader(index)
    framing = decide_framing(turned, settings)
    assert framing is not None
    reader = VideoProcessor(turned, settings, framing).reader(index)
    for one, other in zip(plain.frames(30, 33), reader.frames(30, 33), strict=True):
        assert (one.number, one.failed) == (other.number, other.failed)
        assert np.array_equal(other.rgb, apply(framing, one.rgb))
    assert [frame.rgb.size for frame in reader.frames(0, 1, without={0})] == [0]
