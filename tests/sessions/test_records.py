import hashlib
import json
import os
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tsuzuki.errors import StorageError
from tsuzuki.sessions import SegmentRecord, mixed_identities, read_records, tidy, write_record
from tsuzuki.sessions.check import check
from tsuzuki.sessions.sealed import seal as seal_bytes

SHA = hashlib.sha256(b"segment").hexdigest()


def record_of(paths, **changes):
    values = {
        "session_id": paths.session_id,
        "segment": 1,
        "first": 1,
        "last": 12,
        "size": 7,
        "sha256": SHA,
        "frames": 12,
        "frames_computed": 12,
    }
    return SegmentRecord(**(values | changes))


def test_what_is_sealed_is_good(paths, seal):
    first, second = seal(1, 1, 12), seal(2, 13, 20, b"other")
    found = read_records(paths, verify_data=True)
    assert found.good == [first, second]
    assert found.damaged == []
    assert found.completed().ranges() == [(1, 20)]


def test_nothing_yet(paths):
    assert read_records(paths).good == []


def test_the_first_record_wins(paths, seal):
    first = seal(1, 1, 12)
    assert not write_record(paths, record_of(paths, last=11, frames=11, frames_computed=0))
    assert read_records(paths).good == [first]


def test_all_facts_survive(paths):
    record = record_of(
        paths,
        failed=[3, 4],
        seconds={"decode": 0.5},
        reuse_share=0.75,
        device="cpu",
        engine="ncnn 1.0",
        cpu="avx2",
        sealed_at="2026-01-01",
        identity="0123456789abcdef",
    )
    paths.upscaled.joinpath(record.file).write_bytes(b"segment")
    write_record(paths, record)
    assert read_records(paths).good == [record]
    assert json.loads(paths.record(1).read_bytes())["file"] == f"segment_000001-{SHA[:12]}.mkv"


def test_spooled_frames_count_and_links_do_not(paths, seal):
    seal(1, 1, 12)
    paths.upscaled_frame(13, "nut").write_bytes(b"x")
    paths.upscaled_frame(15).write_bytes(b"x")
    paths.upscaled_frame(20).mkdir()
    if sys.platform != "win32":
        paths.upscaled_frame(21).symlink_to(paths.progress)
    found = read_records(paths)
    assert found.spooled.keys() == {13, 15}
    assert found.completed().to_list() == [[1, 13], [15, 15]]


def damage(name):
    def mark(function):
        DAMAGES[name] = function
        return function

    return mark


DAMAGES = {}


@damage("missing")
def _(paths, record):
    paths.upscaled.joinpath(record.file).unlink()


@damage("bytes, not")
def _(paths, record):
    paths.upscaled.joinpath(record.file).write_bytes(b"segmen")


@damage("is missing")
def _(paths, record):
    file = paths.upscaled.joinpath(record.file)
    file.rename(paths.folder / "elsewhere")
    file.symlink_to(paths.folder / "elsewhere")


@damage("checksum")
def _(paths, record):
    data = bytearray(paths.record(1).read_bytes())
    data[100] ^= 1
    paths.record(1).write_bytes(data)


@damage("no checksum")
def _(paths, record):
    paths.record(1).write_bytes(b"")


@damage("no ordinary file")
def _(paths, record):
    paths.record(1).rename(paths.folder / "elsewhere")
    paths.record(1).symlink_to(paths.folder / "elsewhere")


@damage("longer than")
def _(paths, record):
    paths.record(1).write_bytes(bytes((1 << 20) + 1))


@damage("another segment")
def _(paths, record):
    paths.record(1).rename(paths.record(2))


@pytest.mark.skipif(sys.platform == "win32", reason="links")
@pytest.mark.parametrize("reason", DAMAGES)
def test_damage_is_listed_and_not_used(paths, seal, reason):
    DAMAGES[reason](paths, seal(1, 1, 12))
    found = read_records(paths)
    assert found.good == []
    assert len(found.completed()) == 0
    assert reason in found.damaged[0].reason
    assert str(found.damaged[0].path) in str(found.damaged[0])


@pytest.mark.parametrize("what", ["record", "segments", "contents"])
def test_a_passing_fault_stops_the_run_and_is_no_damage(paths, seal, passing_fault, what):
    record = seal(1, 1, 12)
    call, path = {
        "record": ("open", paths.record(1)),
        "segments": ("scandir", paths.upscaled),
        "contents": ("open", paths.upscaled / record.file),
    }[what]
    before = sorted(paths.upscaled.iterdir())
    left = passing_fault(call, path)
    with pytest.raises(StorageError):
        read_records(paths, verify_data=True)
    assert not left, "the fault was met"
    found = read_records(paths, verify_data=True)
    assert (found.good, found.damaged) == ([record], [])
    assert tidy(paths, found) == ([], [])
    assert sorted(paths.upscaled.iterdir()) == before


def test_a_kept_frame_is_worth_more_than_a_spooled_one(paths):
    for suffix in ("png", "nut", "mkv", "jpg"):
        paths.upscaled_frame(1, suffix).write_bytes(b"x")
    paths.upscaled_frame(2, "nut").write_bytes(b"x")
    paths.upscaled_frame(3, "mkv").write_bytes(b"no file of ours")
    expected = {1: paths.upscaled_frame(1), 2: paths.upscaled_frame(2, "nut")}
    assert read_records(paths).spooled == expected


@pytest.mark.parametrize(
    ("identities", "present", "mixed"),
    [
        ([], "", False),
        (["", ""], "", False),
        (["", ""], "aa", False),
        (["aa", "aa"], "aa", False),
        (["aa", ""], "", False),
        (["aa", "bb"], "", True),
        (["aa"], "bb", True),
    ],
)
def test_mixed_identities(paths, identities, present, mixed):
    records = [record_of(paths, identity=identity) for identity in identities]
    assert mixed_identities(records, present) is mixed


def test_changed_contents_are_found_on_request(paths, seal):
    record = seal(1, 1, 12)
    paths.upscaled.joinpath(record.file).write_bytes(b"tnemges")
    assert read_records(paths).good == [record]
    found = read_records(paths, verify_data=True)
    assert found.good == []
    assert "have changed" in found.damaged[0].reason
    assert found.damaged[0].segment == 1


HOSTILE = {
    "climbing file": {"file": "../../../../etc/passwd"},
    "absolute file": {"file": "/etc/passwd"},
    "other segment's file": {"file": f"segment_000002-{SHA[:12]}.mkv"},
    "NUL": {"file": "a\0"},
    "other session": {"session_id": "ba9876543210"},
    "no frames": {"last": 0, "frames": 0},
    "backwards": {"first": 13, "last": 12, "frames": 0},
    "frame 0": {"first": 0, "frames": 13},
    "10^9 frames": {"last": 10**9, "frames": 10**9},
    "10^9 segments": {"segment": 10**9},
    "wrong count": {"frames": 11},
    "more computed": {"frames_computed": 13},
    "failed outside": {"failed": [13]},
    "no digest": {"sha256": "x" * 64},
    "digest with newline": {"sha256": SHA + "\n"},
    "size 0": {"size": 0},
    "negative time": {"seconds": {"decode": -1}},
    "share of 2": {"reuse_share": 2},
    "text for a number": {"size": "7"},
    "long device": {"device": "x" * 1000},
    "identity is no digest": {"identity": "../.."},
    "long identity": {"identity": "a" * 65},
    "identity is a number": {"identity": 7},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_hostile_records_are_damage_though_their_checksum_is_right(paths, seal, change):
    record = seal(1, 1, 12)
    data = msgspec.to_builtins(record) | change
    paths.record(1).write_bytes(seal_bytes(json.dumps(data).encode()))
    found = read_records(paths)
    assert found.good == []
    assert len(found.damaged) == 1


def test_deep_json_is_damage(paths):
    paths.record(1).write_bytes(seal_bytes(b'{"x":' + b"[" * 100_000))
    assert len(read_records(paths).damaged) == 1


def test_overlapping_segments_are_damage(paths, seal):
    seal(1, 1, 12)
    seal(2, 12, 20, b"other")
    found = read_records(paths)
    assert [record.segment for record in found.good] == [1]
    assert "before it as well" in found.damaged[0].reason


def test_a_record_that_is_wrong_cannot_be_made(paths):
    with pytest.raises(ValueError, match="number of frames"):
        record_of(paths, frames=3)
    with pytest.raises(ValueError, match="another session"):
        write_record(paths, record_of(paths, session_id="ba9876543210"))


def test_tidy_keeps_damage_and_removes_garbage(paths, seal):
    good, bad = seal(1, 1, 12), seal(2, 13, 24, b"other")
    paths.upscaled.joinpath(bad.file).write_bytes(b"cut")
    garbage = paths.upscaled / f"segment_000009-{SHA[:12]}.mkv"
    garbage.write_bytes(b"no record names it")
    paths.upscaled_frame(30).write_bytes(b"spooled")
    (paths.upscaled / ".x.0123456789abcdef.tmp").write_bytes(b"")
    aside, removed = tidy(paths, read_records(paths))
    assert {p.name for p in paths.upscaled.iterdir()} == {
        good.file,
        "segment_000001.json",
        "frame_000030_upscaled.png",
        f"{bad.file}.damaged-1",
        "segment_000002.json.damaged-1",
    }
    assert {p.name for p in aside} == {f"{bad.file}.damaged-1", "segment_000002.json.damaged-1"}
    assert {p.name for p in removed} == {garbage.name, ".x.0123456789abcdef.tmp"}
    assert seal(2, 13, 24, b"other").file == bad.file
    assert read_records(paths, verify_data=True).completed().ranges() == [(1, 24), (30, 30)]


def test_two_thousand_records_open_fast(paths, seal):
    for number in range(2000):
        seal(number + 1, number * 100 + 1, number * 100 + 100, b"%d" % number) if number < 2 else (
            quick(paths, number)
        )
    begin = time.perf_counter()
    found = read_records(paths)
    seconds = time.perf_counter() - begin
    assert found.completed().ranges() == [(1, 200_000)]
    assert seconds < 1.0, "about 0.1 s on an idle machine"


def quick(paths, number):
    data = b"%d" % number
    record = record_of(
        paths,
        segment=number + 1,
        first=number * 100 + 1,
        last=number * 100 + 100,
        frames=100,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    paths.upscaled.joinpath(record.file).write_bytes(data)
    paths.record(record.segment).write_bytes(seal_bytes(msgspec.json.encode(record)))


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
@pytest.mark.parametrize("make", [Path.mkdir, lambda p: p.symlink_to("nothing"), os.mkfifo])
def test_tidy_moves_aside_what_is_no_file(paths, seal, make):
    good = seal(1, 1, 12)
    stray = paths.upscaled / f"segment_000099-{SHA[:12]}.mkv"
    make(stray)
    (problem,) = check(paths).problems
    assert problem.path == stray
    aside, removed = tidy(paths, read_records(paths))
    assert removed == []
    assert aside == [stray.with_name(f"{stray.name}.damaged-1")]
    assert os.path.lexists(aside[0])
    assert not os.path.lexists(stray)
    assert read_records(paths).good == [good]
