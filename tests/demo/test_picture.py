import av
import numpy as np
import pytest

from tsuzuki.demo import clip
from tsuzuki.demo.picture import GAP, before_and_after, write_png


def read(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_a_picture_keeps_every_pixel(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (7, 13, 3), np.uint8)
    write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(read(tmp_path / "a.png"), pixels)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    clip.write_clip(path, frames=3)
    return path


def test_both_halves_show_the_same_part_at_the_same_size(tmp_path, video):
    target = tmp_path / "pair.png"
    before_and_after(video, video, target, frame=1)
    pair = read(target)
    width = (pair.shape[1] - GAP) // 2
    assert pair.shape == (clip.HEIGHT, 2 * clip.WIDTH + GAP, 3)
    assert np.array_equal(pair[:, :width], pair[:, width + GAP :])
    assert np.all(pair[:, width : width + GAP] == 255)


def test_a_frame_that_does_not_exist(tmp_path, video):
    with pytest.raises(IndexError):
        before_and_after(video, video, tmp_path / "x.png", frame=3)
