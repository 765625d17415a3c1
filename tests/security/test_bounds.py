"""What a file declares costs nothing until it is there: sizes, frames, streams, attachments."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from tests import watching

from tsuzuki.durable import read_bounded
from tsuzuki.errors import SessionDamagedError
from tsuzuki.pipeline import process
from tsuzuki.video import index, source
from tsuzuki.video.bounds import bounded_memory

MEMORY = 600 << 20
"""Bytes that a worker may hold."""
linux = pytest.mark.skipif(sys.platform != "linux", reason="only there memory can be bounded")
TABLES = "moov/trak/mdia/minf/stbl"


def _boxes(data: bytes, start: int, end: int) -> dict[str, tuple[int, int]]:
    """Return start and length of the first box of each kind between two places."""
    found: dict[str, tuple[int, int]] = {}
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        found.setdefault(kind.decode("latin-1"), (start, size))
        start += size
    return found


def _with_box(data: bytes, path: str, body: bytes) -> bytes:
    """Return an MP4 whose box has another body; those around it get another size."""
    start, end, way = 0, len(data), []
    for kind in path.split("/"):
        start, size = _boxes(data, start, end)[kind]
        way.append(start)
        start, end = start + 8, start + size
    more = len(body) - (end - start)
    out = bytearray(data[:start] + body + data[end:])
    for at in way:
        size = struct.unpack(">I", out[at : at + 4])[0] + more
        out[at : at + 4] = struct.pack(">I", size)
    return bytes(out)


def _with_frames(data: bytes, number: int) -> bytes:
    """Return an MP4 whose video claims so many frames of ten bytes, all in one chunk."""
    data = _with_box(data, f"{TABLES}/stsz", struct.pack(">III", 0, 10, number))
    data = _with_box(data, f"{TABLES}/stts", struct.pack(">IIII", 0, 1, number, 512))
    data = _with_box(data, f"{TABLES}/stsc", struct.pack(">IIIII", 0, 1, 1, number, 1))
    return _with_box(data, f"{TABLES}/stco", struct.pack(">III", 0, 1, 48))


def _with_streams(data: bytes, number: int) -> bytes:
    start, size = _boxes(data, 0, len(data))["moov"]
    track, length = _boxes(data, start + 8, start + size)["trak"]
    body = data[start + 8 : start + size] + data[track : track + length] * (number - 2)
    return _with_box(data, "moov", body)


@pytest.fixture
def fresh_workers(forked_workers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers be no copies: what this process has freed would serve them beyond any bound."""
    monkeypatch.setattr(watching.Forking, "Popen", watching.Fresh)


@pytest.fixture
def refused(paused: Any, tsuzuki: Any) -> Callable[..., str]:
    """Probe and upscale what must be refused with one of the codes, and with little memory."""

    def call(video: Path, *codes: int, late: bool = False) -> str:
        watching.memory.clear()
        for command in (
            ("probe", video),
            ("upscale", video, "--allow-sleep", "--engine", "nearest"),
        ):
            result = tsuzuki(*command)
            # Probing reads the beginning; what comes later in the file is met when it is indexed.
            assert result.code in codes or (late and command[0] == "probe"), result
            assert [found for found in result.trespasses if process.PROGRAM not in found] == []
            assert "nexpected" not in result.text
        assert len(watching.memory) >= 2
        assert max(watching.memory) < MEMORY
        assert not paused.output.exists()
        return str(result.text)

    return call


@linux
@pytest.mark.usefixtures("fresh_workers")
@pytest.mark.parametrize("number", [60_000_000, 10**9, 2**32 - 1])
def test_frames(paused: Any, refused: Callable[..., str], number: int) -> None:
    video = paused.place / "home" / "frames.mp4"
    video.write_bytes(_with_frames(paused.video.read_bytes(), number))
    assert "frames.mp4" in refused(video, 14)


@linux
@pytest.mark.usefixtures("fresh_workers")
def test_frames_in_many_streams(paused: Any, refused: Callable[..., str]) -> None:
    video = paused.place / "home" / "frames.mp4"
    data = _with_frames(paused.video.read_bytes(), 60_000_000)
    video.write_bytes(_with_streams(data, 50))
    refused(video, 14)


@linux
@pytest.mark.usefixtures("fresh_workers")
def test_samples_without_bytes_in_the_last_fragment(
    paused: Any, refused: Callable[..., str]
) -> None:
    video = paused.place / "home" / "fragments.mp4"
    options = {"movflags": "frag_keyframe+dash+global_sidx"}
    with av.open(str(video), "w", options=options) as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 48, 32, "yuv420p", 10
        for number in range(60):
            frame = av.VideoFrame(48, 32, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = bytearray(video.read_bytes())
    defaults = data.rindex(b"tfhd") + 4
    data[defaults + 12 : defaults + 16] = bytes(4)  # of a sample
    run = data.rindex(b"trun") - 4
    (size,) = struct.unpack(">I", data[run : run + 4])
    # Only the place and the flags of the first sample stay; a box that is free takes the rest.
    data[run : run + 16] = struct.pack(">I4sII", 24, b"trun", 5, 70_000_000)
    data[run + 24 : run + 32] = struct.pack(">I4s", size - 24, b"free")
    video.write_bytes(data)
    assert "more frames than memory can hold" in refused(video, 14, late=True)


@linux
@pytest.mark.parametrize(("number", "codes"), [(300, (15,)), (10_000, (14, 15))])
def test_streams(
    paused: Any, refused: Callable[..., str], number: int, codes: tuple[int, ...]
) -> None:
    video = paused.place / "home" / "streams.mp4"
    video.write_bytes(_with_streams(paused.video.read_bytes(), number))
    text = refused(video, *codes)
    assert number > 1000 or f"{number} streams; at most {source.MAX_STREAMS}" in text


@linux
@pytest.mark.parametrize("codec", ["huffyuv", "rawvideo"])
@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (16385, 16), (60000, 4000)])
def test_pixels(
    paused: Any, refused: Callable[..., str], codec: str, width: int, height: int
) -> None:
    """The header of an AVI says how large the frames are, and some codecs believe it."""
    video = paused.place / "home" / "large.avi"
    with av.open(str(video), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height = 48, 32
        stream.pix_fmt = "yuv422p" if codec == "huffyuv" else "yuv420p"
        for number in range(3):
            frame = av.VideoFrame(48, 32, stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = bytearray(video.read_bytes())
    at = data.index(b"strf") + 12
    data[at : at + 8] = struct.pack("<ii", width, height)
    video.write_bytes(data)
    text = refused(video, 14, 15)
    known = width * height < 1 << 28  # FFmpeg takes no larger ones and forgets their size
    assert not known or f"{width}x{height}" in text


def test_attachments(paused: Any, refused: Callable[..., str], monkeypatch: Any) -> None:
    video = paused.place / "home" / "fonts.mkv"
    with av.open(str(video), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(3):
            container.add_attachment("font.ttf", "font/ttf", bytes(1000))
        container.mux(stream.encode(av.VideoFrame(48, 32, "yuv420p")))
        container.mux(stream.encode(None))
    monkeypatch.setattr(source, "MAX_ATTACHED", 2999)
    assert "attachments" in refused(video, 15)


def test_packets(
    paused: Any, tsuzuki: Any, monkeypatch: Any, draw_clip: Callable[..., Path]
) -> None:
    video = draw_clip(paused.place / "home" / "long.mp4", 70)
    monkeypatch.setattr(index, "MAX_FRAMES", 60)
    result = tsuzuki("upscale", video, "-o", paused.output, "--engine", "nearest", "--allow-sleep")
    assert (result.code, result.trespasses) == (15, [])
    assert "more than 60 frames" in result.text


@linux
def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.touch()
    os.truncate(path, 1 << 30)
    with bounded_memory(32 << 20), pytest.raises(SessionDamagedError, match="longer than"):
        read_bounded(path, 1 << 28)


@linux
def test_memory_is_bounded_for_a_while_only() -> None:
    with bounded_memory(32 << 20), pytest.raises(MemoryError):
        bytearray(4 << 30)  # more than this process may have free of what it once took
    assert len(bytearray(256 << 20)) == 256 << 20
