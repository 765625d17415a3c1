"""Sequences of numbered pictures: found, told apart, and noticed when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tsuzuki.errors import InputError, InputNotFoundError
from tsuzuki.sessions.identity import find_video, fingerprint, generate_session_id
from tsuzuki.sessions.pictures import files_of, find_sequence, guess_pattern, is_source, pattern_of


@pytest.fixture
def pattern(tmp_path: Path) -> Path:
    """Pictures 98 to 102, whose numbers become longer than the pattern's digits."""
    for number in range(98, 103):
        (tmp_path / f"shot_{number:02d}.png").write_bytes(bytes([number]) * 10)
    (tmp_path / "shot_0100.png").write_bytes(b"another name")
    (tmp_path / "shot_99.jpg").write_bytes(b"another kind")
    return tmp_path / "shot_%02d.png"


def test_the_pictures_of_a_pattern(pattern: Path) -> None:
    found = find_sequence(pattern)
    assert found is not None
    assert (found.first, found.count, found.size) == (98, 5, 50)
    names = [path.name for path in files_of(pattern)]
    assert names == [f"shot_{number}.png" for number in range(98, 103)]
    assert is_source(pattern)


def test_the_first_missing_picture_is_named(pattern: Path) -> None:
    pattern.with_name("shot_100.png").unlink()
    pattern.with_name("shot_101.png").unlink()
    with pytest.raises(InputNotFoundError, match=r"shot_100\.png' is missing"):
        find_video(pattern)
    assert not is_source(pattern)


def test_no_picture_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="No picture is named like"):
        find_video(tmp_path / "%03d.png")
    with pytest.raises(InputNotFoundError, match="No picture is named like"):
        find_video(tmp_path / "nowhere" / "%03d.png")


def test_a_picture_that_is_no_file(pattern: Path) -> None:
    os.mkfifo(pattern.with_name("shot_103.png"))
    with pytest.raises(InputError, match="no plain file"):
        find_video(pattern)


@pytest.mark.parametrize(
    "name", ["a.png", "%s.png", "%d_%d.png", "%-3d.png", "%0d.png", "100%.mp4"]
)
def test_plain_names(name: str) -> None:
    assert pattern_of(Path("folder") / name) is None


def test_a_file_of_that_very_name_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "%03d.png"
    path.write_bytes(b"x")
    assert pattern_of(path) is None
    assert find_video(path).size == 1


def test_other_per_cent_signs_mean_nothing_to_ffmpeg() -> None:
    path = "/a%03d/50%_%04d_%.png"
    pattern = pattern_of(path)
    assert pattern is not None
    assert pattern.for_ffmpeg(path) == "/a%%03d/50%%_%04d_%%.png"
    assert pattern.path(7) == Path("/a%03d/50%_0007_%.png")


@pytest.mark.parametrize("change", ["content", "longer", "shorter", "renumbered"])
def test_any_change_is_another_fingerprint(pattern: Path, change: str) -> None:
    before = fingerprint(pattern)
    assert fingerprint(pattern) == before
    match change:
        case "content":
            pattern.with_name("shot_100.png").write_bytes(b"0123456789")
        case "longer":
            pattern.with_name("shot_103.png").write_bytes(b"")
        case "shorter":
            pattern.with_name("shot_102.png").unlink()
        case _:
            for number in range(102, 97, -1):
                path = pattern.with_name(f"shot_{number}.png")
                path.rename(pattern.with_name(f"shot_{number + 1}.png"))
    assert fingerprint(pattern) != before


def test_the_id_counts_every_picture(pattern: Path) -> None:
    before = generate_session_id(pattern, {})
    assert generate_session_id(pattern, {}) == before
    os.utime(pattern.with_name("shot_98.png"), (2e9, 2e9))
    assert generate_session_id(pattern, {}) != before


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["1.png", "2.png", "10.png"], "%d.png"),
        (["f0001.jpg", "f0002.jpg"], "f%04d.jpg"),
        (["f98.png", "f99.png", "f100.png"], "f%02d.png"),
        (["f1.png", "g2.png"], None),
        (["f1.png", "f2.jpg"], None),
        (["f1.png", "f02.png"], None),
        (["f1.png"], None),
        (["f.png", "g.png"], None),
    ],
)
def test_guessing(tmp_path: Path, names: list[str], expected: str | None) -> None:
    found = guess_pattern(names, tmp_path)
    assert (found and found.name) == expected
