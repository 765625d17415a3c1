import io

import av
import numpy as np
import pytest

from tsuzuki.errors import NotAVideoError
from tsuzuki.pipeline.estimate import Trial, estimate
from tsuzuki.pipeline.glimpse import preview, stills
from tsuzuki.pipeline.inputs import gather
from tsuzuki.pipeline.look import look, survey
from tsuzuki.settings import ProcessingSettings

NEAREST = ProcessingSettings(engine="nearest")


def pixels(png):
    with av.open(io.BytesIO(png), format="png_pipe") as container:
        return next(container.decode(video=0)).to_ndarray(format="gray")


def number(picture, scale=1):
    """Read the number that a frame of the drawn clip shows."""
    row = picture[27 * scale]
    return sum(int(row[8 * scale + 11 * scale * bit] > 128) << bit for bit in range(8))


@pytest.fixture(scope="module")
def clip(tmp_path_factory, draw_clip):
    return draw_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 96)


def test_stills_are_spread_over_the_video(clip):
    shown = [number(pixels(png)) for png in stills(clip, 4, 54)]
    assert shown == [12, 36, 60, 84]
    (small,) = stills(clip, 1, 18)
    assert pixels(small).shape == (18, 32)


def test_a_preview_is_the_frame_and_the_frame_enlarged(clip):
    found = preview(clip, NEAREST, 2.0)
    before, after = pixels(found.before), pixels(found.after)
    assert before.shape == (54, 96)
    assert after.shape == (108, 192)
    assert number(before) == number(after, scale=2) == 48
    assert np.array_equal(after, before.repeat(2, 0).repeat(2, 1))


def test_the_last_moment_has_a_frame_too(clip):
    assert number(pixels(preview(clip, NEAREST, 100.0).before)) == 95


def test_pictures_have_a_preview_too(clip, tmp_path):
    for number_, png in enumerate(stills(clip, 4, 54), 1):
        (tmp_path / f"p_{number_:04d}.png").write_bytes(png)
    (sequence,) = gather([tmp_path])
    assert [number(pixels(png)) for png in stills(sequence.path, 4, 54)] == [12, 36, 60, 84]
    single = tmp_path / "p_0002.png"
    assert number(pixels(preview(single, NEAREST, 0.0).before)) == 36


def test_what_is_no_video_has_no_stills(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_text("text")
    with pytest.raises(NotAVideoError):
        stills(file, 1, 10)


@pytest.mark.parametrize("name", ["elf_rot90.mp4", "elf_sar8x9.mp4", "bbb_10bit_pqtag.mkv"])
def test_stills_look_as_in_a_player(media, name):
    (png,) = stills(media / name, 1, 90)
    facts = look(media / name, NEAREST).probe
    height, width = pixels(png).shape
    if facts.rotation % 180:
        height, width = width, height
    wide = facts.width * facts.sample_aspect_ratio[0] / facts.sample_aspect_ratio[1]
    assert width / height == pytest.approx(wide / facts.height, abs=0.03)


def test_the_processor_is_there_to_work_with():
    found = survey()
    assert "cpu" in [device.name for device in found.devices]
    assert len(found.networks) > 10


def test_a_trial_tells_what_the_whole_takes(clip):
    plan = look(clip, NEAREST).plan
    found = estimate(plan, Trial(frames=24, seconds=2.0, size=1000))
    assert (found.frames, found.seconds, found.output_size) == (96, 8.0, 4000)
    assert found.work_size > 4000
