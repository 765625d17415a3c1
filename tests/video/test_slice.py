from __future__ import annotations

from pathlib import Path

import pytest

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video import cut as cutting
from tsuzuki.video.facts import Probe
from tsuzuki.video.probe import probe
from tsuzuki.video.processor import VideoProcessor
from tsuzuki.video.slice import BLOCK, Slice, SliceError, SliceFile
from tsuzuki.video.source import standing_in

MARGIN = 32


def shown(video: VideoProcessor, index: FrameIndex, first: int, last: int) -> list[bytes]:
    return [frame.rgb.tobytes() for frame in video.reader(index).frames(first, last)]


def through(facts: Probe, part: Slice) -> SliceFile:
    return SliceFile(facts.path, part)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("bbb_180p_20s.mp4", {}),
        ("bbb_truncated.mkv", {}),
        ("static_camera_live_action.mp4", {"range_start": "20", "range_end": "30"}),
        ("elf_live_action.mp4", {"deinterlace": "on", "fps": "12"}),
        ("androidx_bbb_642x642_768kbps_30fps_vp9.webm", {}),
        ("androidx_sample.avi", {}),
    ],
)
def test_a_slice_shows_the_frames_of_the_file(
    media: Path, tmp_path: Path, name: str, settings: dict[str, str]
) -> None:
    path = tmp_path / name
    path.write_bytes((media / name).read_bytes())
    video = VideoProcessor(probe(path), ProcessingSettings(**settings))
    index = video.index(lambda _: None)
    first = len(index) // 2
    last = min(len(index), first + 6)
    expected = shown(video, index, first, last)
    head = video.head()
    part = video.cut(index, first, last, MARGIN).without(head)
    path.unlink()
    file = through(video.facts, head.joined(part))
    with standing_in(video.facts.path, file):
        assert shown(video, index, first, last) == expected
    assert not file.lacking


def test_a_slice_is_small(media: Path) -> None:
    facts = VideoProcessor(probe(media / "static_camera_live_action.mp4"), ProcessingSettings())
    index = facts.index(lambda _: None)
    part = facts.cut(index, 600, 620, MARGIN).without(facts.head())
    assert 0 < len(part) < part.size / 4


def test_reading_beyond_a_slice_is_an_error_and_never_damage(media: Path) -> None:
    video = VideoProcessor(probe(media / "elf_live_action.mp4"), ProcessingSettings())
    index = video.index(lambda _: None)
    file = through(video.facts, video.head().joined(video.cut(index, 0, 12, MARGIN)))
    with standing_in(video.facts.path, file), pytest.raises(SliceError):
        shown(video, index, 0, len(index))
    assert file.lacking


def test_a_slice_that_would_be_too_large_is_refused(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting, "MAX_BYTES", 2 * BLOCK)
    video = VideoProcessor(probe(media / "elf_live_action.mp4"), ProcessingSettings())
    index = video.index(lambda _: None)
    with pytest.raises(UnsupportedVideoError, match="cannot be sought in"):
        video.cut(index, 200, 220, MARGIN)


def test_a_slice_file_reads_like_a_file() -> None:
    whole = bytes(range(256)) * 600
    blocks = {n: whole[n * BLOCK : (n + 1) * BLOCK] for n in range(3)}
    file = SliceFile("clip", Slice(len(whole), blocks))
    assert file.read(10) == whole[:10]
    assert file.seek(-5, 2) == len(whole) - 5
    assert (file.read(100), file.read(100)) == (whole[-5:], b"")
    file.seek(BLOCK - 1)
    assert (file.read(8), file.read(3)) == (whole[BLOCK - 1 : BLOCK], whole[BLOCK : BLOCK + 3])
    lacking = SliceFile("clip", Slice(len(whole), {0: blocks[0]}))
    lacking.seek(BLOCK)
    with pytest.raises(SliceError):
        lacking.read(1)
    assert lacking.lacking
