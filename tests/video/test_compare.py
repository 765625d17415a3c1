from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki.errors import NotAVideoError
from tsuzuki.video.compare import WORST, compare
from tsuzuki.video.comparison import Comparison

FRAMES = 30


def found(first: Path, second: Path) -> Comparison:
    return compare(str(first), str(second), lambda _: None)[0]


@pytest.fixture(scope="module")
def clip(draw_clip: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_clip(tmp_path_factory.mktemp("compare") / "clip.mp4", FRAMES)


def copy(source: Path, target: Path, change: Callable[[Any, Any], bool] = lambda *_: True) -> Path:
    """Copy packets for which ``change`` says so; it gets the output once without a packet."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        streams = {s.index: writer.add_stream_from_template(s) for s in reader.streams}
        change(writer, None)
        for packet in reader.demux():
            if packet.size and change(writer, packet):
                packet.stream = streams[packet.stream.index]
                writer.mux(packet)
    return target


def test_a_video_is_like_itself(clip: Path) -> None:
    done: list[float] = []
    itself, sheet = compare(str(clip), str(clip), done.append)
    assert itself.frames == (FRAMES, FRAMES)
    assert (itself.psnr, itself.ssim) == (None, 1.0)
    assert (itself.shift, itself.most_off) == (0.0, 0.0)
    assert itself.differences == ()
    assert sheet == b""
    assert done == sorted(done)
    assert done[-1] == 1.0


def test_what_was_lost_is_named(clip: Path, tmp_path: Path) -> None:
    def change(writer: Any, packet: Any) -> bool:
        if packet is None:
            writer.metadata["title"] = "Another"
            writer.streams[1].metadata["language"] = "jpn"
        return packet is None or packet.stream.type == "video" or packet.pts > 0

    other = copy(clip, tmp_path / "other.mkv", change)
    what = {one.what: one.second for one in found(clip, other).differences}
    assert what["tag, title"] == "Another"
    assert what["audio 1, language"] == "jpn"
    assert "packets" in what["audio 1, data"]


def test_a_missing_stream_is_named(clip: Path, draw_clip: Any, tmp_path: Path) -> None:
    silent = draw_clip(tmp_path / "silent.mp4", FRAMES, sound=False)
    differences = {one.what: (one.first, one.second) for one in found(clip, silent).differences}
    assert differences["audio 1"] == ("aac", "none")


def test_times_that_miss_are_told_beside_a_shift_of_all(clip: Path, tmp_path: Path) -> None:
    def later(_: Any, packet: Any) -> bool:
        if packet is not None:
            tick = packet.time_base
            packet.pts += int(Fraction(1, 2) / tick)
            packet.dts += int(Fraction(1, 2) / tick)
            if packet.stream.type == "video" and packet.pts * tick > 1:
                packet.pts += int(Fraction(1, 96) / tick)
        return True

    other = found(clip, copy(clip, tmp_path / "late.mp4", later))
    assert other.shift == pytest.approx(0.5, abs=0.001)
    assert other.most_off == pytest.approx(1 / 96, abs=0.001)
    assert other.psnr is None


def encoded(path: Path, pictures: list[np.ndarray], **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=24, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_psnr_is_that_of_its_definition_and_the_worst_come_first(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), 100, np.uint8) for _ in range(8)]
    changed = [picture.copy() for picture in pictures]
    for number, by in ((2, 10), (5, 4), (6, 1)):
        changed[number] += np.uint8(by)
    first = encoded(tmp_path / "first.mkv", pictures)
    comparison, sheet = compare(
        str(first), str(encoded(tmp_path / "second.mkv", changed)), lambda _: None, sheet=True
    )
    assert [one.frame for one in comparison.worst][:3] == [3, 6, 7]
    assert len(comparison.worst) == WORST
    assert comparison.worst[0].psnr == pytest.approx(20 * np.log10(255 / 10), abs=0.01)
    assert comparison.psnr == pytest.approx(10 * np.log10(255**2 * 8 / (100 + 16 + 1)), abs=0.01)
    with av.open(io.BytesIO(sheet)) as shown:
        picture = next(shown.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (WORST * 48, 3 * 64, 3)
    amplified = picture[:, 128:]
    assert {int(amplified[24 + 48 * row, 32, 0]) for row in range(WORST)} >= {208, 160, 136}


def test_the_first_is_brought_to_the_size_of_the_second(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(16, 240, 64).astype(np.uint8)[None, :, None], (48, 1, 3))
    large = np.tile(np.linspace(16, 240, 128).astype(np.uint8)[None, :, None], (96, 1, 3))
    comparison = found(
        encoded(tmp_path / "small.mkv", [ramp]), encoded(tmp_path / "large.mkv", [large])
    )
    assert comparison.sizes == ((64, 48), (128, 96))
    assert comparison.psnr is not None
    assert comparison.psnr > 40


def test_frames_missing_at_the_end_are_counted(clip: Path, draw_clip: Any, tmp_path: Path) -> None:
    shorter = draw_clip(tmp_path / "shorter.mp4", FRAMES - 6)
    for pair in ((clip, shorter), (shorter, clip)):
        comparison = found(*pair)
        assert set(comparison.frames) == {FRAMES, FRAMES - 6}
        assert (comparison.compared, comparison.paired_by) == (FRAMES - 6, "time")


def test_another_rate_is_compared_by_time(tmp_path: Path) -> None:
    """Frames left out and repeated are not compared with their neighbours, nor those after them."""
    pictures = [np.full((48, 64, 3), 20 + 8 * n, np.uint8) for n in range(24)]
    first = encoded(tmp_path / "first.mkv", pictures, g="1")
    fewer = copy(first, tmp_path / "fewer.mkv", lambda _, p: p is None or p.pts not in (125, 500))
    comparison = found(first, fewer)
    assert (comparison.frames, comparison.compared) == ((24, 22), 22)
    assert (comparison.psnr, comparison.most_off) == (None, 0)
    back = found(fewer, first)
    assert back.compared == 24
    assert [one.second_frame for one in back.worst if one.psnr] == [4, 13]
    assert [one.frame for one in back.worst if one.psnr] == [3, 11]


def test_what_is_no_video_is_refused(clip: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(NotAVideoError):
        found(clip, text)
