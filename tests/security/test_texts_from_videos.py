"""Titles, names and tags stay texts: no paths, no words of a shell or of a terminal (S8)."""

from __future__ import annotations

import os
import shutil
import unicodedata
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from tests.security.hostile import read, replaced, write

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
EVIL = (
    *("\x1b[2J\x1b]0;title\x07\x9b31m\x7f\x08", "../../outside/evil", "é" * 2048),
    *("\u202egpj.exe\u2066\u200b", "; touch pwned; $(touch pwned) `touch pwned`", "\ufffe\ud7ff"),
    *("line\nDone: /etc/passwd", "..", "/etc/passwd", "a/b\\c", "-o", "--overwrite", "%s%n{0}"),
    ":smile: [red]x[/red] [link=http://x]y[/link]",
)[: None if FULL else 3]
OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that a terminal obeys or hides."""


def _draw(path: Path, text: str) -> Path:
    with av.open(str(path), "w") as container:
        container.metadata.update(title=text, comment=text, artist=text, encoder=text)
        video: Any = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        video.metadata.update(title=text, handler_name=text)
        container.add_attachment(text, "text/plain; charset=" + text[:20], b"attached")
        chapter: Any = {"id": 1, "start": 0, "end": 40, "time_base": Fraction(1, 1000)}
        container.set_chapters([{**chapter, "metadata": {"title": text}}])
        container.mux(video.encode(av.VideoFrame(48, 32, "yuv420p")))
        container.mux(video.encode(None))
    return path


def _obeyed(text: str) -> set[str]:
    return {f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in OBEYED} - {"U+000A"}


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "sessions" not in path.parts}


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_titles_attachments_and_tags(paused: Any, tsuzuki: Any, text: str) -> None:
    video = _draw(paused.place / "home" / "film.mkv", text)
    before = _files(paused.place)
    for command in (
        ("probe", video),
        ("probe", video, "--json"),
        ("upscale", video, "-o", paused.output, "--engine", "nearest", "--allow-sleep"),
    ):
        result = tsuzuki(*command)
        assert (result.code, result.trespasses) == (0, []), result
        assert _obeyed(result.text) == set(), result.text
    assert _files(paused.place) - before == {paused.output}
    with av.open(str(paused.output)) as output:
        (attached,) = output.streams.attachments
        assert attached.data == b"attached"


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_names_of_videos(paused: Any, tsuzuki: Any, text: str) -> None:
    name = text.replace("/", "\u2215").encode()[:200].decode(errors="ignore").strip(".") or "x"
    video = paused.place / "home" / f"{name}.mkv"
    shutil.copy(paused.video, video)
    before = _files(paused.place)
    for command in (
        ("probe", "--json", video),
        ("probe", video),
        ("upscale", "--engine", "nearest", "--allow-sleep", video),
        ("upscale", "--engine", "nearest", "--allow-sleep", "--json", "--overwrite", video),
    ):
        result = tsuzuki(*command)
        assert (result.code, result.trespasses) == (0, []), result
        assert _obeyed(result.text) == set(), result.text
    assert _files(paused.place) - before == {video.with_name(f"{name}_2x.mp4")}


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_names_in_sessions(paused: Any, tsuzuki: Any, text: str) -> None:
    progress = read(paused.paths.progress)
    progress["video_file"] = f"/videos/{text}"
    progress["output"] = f"/videos/{text}.mkv"
    write(paused.paths.progress, replaced(progress, ("steps", "upscale", "error"), text))
    (paused.paths.frames / f"stray {text.replace('/', '_')[:60]}").touch()
    for command in (
        ("sessions", "list"),
        ("sessions", "list", "--json"),
        ("sessions", "show", paused.session_id),
        ("sessions", "show", paused.session_id, "--json"),
        ("sessions", "check", paused.session_id),
        ("sessions", "check", paused.session_id, "--json"),
        ("resume", paused.session_id),
    ):
        result = tsuzuki(*command)
        assert result.code in {0, 11}, result
        assert result.trespasses == []
        assert _obeyed(result.text) == set(), (command, result.text)


def test_names_that_look_like_pictures_stay_as_they_are(paused: Any, tsuzuki: Any) -> None:
    video = paused.place / "home" / ":cat: [b]x.mp4"
    shutil.copy(paused.video, video)
    result = tsuzuki("upscale", video, "--engine", "nearest", "--allow-sleep")
    assert f"{video.with_name(':cat: [b]x_2x.mp4')}\n" in result.text
