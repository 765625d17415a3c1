from __future__ import annotations

from pathlib import Path

import pytest

from tsuzuki.pipeline.plan import Segment
from tsuzuki.pipeline.store import Store
from tsuzuki.sessions import SegmentRecord, SessionPaths, write_record

SEGMENTS = [Segment(1, 0, 4), Segment(2, 4, 8)]


@pytest.fixture
def paths(tmp_path: Path) -> SessionPaths:
    """A session with a sealed segment, and frames of it, of the next one and behind the end."""
    paths = SessionPaths(tmp_path, "0123456789ab")
    for folder in paths.folders:
        folder.mkdir()
    for number in (2, 5, 6, 11):
        paths.upscaled_frame(number, "nut").write_bytes(b"frame")
    record = SegmentRecord(
        session_id=paths.session_id,
        segment=1,
        first=1,
        last=4,
        size=1,
        sha256="0" * 64,
        frames=4,
        frames_computed=4,
        identity="a1",
    )
    (paths.upscaled / record.file).write_bytes(b"s")
    write_record(paths, record)
    return paths


@pytest.fixture
def store(paths: SessionPaths) -> Store:
    store = Store(paths, keep_frames=False)
    assert store.load(SEGMENTS) == []
    return store


def spooled(paths: SessionPaths) -> list[str]:
    return sorted(path.name[6:12] for path in paths.upscaled.glob("frame_*"))


def test_only_frames_of_sealed_segments_stay(store: Store, paths: SessionPaths) -> None:
    used = store.disk_used
    store.drop_open(SEGMENTS)
    assert spooled(paths) == ["000002"]
    assert store.disk_used == used - 3 * len(b"frame")


def test_a_frame_that_was_dropped_before_it_was_told_of(store: Store, paths: SessionPaths) -> None:
    store.drop_frames(SEGMENTS[0])
    used = store.disk_used
    store.add_frames([1])
    assert (spooled(paths), store.disk_used) == (["000005", "000006", "000011"], used)


@pytest.mark.parametrize(("identity", "stays"), [("a1", True), ("b2", False)])
def test_segments_that_were_made_with_something_else_are_kept_aside(
    store: Store, paths: SessionPaths, identity: str, stays: bool
) -> None:
    assert bool(store.set_others_aside(identity)) is not stays
    names = [path.name for path in paths.upscaled.glob("segment_*")]
    assert any(name.endswith(".damaged-1") for name in names) is not stays
    assert len(names) == 2
