from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest

from tsuzuki.errors import (
    DamagedVideoError,
    InputNotFoundError,
    InputPermissionError,
    NotAVideoError,
    UnsupportedVideoError,
)
from tsuzuki.video import source
from tsuzuki.video.probe import probe
from tsuzuki.video.source import MAX_SIDE, check_size, main_stream, open_source


def test_opens_a_video_and_closes_it(clip: Callable[[str], Path]) -> None:
    with open_source(clip("idr.mkv")) as container:
        stream = main_stream(container)
        assert stream.width == 64
    with pytest.raises(AssertionError):
        list(container.demux())


@pytest.mark.parametrize(
    "name", ["a b%20c.mkv", "file:x.mkv", "http:x.mkv", "映画;$(x).mkv", "%d.mkv"]
)
def test_names_are_names_and_nothing_else(
    clip: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if sys.platform == "win32" and ":" in name:
        pytest.skip("no such names here")
    (tmp_path / name).write_bytes(clip("idr.mkv").read_bytes())
    monkeypatch.chdir(tmp_path)
    with open_source(name) as container:
        assert main_stream(container).height == 48


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_tags_that_are_no_utf8_can_be_read_and_stored(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"film.{ending}"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        out.metadata["title"] = "Foobar"
        stream.metadata["title"] = "Fooled"
        out.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"Foo", "für".encode("latin-1")))
    with open_source(path) as container:
        assert container.metadata["title"] == "f\ufffdrbar"
        assert "f\ufffdrled" in container.streams[0].metadata.values()
    msgspec.json.encode(probe(path))  # fails where a lone surrogate is left


def test_missing_file() -> None:
    for name in ("nowhere/at all.mkv", "http://localhost/a.mkv", "a\0b.mkv"):
        with pytest.raises(InputNotFoundError, match="Check the name"), open_source(name):
            pass


@pytest.mark.parametrize("content", [b"", b"To be continued.\n" * 50, bytes(4000), b"\x89PNG\r\n"])
def test_not_a_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(NotAVideoError, match=r"film\.mp4"), open_source(path):
        pass


def test_folder_and_pipe(tmp_path: Path) -> None:
    with pytest.raises(NotAVideoError, match="folder"), open_source(tmp_path):
        pass
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(NotAVideoError, match="pipe"), open_source(tmp_path / "pipe"):
            pass


def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(InputPermissionError), open_source(path):
        pass


def test_cut_off_file_is_damaged_rather_than_no_video(
    clip: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip("open.mp4").read_bytes()[:20000])
    with pytest.raises(DamagedVideoError, match="Get it again"), open_source(path):
        pass


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=48000)
        for start in range(3):
            silence = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, start * 1024
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with open_source(path) as container, pytest.raises(NotAVideoError, match="only sound"):
        main_stream(container)


def test_takes_the_larger_of_two_video_streams(tmp_path: Path) -> None:
    path = tmp_path / "two.ts"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("mpeg2video", rate=25) for _ in range(2)]
        for stream, width in zip(streams, (32, 64), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 32, "yuv420p"
        for stream, width in zip(streams, (32, 64), strict=True):
            noise = np.random.default_rng(3).integers(0, 255, (48, width), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="yuv420p")))
            out.mux(stream.encode(None))  # less than noise would be too short to be known
    with open_source(path) as container:
        assert main_stream(container).width == 64


PLAYLISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
    "list.mpd": "<?xml version='1.0'?><MPD><Period><AdaptationSet><Representation><BaseURL>{target}"
    "</BaseURL></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_playlists_reach_neither_files_nor_the_network(
    tmp_path: Path, clip: Callable[[str], Path], name: str
) -> None:
    (tmp_path / "a.ts").write_bytes(clip("open.ts").read_bytes())
    hits = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]

        def listen() -> None:
            with contextlib.suppress(TimeoutError):
                hits.append(server.accept()[1])

        listener = threading.Thread(target=listen)
        listener.start()
        for target in ("a.ts", f"http://127.0.0.1:{port}/a.ts"):
            path = tmp_path / name
            path.write_text(PLAYLISTS[name].format(target=target, port=port))
            with pytest.raises(NotAVideoError), open_source(path):
                pass
        listener.join()
    assert hits == []


def test_bounds(clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    check_size(MAX_SIDE, 1, "x")
    with pytest.raises(UnsupportedVideoError):
        check_size(MAX_SIDE + 1, 1, "x")
    with pytest.raises(DamagedVideoError):
        check_size(0, 0, "x")
    monkeypatch.setattr(source, "MAX_STREAMS", 0)
    with pytest.raises(UnsupportedVideoError, match="streams"), open_source(clip("idr.mkv")):
        pass


def test_damage_is_not_told_on_the_terminal(
    tmp_path: Path, clip: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "holes.ts"
    data = bytearray(clip("open.ts").read_bytes())
    data[40000:44000] = bytes(4000)
    path.write_bytes(data)
    with open_source(path) as container:
        stream = main_stream(container)
        source.prepare_decoder(stream)
        for packet in container.demux(stream):
            try:
                packet.decode()
            except av.error.FFmpegError:
                continue
    assert capfd.readouterr() == ("", "")
