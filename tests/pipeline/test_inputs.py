import os
from pathlib import Path

import pytest

from tsuzuki.errors import InputError, InputPermissionError
from tsuzuki.pipeline.inputs import gather


def touch(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"x")


def names(inputs):
    return [one.path.name for one in inputs]


def test_a_folder_stands_for_its_videos_by_name(tmp_path):
    touch(tmp_path, "b.mkv", "A.MP4", "c.webm", "notes.txt", ".hidden.mp4", ".b_2x.mkv.12ab.tmp")
    (tmp_path / "folder.mp4").mkdir()
    found = gather([tmp_path])
    assert names(found) == ["A.MP4", "b.mkv", "c.webm"]
    assert all(one.from_folder for one in found)


def test_outputs_of_earlier_runs_are_no_inputs(tmp_path):
    touch(tmp_path, "a.mp4", "a_2x.mp4", "a_1.5x.mkv", "other_2x.mp4", "_2x.mp4")
    assert names(gather([tmp_path])) == ["_2x.mp4", "a.mp4", "other_2x.mp4"]


def test_every_video_comes_once_and_in_the_order_given(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4")
    found = gather([tmp_path / "b.mp4", tmp_path, tmp_path / "a.mp4"])
    assert names(found) == ["b.mp4", "a.mp4"]
    assert [one.from_folder for one in found] == [False, True]


def test_a_named_file_may_be_called_anything_and_is_not_looked_at(tmp_path):
    assert names(gather([tmp_path / "missing.xyz"])) == ["missing.xyz"]


def test_a_folder_without_videos_says_what_was_looked_for(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(InputError, match=r"no video in the folder.*\.mkv"):
        gather([tmp_path])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads anything")
def test_a_folder_that_may_not_be_read(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(InputPermissionError):
        gather([tmp_path / "closed"])


def test_relative_paths_stay_as_they_were_given(tmp_path, monkeypatch):
    touch(tmp_path, "a.mp4")
    monkeypatch.chdir(tmp_path)
    assert [one.path for one in gather([Path()])] == [Path("a.mp4")]


def test_a_folder_of_numbered_pictures_is_one_video(tmp_path):
    touch(tmp_path, "0007.png", "0008.png", "0009.png", "notes.txt")
    (found,) = gather([tmp_path])
    assert found.path == tmp_path / "%04d.png"


def test_pictures_that_are_no_sequence_are_not_guessed_at(tmp_path):
    touch(tmp_path, "beach.jpg", "house.jpg")
    with pytest.raises(InputError, match="not one numbered sequence"):
        gather([tmp_path])


def test_pictures_beside_videos_are_left_out(tmp_path):
    touch(tmp_path, "0007.png", "0008.png", "a.mp4")
    assert names(gather([tmp_path])) == ["a.mp4"]
