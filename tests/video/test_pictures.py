"""Pictures and animations as sources: what comes out of the decoder is what was drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tsuzuki.errors import NotAVideoError, SettingsError, UnsupportedVideoError
from tsuzuki.video.decode import FrameReader
from tsuzuki.video.index import build_index
from tsuzuki.video.probe import probe
from tsuzuki.video.stills import encode_png

KINDS = {
    "png": ("png", "rgb24"),
    "deep.png": ("png", "rgb48be"),
    "jpg": ("mjpeg", "yuvj420p"),
    "webp": ("libwebp", "bgra"),
    "tiff": ("tiff", "rgb24"),
    "bmp": ("bmp", "bgr24"),
    "ppm": ("ppm", "rgb24"),
    "tga": ("targa", "bgr24"),
    "dpx": ("dpx", "gbrp10le"),
}
LOSSLESS = {"png", "deep.png", "tiff", "bmp", "ppm", "tga"}

Picture = NDArray[np.uint8]


def drawn(number: int, width: int = 48, height: int = 36) -> Picture:
    rows, columns = np.mgrid[:height, :width]
    planes = (rows * 5 + number * 9, columns * 4, rows + columns + number * 20)
    return np.stack(planes, axis=-1).astype(np.uint8)


def write(path: Path, rgb: Picture, kind: str) -> None:
    codec, form = KINDS[kind]
    frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=form)
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, form
    context.time_base = Fraction(1)
    context.color_range = 2
    path.write_bytes(b"".join(bytes(p) for p in (*context.encode(frame), *context.encode(None))))


def frames_of(path: Path, rate: Fraction | None = None) -> list[Any]:
    facts = probe(path, rate)
    index = build_index(facts)
    return list(FrameReader(facts, index).frames(0, len(index)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_of_any_kind(tmp_path: Path, kind: str) -> None:
    suffix = kind.rpartition(".")[2]
    folder = tmp_path / "50%d of it"
    folder.mkdir()
    for number in range(5):
        write(folder / f"{number + 8:03d}.{suffix}", drawn(number), kind)
    facts = probe(folder / f"%03d.{suffix}", Fraction(30000, 1001))
    index = build_index(facts)
    assert (facts.pictures, facts.first_number, facts.frame_count) == ("sequence", 8, 5)
    assert (index.pts, index.end, index.time_base) == ([0, 1, 2, 3, 4], 5, (1001, 30000))
    for frame in FrameReader(facts, index).frames(0, 5):
        seen = frame.rgb * (255.0 / facts.colour.white)
        error = np.abs(seen - drawn(frame.number).transpose(2, 0, 1).astype(float))
        assert not frame.failed
        assert error.max() < 1.01 if kind in LOSSLESS else error.mean() < 9
    assert [f.number for f in FrameReader(facts, index).frames(3, 5)] == [3, 4]


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_one_picture(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"%03d.{kind}"  # a file's own name, however it looks
    write(path, drawn(0), kind)
    assert probe(path).pictures == "still"
    assert len(frames_of(path)) == 1
    with pytest.raises(SettingsError, match="no sequence"):
        probe(path, Fraction(24))


def test_a_rate_is_chosen_and_said(tmp_path: Path) -> None:
    write(tmp_path / "1.png", drawn(1), "png")
    facts = probe(tmp_path / "%d.png")
    assert facts.time_base == (1, 25)
    assert any("25 a second; --rate" in sentence for sentence in facts.warnings)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff", "bmp"])
def test_one_of_another_size_is_named_before_any_work(tmp_path: Path, kind: str) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.{kind}", drawn(number, 48 + 2 * (number == 2)), kind)
    with pytest.raises(UnsupportedVideoError, match=rf"2\.{kind}' has 50x36"):
        frames_of(tmp_path / f"%d.{kind}")


def test_one_of_another_depth(tmp_path: Path) -> None:
    write(tmp_path / "1.png", drawn(1), "png")
    write(tmp_path / "2.png", drawn(2), "deep.png")
    with pytest.raises(UnsupportedVideoError, match=r"2\.png' has 48x36 pixels of 16 bits"):
        frames_of(tmp_path / "%d.png")


def test_a_damaged_picture_repeats_its_neighbour(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.png", drawn(number), "png")
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    first, second, third = frames_of(tmp_path / "%d.png")
    assert (first.failed, second.failed, third.failed) == (False, True, False)
    assert np.array_equal(first.rgb, second.rgb)


def test_a_wrong_ending_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", drawn(1), "png")
    with pytest.raises(NotAVideoError, match=r"It is one of \.png"):
        probe(tmp_path / "a.jpg")


def test_an_animated_webp_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x02" + bytes(80))
    with pytest.raises(UnsupportedVideoError, match="animated WebP"):
        probe(path)


def test_a_playlist_called_a_picture_reads_nothing(tmp_path: Path) -> None:
    write(tmp_path / "secret.png", drawn(1), "png")
    path = tmp_path / "a.png"
    path.write_text(f"ffconcat version 1.0\nfile '{tmp_path}/secret.png'\n")
    with pytest.raises(NotAVideoError):
        probe(path)


def animated(path: Path, delays: Sequence[int], picture: Callable[[int], Picture]) -> None:
    """Write a GIF or an animated PNG whose frames last so many hundredths of a second."""
    gif = path.suffix == ".gif"
    with av.open(str(path), "w", format="gif" if gif else "apng") as container:
        stream: Any = container.add_stream("gif" if gif else "apng", rate=100)
        stream.pix_fmt = "bgr8" if gif else "rgb24"
        stream.height, stream.width = picture(0).shape[:2]
        stream.codec_context.time_base = Fraction(1, 100)
        for number in range(len(delays)):
            rgb = av.VideoFrame.from_ndarray(picture(number), "rgb24")
            frame = rgb.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = sum(delays[:number]), Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("name", ["a.gif", "a.apng", "a.png"])
def test_an_animation_keeps_its_times(tmp_path: Path, name: str) -> None:
    delays = [2, 50, 3, 100, 7] * 6

    def moving(number: int) -> Picture:
        picture = np.zeros((36, 48, 3), np.uint8)
        picture[number : number + 4, number : number + 6] = 255
        return picture

    path = tmp_path / name
    animated(path, delays, moving)
    facts = probe(path)
    index = build_index(facts)
    tick = Fraction(*index.time_base)
    assert facts.pictures == ""
    assert [pts * tick * 100 for pts in index.pts] == [sum(delays[:n]) for n in range(30)]
    reader = FrameReader(facts, index)
    for frame in (*reader.frames(0, 30), *reader.frames(20, 25)):
        bright = moving(frame.number).transpose(2, 0, 1) > 128
        assert np.array_equal(frame.rgb > 128, bright)  # the palette has no full white


def test_a_still_png_is_no_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(av.VideoFrame.from_ndarray(drawn(0), "rgb24")))
    assert probe(path).pictures == "still"
