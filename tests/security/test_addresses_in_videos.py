"""A video cannot make the program open another file, or reach out to the network (S5)."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
PLAYLISTS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "key.m3u8": '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n'
    '#EXT-X-MAP:URI="{target}"\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n',
    "list.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "list.concat": "file {target}\n",
    "stream.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash.mpd": "<?xml version='1.0'?><MPD type='static' xmlns='urn:mpeg:dash:schema:mpd:2011'>"
    "<Period><AdaptationSet mimeType='video/mp4'><Representation id='1' bandwidth='1'>"
    "<BaseURL>{target}</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>",
    "list.asx": "<asx version='3.0'><entry><ref href='{target}'/></entry></asx>",
    "ref.asf": "[Reference]\nRef1={target}\n",
    "redirect.mov": "rtsptext\r\n{target}",
    "list.pls": "[playlist]\nFile1={target}\n",
    "film.ram": "{target}\n",
    "film.smil": "<smil><body><video src='{target}'/></body></smil>",
    "script.vpy": "import urllib.request; urllib.request.urlopen('{target}')",
    "script.avs": 'DirectShowSource("{target}")\n',
    "title.imf": "<AssetMap><Path>{target}</Path></AssetMap>",
    "teletext.vtt": "WEBVTT\n\nSTYLE\n@import url({target});\n",
}
NAMES = (
    "{url}", "concat:{canary}|{canary}", "concatf:{canary}", "subfile,,start,0,end,9,,:{canary}",
    "crypto:{canary}", "data:video/mp4;base64,AAAA", "pipe:0", "fd:0", "tcp://127.0.0.1:{port}",
    "udp://127.0.0.1:{port}", "rtmp://127.0.0.1:{port}/a", "cache:{url}", "async:{url}",
    "tee:{canary}", "{folder}/%03d.png", "{folder}/*.png", "lavfi:movie={canary}", "-",
    "file:{canary}", "hls+{url}", "image2:{canary}", "ipfs://{canary}", "unix:{canary}",
)  # fmt: skip
"""Names that mean more to FFmpeg than a file."""
ENDINGS = ("", ".mp4", ".mkv", ".ts")


@pytest.fixture
def address() -> Iterator[tuple[int, list[Any]]]:
    """A listening socket on this machine and who connected to it."""
    hits: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def listen() -> None:
            with contextlib.suppress(OSError):
                while True:
                    caller, who = server.accept()
                    hits.append(who)
                    caller.close()

        threading.Thread(target=listen, daemon=True).start()
        yield port, hits
        server.shutdown(socket.SHUT_RDWR)


def _linked(clip: Path, path: Path, target: str) -> Path:
    """Write a MOV whose samples lie in another file, by ``url `` and by ``alis``."""
    data = clip.read_bytes()
    url = target.encode() + b"\0"
    entry = struct.pack(">I4sI", 12 + len(url), b"url ", 0) + url
    old = data.index(b"dref") - 4
    size = struct.unpack(">I", data[old : old + 4])[0]
    new = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    grown = bytearray(data[:old] + new + data[old + size :])
    for name in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = grown.rindex(name, 0, old) - 4
        whole = struct.unpack(">I", grown[at : at + 4])[0] + len(new) - size
        grown[at : at + 4] = struct.pack(">I", whole)
    path.write_bytes(grown)
    return path


def _chained(path: Path, clip: Path, target: str) -> Path:
    """Write a Matroska file that says which file comes next: PrevFilename and NextFilename."""
    data = clip.read_bytes()
    info = data.index(b"\x15\x49\xa9\x66")
    name = target.encode()
    more = b"\x3c\x83\xab" + bytes([0x80 | len(name)]) + name
    more += b"\x3e\x83\xbb" + bytes([0x80 | len(name)]) + name
    more += b"\x3e\xb9\x23\x90" + bytes(range(16))
    size = struct.unpack(">Q", data[info + 4 : info + 12])[0] & ~(0xFF << 56)
    head = data[:info] + data[info : info + 4] + struct.pack(">Q", size + len(more) | 1 << 56)
    path.write_bytes(head + more + data[info + 12 :])
    return path


def _probe_and_upscale(tsuzuki: Any, video: object, output: Path) -> Iterator[Any]:
    yield tsuzuki("probe", video)
    yield tsuzuki("upscale", video, "-o", output, "--engine", "nearest", "--allow-sleep")


def test_playlists_and_references(
    paused: Any, tsuzuki: Any, address: tuple[int, list[Any]]
) -> None:
    port, hits = address
    shutil.copy(paused.video, paused.outside / "clip.mp4")
    targets = [
        f"http://127.0.0.1:{port}/a.mp4",
        str(paused.outside / "clip.mp4"),
        "../outside/clip.mp4",
    ]
    folder = paused.place / "home" / "hostile"
    folder.mkdir()
    for target in targets if FULL else targets[:2]:
        for name, text in PLAYLISTS.items():
            for ending in ENDINGS if FULL else ENDINGS[:1]:
                path = folder / f"{name}{ending}"
                path.write_text(text.format(target=target, port=port))
                result = tsuzuki("probe", path)
                assert (result.code, result.trespasses) == (13, []), (name, result)
    assert hits == []


@pytest.mark.parametrize("kind", ["mov", "mkv"])
def test_videos_that_refer_to_others_are_read_alone(
    paused: Any,
    tsuzuki: Any,
    address: tuple[int, list[Any]],
    draw_clip: Callable[..., Path],
    kind: str,
) -> None:
    port, hits = address
    clip = draw_clip(paused.place / "home" / f"clip.{kind}", 6)
    for target in (f"http://127.0.0.1:{port}/a.mov", str(paused.canary)):
        path = paused.place / "home" / f"linked.{kind}"
        if kind == "mov":
            _linked(clip, path, target)
        else:
            _chained(path, clip, target)
        for result in _probe_and_upscale(tsuzuki, path, paused.output):
            assert result.code in {0, 14}, result
            assert result.trespasses == []
        paused.output.unlink(missing_ok=True)
    assert hits == []


def test_names_that_mean_more_than_a_file(
    paused: Any, tsuzuki: Any, address: tuple[int, list[Any]]
) -> None:
    port, hits = address
    for name in NAMES if FULL else NAMES[::3]:
        video = name.format(
            port=port,
            url=f"http://127.0.0.1:{port}/a.mp4",
            canary=paused.canary,
            folder=paused.outside,
        )
        for result in _probe_and_upscale(tsuzuki, video, paused.output):
            assert result.code == 11, (video, result)
            assert result.trespasses == []
    assert hits == []


def test_what_native_code_opens(
    paused: Any, tmp_path: Path, address: tuple[int, list[Any]]
) -> None:
    """Audit hooks do not see what FFmpeg opens; the kernel does."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("looks at system calls by strace, on Linux")
    port, hits = address
    folder = paused.place / "home" / "hostile"
    folder.mkdir()
    url = f"http://127.0.0.1:{port}/a.mp4"
    videos = [folder / name for name in ("hls.m3u8", "list.ffconcat")]
    for video, target in zip(videos, (url, str(paused.canary)), strict=True):
        video.write_text(PLAYLISTS[video.name].format(target=target, port=port))
    videos.append(_linked(paused.video, folder / "linked.mov", str(paused.canary)))
    log = tmp_path / "calls"
    traced = ["strace", "-f", "-qq", "-s", "500", "-o", str(log)]
    traced += ["-e", "trace=open,openat,connect,execve,sendto,bind"]
    command = [sys.executable, "-P", "-m", "tsuzuki", "upscale", *map(str, videos), paused.video]
    command += ["-o", paused.output.parent, "--engine", "nearest", "--sessions-dir", paused.root]
    done = subprocess.run(
        [*traced, *map(str, command), "--allow-sleep"],
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    calls = log.read_text().splitlines() if log.exists() else []
    if not calls:
        pytest.skip(f"strace may not trace here: {done.stderr[:200]}")
    assert any(str(videos[0]) in call and "open" in call for call in calls), "nothing was seen"
    assert [call for call in calls if str(paused.outside) in call and "execve" not in call] == []
    inet = [c for c in calls if "AF_INET" in c or "AF_INET6" in c]
    assert inet == []
    assert {c.split("execve(", 1)[1].split(",")[0] for c in calls if "execve(" in c} == {
        f'"{sys.executable}"'
    }
    assert hits == []
