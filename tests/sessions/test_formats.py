"""Sessions of every format that there has been (D13); `fixtures.write` adds those to come."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sessions.fixtures.write import CLIP, FRAMES, HERE, SEGMENT

from tsuzuki import pipeline
from tsuzuki.errors import SessionDiffersError, SessionError
from tsuzuki.sessions import SessionManager, SessionPaths
from tsuzuki.sessions.progress import FORMAT_VERSION, ProgressData, encode_progress
from tsuzuki.sessions.sealed import seal, unseal

FORMATS = sorted(HERE.glob("format-*"))
SEALED = 2 * SEGMENT


@pytest.fixture(params=FORMATS, ids=lambda folder: folder.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> SessionPaths:
    """A copy of the session that a version of the program has left."""
    root = tmp_path / "sessions"
    shutil.copytree(request.param, root)
    (session_id,) = SessionManager(root).session_ids()
    paths = SessionPaths(root, session_id)
    paths.logs.mkdir()
    paths.lock.touch()  # these two stay from run to run, but hold nothing to keep
    return paths


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def write_version(paths: SessionPaths, version: object) -> None:
    progress: ProgressData = json.loads(unseal(paths.progress.read_bytes()))
    progress["format_version"] = version  # type: ignore[typeddict-item]
    paths.progress.write_bytes(encode_progress(progress))


def test_the_present_format_has_a_fixture() -> None:
    assert HERE / f"format-{FORMAT_VERSION}" in FORMATS


def test_it_is_sound(old: SessionPaths) -> None:
    with SessionManager(old.root) as manager:
        assert manager.check_session(old.session_id, read_data=True).problems == []
        assert len(manager.completed_frames(old.session_id)) > SEALED


def test_it_is_gone_on_with_to_the_end(
    old: SessionPaths, tmp_path: Path, shown_numbers: Callable[[Path], list[int]]
) -> None:
    """The versions of the libraries and the processor may be others than those of then."""
    result = pipeline.resume(
        old.session_id,
        video=CLIP,
        output=tmp_path / "out.mp4",
        accept_changes=True,
        sessions_dir=old.root,
        allow_sleep=True,
    )
    assert (result.frames, shown_numbers(result.output)) == (FRAMES, list(range(FRAMES)))
    assert result.frames_computed <= FRAMES - SEALED
    assert not old.folder.exists()


def test_other_versions_of_then_are_named(old: SessionPaths, tmp_path: Path) -> None:
    progress: ProgressData = json.loads(unseal(old.progress.read_bytes()))
    progress["steps"]["validate"]["data"]["identity"]["versions"]["tsuzuki"] = "0.0.1"
    old.progress.write_bytes(encode_progress(progress))
    with pytest.raises(SessionDiffersError, match=r"versions\.tsuzuki: 0\.0\.1 in the session"):
        pipeline.resume(
            old.session_id, video=CLIP, output=tmp_path / "out.mp4", sessions_dir=old.root
        )


def test_a_newer_one_is_refused_and_no_byte_of_it_changes(
    old: SessionPaths, tmp_path: Path
) -> None:
    write_version(old, FORMAT_VERSION + 1)
    before = contents(old.root)
    with pytest.raises(SessionError, match="newer Tsuzuki"):
        pipeline.resume(old.session_id, video=CLIP, sessions_dir=old.root)
    with SessionManager(old.root) as manager:
        for call in (manager.check_session, manager.repair_session, manager.load_progress):
            with pytest.raises(SessionError, match="newer Tsuzuki"):
                call(old.session_id)
        assert manager.sessions() == []
        assert manager.cleanup_old_sessions(max_age_days=0, confirm=lambda _: True) == []
    pipeline.upscale(
        CLIP, {"engine": "nearest"}, output=tmp_path / "out.mp4", sessions_dir=old.root
    )
    (old.root / "history.db").unlink()  # of the other session
    assert contents(old.root) == before


def test_a_newer_index_is_refused_and_stays(old: SessionPaths, tmp_path: Path) -> None:
    newer = unseal(old.index.read_bytes()).replace(b'"version":1', b'"version":2')
    old.index.write_bytes(seal(newer))
    before = contents(old.frames) | contents(old.upscaled)
    with pytest.raises(SessionError, match="newer Tsuzuki"):
        pipeline.resume(
            old.session_id,
            video=CLIP,
            output=tmp_path / "out.mp4",
            accept_changes=True,
            sessions_dir=old.root,
        )
    assert contents(old.frames) | contents(old.upscaled) == before


@pytest.mark.parametrize("version", [0, -1, "1", None])
def test_one_that_there_has_never_been_is_named(old: SessionPaths, version: object) -> None:
    write_version(old, version)
    before = contents(old.root)
    (problem,) = SessionManager(old.root).check_session(old.session_id).problems
    assert problem.path == old.progress
    assert f"its format version is {version!r}" in problem.reason
    assert contents(old.root) == before
