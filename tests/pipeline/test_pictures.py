"""Pictures in, and pictures out: resumed with the same bytes, published all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from tests.pipeline.conftest import Runner
from tests.video.test_pictures import drawn, write

from tsuzuki import pipeline
from tsuzuki.errors import InputNotFoundError, SessionDiffersError
from tsuzuki.pipeline import events

COUNT = 30


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
