"""What counts as a video that is there as a whole."""

import os

import pytest

from tsuzuki.unattended.arrivals import Arrivals


@pytest.fixture
def put(tmp_path):
    """Write a file, with a time of its own."""

    def write(name, data=b"x", seconds=1):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (seconds, seconds))
        return path

    return write


def rests(arrivals, now):
    return {one.path.name: one.rest for one in arrivals.look(now)}


def test_a_file_rests_from_when_it_was_last_seen_to_change(put, tmp_path):
    arrivals = Arrivals(tmp_path)
    put("a.mp4", b"1")
    assert rests(arrivals, 10) == {"a.mp4": 0}
    assert rests(arrivals, 13) == {"a.mp4": 3}
    put("a.mp4", b"12")  # it grows
    assert rests(arrivals, 14) == {"a.mp4": 0}
    put("a.mp4", b"12", seconds=2)  # its room was taken beforehand: only the time tells
    assert rests(arrivals, 16) == {"a.mp4": 0}
    assert rests(arrivals, 21) == {"a.mp4": 5}


def test_one_that_comes_back_has_to_rest_anew(put, tmp_path):
    arrivals = Arrivals(tmp_path)
    path = put("a.mp4")
    arrivals.look(0)
    path.unlink()
    assert rests(arrivals, 5) == {}
    put("a.mp4")
    assert rests(arrivals, 6) == {"a.mp4": 0}


def test_the_oldest_comes_first(put, tmp_path):
    put("b.mp4", seconds=1)
    put("a.mp4", seconds=2)
    assert [one.path.name for one in Arrivals(tmp_path).look(0)] == ["b.mp4", "a.mp4"]


def test_only_videos_count(put, tmp_path):
    put("film.MKV")
    for name in (".hidden.mp4", "film.mkv.part", "note.txt", "film_2x.mkv", "no.suffix"):
        put(name)
    put("other_2x.mkv")  # of which there is no source here
    (tmp_path / "folder.mp4").mkdir()
    assert rests(Arrivals(tmp_path), 0).keys() == {"film.MKV", "other_2x.mkv"}


def test_folders_below_count_where_that_is_wished(put, tmp_path):
    for name in ("a.mp4", "sub/b.mp4", "sub/deep/c.mp4", "done/d.mp4", ".trash/e.mp4"):
        put(name)
    (tmp_path / "sub" / "circle").symlink_to(tmp_path, target_is_directory=True)
    assert rests(Arrivals(tmp_path), 0).keys() == {"a.mp4"}
    deep = Arrivals(tmp_path, recursive=True, but=[tmp_path / "done"])
    assert rests(deep, 0).keys() == {"a.mp4", "b.mp4", "c.mp4"}


def test_a_folder_out_of_reach_is_empty_until_it_is_back(put, tmp_path):
    put("drive/a.mp4")
    drive = tmp_path / "drive"
    arrivals = Arrivals(drive)
    assert rests(arrivals, 0) == {"a.mp4": 0}
    drive.rename(tmp_path / "away")
    assert rests(arrivals, 5) == {}
    (tmp_path / "away").rename(drive)
    assert rests(arrivals, 10) == {"a.mp4": 0}
