import pytest

from tsuzuki.sessions import SegmentRecord, SessionPaths, write_record
from tsuzuki.sessions.log import read_log
from tsuzuki.sessions.usage import disk_used, worth

ID = "0123456789ab"


@pytest.fixture
def paths(tmp_path):
    made = SessionPaths(tmp_path, ID)
    for folder in made.folders:
        folder.mkdir(mode=0o700)
    return made


def seal(paths, number, first, last, **facts):
    record = SegmentRecord(
        session_id=ID,
        segment=number,
        first=first,
        last=last,
        size=3,
        sha256=f"{number:064x}",
        frames=last - first + 1,
        **facts,
    )
    paths.segment(number, record.sha256).write_bytes(b"abc")
    write_record(paths, record)


def test_the_slowest_part_of_the_work_tells_the_time(paths):
    assert worth(paths).seconds_saved is None
    seal(paths, 1, 1, 10, frames_computed=10, seconds={"decode": 1.0, "network": 20.0})
    seal(paths, 2, 11, 20, frames_computed=5, seconds={"network": 10.0, "encode": 2.0})
    seal(paths, 3, 21, 30, frames_computed=0, seconds={"encode": 1.0})
    found = worth(paths)
    assert found.frames_done == 30
    assert found.seconds_saved == 60.0


def test_all_files_count(paths):
    seal(paths, 1, 1, 10, frames_computed=10)
    paths.log.write_bytes(b"12345")
    record = paths.record(1).stat().st_size
    folders = sum(folder.lstat().st_size for folder in paths.folders[1:])
    assert disk_used(paths) == 3 + 5 + record + folders


def test_only_the_end_of_a_long_log_is_read(paths):
    assert read_log(paths) == ""
    paths.log.write_text("first\nlast\n")
    assert read_log(paths) == "first\nlast\n"
    assert read_log(paths, limit=5) == "last\n"
