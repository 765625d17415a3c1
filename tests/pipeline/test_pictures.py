"""Pictures in, and pictures out: resumed with the same bytes, published all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.pipeline.conftest import Runner
from tests.video.test_icc import PROFILE, in_jpeg
from tests.video.test_pictures import drawn, write

from tsuzuki import pipeline
from tsuzuki.errors import (
    ContainerError,
    InputNotFoundError,
    OutputExistsError,
    OutputIsInputError,
    SessionDiffersError,
)
from tsuzuki.pipeline import events
from tsuzuki.video.icc import read_profile
from tsuzuki.video.stills import encode_png

COUNT = 30
PICTURES = {"preset": None}
"""The settings of `Runner` without what is x264's alone."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The pattern of pictures 5 to 34."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(COUNT):
        write(folder / f"{number + 5:04d}.png", drawn(number), "png")
    return folder / "%04d.png"


@pytest.fixture
def run(pictures: Path, tmp_path: Path) -> Runner:
    return Runner(pictures, tmp_path)


def half(run: Runner, **options: Any) -> None:
    run.stop_after(events.SegmentSealed, 1, **options)


def test_a_sequence_becomes_a_video(run: Runner) -> None:
    run(settings={"rate": "30000/1001"})
    with av.open(str(run.output)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([number * 1001 / 30000 for number in range(COUNT)])


def test_its_video_lies_beside_its_folder(run: Runner, tmp_path: Path) -> None:
    assert run(output=None).output == tmp_path / "frames_2x.mkv"


def test_resumed_with_the_same_bytes(run: Runner, tmp_path: Path) -> None:
    run()
    whole = run.digest()
    run.output = tmp_path / "again.mp4"
    half(run)
    run()
    assert run.of(events.SessionOpened)[0].resumed
    assert run.digest() == whole


def test_a_changed_picture_is_noticed(run: Runner, pictures: Path) -> None:
    half(run)
    write(pictures.with_name("0030.png"), drawn(77), "png")
    session_id = run.session_id
    with pytest.raises(SessionDiffersError, match=r"video\.content"):
        pipeline.resume(session_id, sessions_dir=run.sessions)


def test_a_missing_picture_is_named_on_resume(run: Runner, pictures: Path) -> None:
    half(run)
    pictures.with_name("0012.png").unlink()
    with pytest.raises(InputNotFoundError, match=r"0012\.png' is missing"):
        pipeline.resume(run.session_id, sessions_dir=run.sessions)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_pictures_keep_their_numbers_and_values(run: Runner, tmp_path: Path) -> None:
    run(output=tmp_path / "out" / "%05d.png", settings=PICTURES)
    made = contents(tmp_path / "out")
    assert list(made) == [f"{number + 5:05d}.png" for number in range(COUNT)]
    for number in (0, 13, 29):
        with av.open(str(tmp_path / "out" / f"{number + 5:05d}.png")) as container:
            picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert np.array_equal(picture, drawn(number).repeat(2, axis=0).repeat(2, axis=1))


def test_pictures_have_the_same_bytes_after_a_stop(run: Runner, tmp_path: Path) -> None:
    run(output=tmp_path / "whole" / "%d.png", settings=PICTURES)
    half(run, output=tmp_path / "out" / "%d.png", settings=PICTURES)
    assert not (tmp_path / "out").exists()
    run(output=tmp_path / "out" / "%d.png", settings=PICTURES)
    assert run.of(events.SessionOpened)[0].resumed
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_folder_with_something_in_it_is_left_alone(run: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    run(output=folder / "%d.png", settings=PICTURES)  # an empty one gives way
    before = contents(folder)
    with pytest.raises(OutputExistsError, match="pictures already"):
        run(output=folder / "%d.png", settings=PICTURES)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"other files, such as notes\.txt"):
        run(output=folder / "%d.png", settings=PICTURES, overwrite=True)
    (folder / "notes.txt").unlink()
    (folder / "5.png").unlink()
    run(output=folder / "%d.png", settings=PICTURES, overwrite=True)
    assert contents(folder) == before


def test_the_input_is_never_the_output(run: Runner, pictures: Path) -> None:
    before = contents(pictures.parent)
    with pytest.raises(OutputIsInputError):
        run(output=pictures, settings=PICTURES, overwrite=True)
    assert contents(pictures.parent) == before


def test_a_video_becomes_pictures_from_1(run: Runner, clip: Path, tmp_path: Path) -> None:
    run(clip=clip, output=tmp_path / "out" / "%06d.png", settings=PICTURES)
    assert list(contents(tmp_path / "out")) == [f"{n:06d}.png" for n in range(1, 97)]
    with pytest.raises(ContainerError, match=r"many\. Number them"):
        run(clip=clip, output=tmp_path / "one.png", settings=PICTURES)


@pytest.mark.parametrize("kind", ["png", "deep.png", "jpg"])
def test_a_picture_becomes_a_picture(run: Runner, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"beach.{kind.rpartition('.')[2]}"
    write(path, drawn(3), kind)
    result = run(clip=path, output=None, settings=PICTURES)
    assert result.output == tmp_path / "beach_2x.png"
    with av.open(str(result.output)) as container:
        made = next(container.decode(video=0))
    assert made.format.name == ("rgb48be" if kind == "deep.png" else "rgb24")
    error = made.to_ndarray(format="rgb24") - drawn(3).repeat(2, 0).repeat(2, 1).astype(float)
    assert np.abs(error).mean() < (9 if kind == "jpg" else 1)


def test_a_turned_photo_is_turned(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    write(path, drawn(0), "jpg")
    data = path.read_bytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    result = run(clip=path, output=None, settings=PICTURES)
    with av.open(str(result.output)) as container:
        made = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)
    wanted = np.rot90(drawn(0).repeat(2, 0).repeat(2, 1), -1)  # 6: the top is at the right
    assert made.shape == wanted.shape
    assert np.abs(made - wanted).mean() < 9


def test_no_gif_is_written(run: Runner, tmp_path: Path) -> None:
    with pytest.raises(ContainerError, match=r"No GIF .*%06d\.png"):
        run(output=tmp_path / "a.gif")


@pytest.mark.parametrize(("output", "kept"), [("1.png", True), ("1.mp4", False)])
def test_a_colour_profile_is_kept_in_png_or_its_loss_told(
    tmp_path: Path, output: str, *, kept: bool
) -> None:
    picture = tmp_path / "photo.jpg"
    write(picture, drawn(1), "jpg")
    picture.write_bytes(in_jpeg(picture.read_bytes(), PROFILE))
    run = Runner(picture, tmp_path)
    run.output = tmp_path / output
    run(settings=PICTURES if kept else {})
    told = [warned.message for warned in run.of(events.Warned) if "ICC" in warned.message]
    assert bool(told) != kept
    if kept:
        assert read_profile(str(run.output)) == PROFILE


def test_kept_frames_without_their_transparency_are_told(tmp_path: Path) -> None:
    picture = tmp_path / "clear.png"
    rgba = np.full((36, 48, 4), 90, np.uint8)
    picture.write_bytes(encode_png(av.VideoFrame.from_ndarray(rgba, format="rgba")))
    run = Runner(picture, tmp_path)
    run.output = tmp_path / "out.png"
    run(settings={**PICTURES, "keep_frames": True})
    assert any("without their transparency" in w.message for w in run.of(events.Warned))
