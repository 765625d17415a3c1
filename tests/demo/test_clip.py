from hashlib import sha256

import av
import numpy as np
import pytest

from tsuzuki.demo import clip


def test_the_clip_is_small_and_has_picture_and_sound(tmp_path):
    path = tmp_path / "clip.mp4"
    clip.write_clip(path)
    assert path.stat().st_size < 300_000
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        frames = list(container.decode(video=0))
    assert len(frames) == clip.FRAMES
    assert (frames[0].width, frames[0].height) == (clip.WIDTH, clip.HEIGHT)
    with av.open(str(path)) as container:
        samples = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert samples.shape[1] >= 0.95 * clip.SAMPLE_RATE * clip.FRAMES / clip.RATE
    assert np.abs(samples).max() > 0.1


def test_every_frame_is_another_one_and_comes_out_the_same_each_time():
    digests = {sha256(clip.draw(number)).digest() for number in range(0, clip.FRAMES, 6)}
    assert len(digests) == clip.FRAMES // 6
    assert np.array_equal(clip.draw(5), clip.draw(5))


def test_it_looks_like_drawn_animation():
    frame = clip.draw(0).astype(int)
    inked = np.all(np.abs(frame - np.array(clip.INK) * 255) < 8, axis=2)
    assert 0.01 < inked.mean() < 0.15, "outlines and letters"
    sky = frame[2:8, 150]
    assert np.all(np.diff(sky[:, 0]) >= 0), "a gradient"
    assert np.ptp(sky[:, 0]) >= 3


@pytest.mark.parametrize("number", [0, 35, clip.FRAMES - 1])
def test_frames_are_rgb_of_the_size_promised(number):
    frame = clip.draw(number)
    assert frame.shape == (clip.HEIGHT, clip.WIDTH, 3)
    assert frame.dtype == np.uint8
