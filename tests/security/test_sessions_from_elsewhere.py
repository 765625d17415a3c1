"""A session from elsewhere runs nothing, and opens nothing that it names, unasked (S3)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.security.hostile import read, write


@pytest.fixture
def forged(paused: Any) -> Callable[..., None]:
    """Have the session name files outside, and claim consent that nobody gave."""

    def forge(**names: str) -> None:
        progress = read(paused.paths.progress)
        progress["steps"]["validate"]["data"]["overwrite"] = True
        progress["settings"] |= {"model": str(paused.canary)} if names.pop("model", None) else {}
        write(paused.paths.progress, progress | names)
        paused.paths.index.unlink()

    return forge


def test_only_resume_opens_what_a_session_names(
    paused: Any,
    tsuzuki: Any,
    canary: Callable[[], bool],
    forged: Callable[..., None],
    draw_clip: Callable[..., Path],
) -> None:
    """Not its video, not its output and not the folder of that."""
    other = draw_clip(paused.place / "home" / "other.mp4", 6)
    for command in (
        ("sessions", "list"),
        ("sessions", "show", "ID"),
        ("sessions", "check", "ID", "--read-data"),
        ("sessions", "check", "--all"),
        ("sessions", "repair", "ID"),
        ("sessions", "clean", "--yes"),
        ("probe", other),
        ("upscale", other, "-o", paused.output, "--engine", "nearest", "--allow-sleep"),
        ("sessions", "remove", "ID", "--yes"),
    ):
        paused.restore()
        draw_clip(other, 6)
        forged(video_file=str(paused.canary), output=str(paused.outside / "out.mkv"))
        result = tsuzuki(*(paused.session_id if word == "ID" else word for word in command))
        assert result.code in {0, 34}, (command, result)
        assert result.trespasses == [], command
        assert canary()


@pytest.fixture(params=["without a marker", "with an empty marker", "with the marker of before"])
def brought_in(paused: Any, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Have the session be one that was copied here from another place."""
    if request.param == "without a marker":
        paused.paths.begun.unlink()
    elif request.param == "with an empty marker":
        paused.paths.begun.write_bytes(b"")
    else:
        shutil.copytree(paused.paths.folder, tmp_path / "packed")
        shutil.move(paused.paths.folder, tmp_path / "first")
        shutil.copytree(tmp_path / "packed", paused.paths.folder)


@pytest.mark.usefixtures("brought_in")
def test_a_session_from_elsewhere_needs_a_yes_to_what_it_names(paused: Any, tsuzuki: Any) -> None:
    video, output = ("--video", paused.video), ("-o", paused.output)
    for words in ((paused.session_id,), (), ("--all",), (paused.session_id, *video)):
        result = tsuzuki("resume", *words, "--allow-sleep")
        assert result.code == 36
        assert f"tsuzuki resume {paused.session_id} --video" in result.text
        assert not paused.output.exists()
    assert tsuzuki("resume", paused.session_id, *video, *output, "--allow-sleep").code == 0
    assert paused.output.exists()


@pytest.mark.usefixtures("brought_in")
def test_upscale_goes_on_with_it_and_leaves_its_output_alone(
    paused: Any, tsuzuki: Any, forged: Callable[..., None]
) -> None:
    forged(output=str(paused.outside / "out.mkv"))
    settings = ("--engine", "nearest", "--preset", "ultrafast", "--segment-frames", "5")
    result = tsuzuki("upscale", paused.video, *settings, "--container", "mkv", "--allow-sleep")
    assert result.code == 0
    assert all(os.fspath(paused.video.parent) in one for one in result.trespasses)
    paused.video.with_name("clip_2x.mkv").unlink()


def test_resume_takes_the_named_video_for_a_video_only(
    paused: Any, tsuzuki: Any, canary: Callable[[], bool], forged: Callable[..., None]
) -> None:
    forged(video_file=str(paused.canary))
    result = tsuzuki("resume", paused.session_id, "--allow-sleep")
    assert result.code == 13
    assert "song" not in result.text
    assert [t for t in result.trespasses if "to change" in t] == []
    assert canary()


def test_consent_to_overwrite_is_not_taken_from_a_session(
    paused: Any, tsuzuki: Any, forged: Callable[..., None]
) -> None:
    precious = paused.output.with_name("precious.mkv")
    precious.write_bytes(b"precious")
    forged(output=str(precious))
    assert tsuzuki("resume", paused.session_id, "--allow-sleep").code == 21
    assert precious.read_bytes() == b"precious"


def test_a_model_is_chosen_by_name_and_never_by_path(
    paused: Any, tsuzuki: Any, forged: Callable[..., None]
) -> None:
    forged(model="a path")
    progress = read(paused.paths.progress)
    progress["settings"]["engine"] = "ncnn"
    write(paused.paths.progress, progress)
    result = tsuzuki("resume", paused.session_id, "--allow-sleep")
    assert (result.code, result.trespasses) == (51, [])


def test_nothing_in_a_session_is_imported_or_run(
    paused: Any, tsuzuki: Any, canary: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where it is the current folder."""
    code = f"open({str(paused.outside / 'was here')!r}, 'w')"
    for folder in paused.paths.folders:
        for name in ("tsuzuki", "sitecustomize", "usercustomize", "av", "numpy", "json", "ncnn"):
            (folder / f"{name}.py").write_text(code)
        (folder / "ffmpeg").write_text("#!/bin/sh\ntouch ../../../../outside/was-here\n")
        (folder / "ffmpeg").chmod(0o755)
        (folder / "evil.pth").write_text(f"import os; {code}")
    for folder in paused.paths.folders:
        monkeypatch.chdir(folder)
        result = tsuzuki("sessions", "check", paused.session_id)
        assert (result.code, result.trespasses) == (0, [])
    result = tsuzuki("resume", paused.session_id, "--allow-sleep")
    assert (result.code, result.trespasses) == (0, [])
    assert canary()
    assert shutil.which("ffmpeg", path=os.fspath(paused.root)) is None
