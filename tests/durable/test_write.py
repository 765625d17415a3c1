import errno
import os
import stat
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsuzuki.durable import Durable
from tsuzuki.durable.naming import _stem, is_temporary, temporary_name
from tsuzuki.errors import DiskFullError, StorageError, UnsafeFolderError

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_atomic_flushes_file_then_name_then_folder(tmp_path, port, durable):
    durable.write_atomic(tmp_path / "a", b"text")
    assert (tmp_path / "a").read_bytes() == b"text"
    assert port.calls == [
        ("create",),
        ("write",),
        ("fsync",),
        ("close",),
        ("replace", "a"),
        ("fsync_folder", tmp_path.name),
    ]


def test_publish_flushes_in_the_same_order(tmp_path, port, durable):
    assert durable.publish(tmp_path / "a", b"text")
    assert port.names() == ["create", "write", "fsync", "close", "rename_new", "fsync_folder"]
    assert names(tmp_path) == ["a"]


def test_write_atomic_replaces_and_publish_does_not(tmp_path, durable):
    durable.write_atomic(tmp_path / "a", b"1")
    durable.write_atomic(tmp_path / "a", b"2")
    assert not durable.publish(tmp_path / "a", b"3")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert names(tmp_path) == ["a"]


def test_short_writes_are_continued(tmp_path, port, durable):
    port.longest_write = 3
    durable.write_atomic(tmp_path / "a", bytes(range(10)))
    assert (tmp_path / "a").read_bytes() == bytes(range(10))
    assert port.names().count("write") == 4


@pytest.mark.parametrize("call", ["create", "write", "fsync", "close", "replace"])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EIO, StorageError),
        (errno.EROFS, StorageError),
    ],
)
def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, port, durable, call, code, error):
    durable.write_atomic(tmp_path / "a", b"old")
    port.fail_at = {call: code}
    with pytest.raises(error, match="tsuzuki resume"):
        durable.write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_descriptor_is_never_flushed_twice(tmp_path, port, durable):
    port.fail_at = {"fsync": errno.EIO}
    with pytest.raises(StorageError):
        durable.publish(tmp_path / "a", b"new")
    assert port.names().count("fsync") == 1


def test_an_unflushed_folder_is_an_error(tmp_path, port, durable):
    port.fail_at = {"fsync_folder": errno.EIO}
    with pytest.raises(StorageError, match="reports a fault"):
        durable.write_atomic(tmp_path / "a", b"new")


@posix
def test_files_and_folders_are_for_the_user_alone(tmp_path, durable):
    durable.make_folder(tmp_path / "a" / "b")
    durable.write_atomic(tmp_path / "a" / "b" / "c", b"")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b" / "c").stat().st_mode) == 0o600


def test_make_folder_flushes_every_parent_it_made_in(tmp_path, port, durable):
    durable.make_folder(tmp_path / "a" / "b")
    made = [("mkdir", "a"), ("fsync_folder", tmp_path.name), ("mkdir", "b"), ("fsync_folder", "a")]
    assert port.calls == made
    durable.make_folder(tmp_path / "a" / "b")
    assert port.calls[4:] == [("fsync_folder", "a")]


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_make_folder_refuses_what_is_no_folder(tmp_path, durable, kind):
    path = tmp_path / "a"
    if kind == "file":
        path.write_bytes(b"")
    else:
        path.symlink_to(tmp_path if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(UnsafeFolderError):
        durable.make_folder(path)


def test_publish_files_flushes_each_folder_once(tmp_path, port, durable):
    folder = tmp_path / "f"
    folder.mkdir()
    pairs = []
    for number in range(5):
        temporary = folder / temporary_name("x")
        temporary.write_bytes(b"%d" % number)
        pairs.append((temporary, folder / f"frame{number}"))
    (folder / "frame3").write_bytes(b"first")
    assert durable.publish_files(pairs) == [True, True, True, False, True]
    assert port.names().count("fsync_folder") == 1
    assert (folder / "frame3").read_bytes() == b"first"
    assert names(folder) == [f"frame{number}" for number in range(5)]


def test_move_aside_never_replaces(tmp_path, durable):
    for number in (1, 2, 3):
        (tmp_path / "a").write_bytes(b"%d" % number)
        assert durable.move_aside(tmp_path / "a") == tmp_path / f"a.damaged-{number}"
    assert (tmp_path / "a.damaged-2").read_bytes() == b"2"


def test_move_into_never_replaces(tmp_path, port, durable):
    (tmp_path / "to").mkdir()
    for name in ("a.mp4", "a (2).mp4", "a (3).mp4"):
        (tmp_path / "a.mp4").write_bytes(name.encode())
        assert durable.move_into(tmp_path / "to", tmp_path / "a.mp4") == tmp_path / "to" / name
        assert (tmp_path / "to" / name).read_bytes() == name.encode()
    assert names(tmp_path) == ["to"]
    assert port.calls[-2:] == [("fsync_folder", "to"), ("fsync_folder", tmp_path.name)]


def test_remove_file(tmp_path, durable):
    (tmp_path / "a").write_bytes(b"")
    assert durable.remove_file(tmp_path / "a")
    assert not durable.remove_file(tmp_path / "a")


def test_remove_folder_takes_the_name_away_first(tmp_path, port, durable):
    (tmp_path / "a" / "b").mkdir(parents=True)
    port.fail_at = {"remove_tree": errno.EIO}
    with pytest.raises(StorageError):
        durable.remove_folder(tmp_path / "a", tmp_path)
    assert not (tmp_path / "a").exists()
    port.fail_at = {}
    assert len(durable.sweep_temporary(tmp_path)) == 1
    assert names(tmp_path) == []


def test_two_processes_may_sweep_one_folder(tmp_path, port, durable):
    (tmp_path / "a").mkdir()
    port.remove_tree = lambda path: (_ for _ in ()).throw(FileNotFoundError(path))
    durable.remove_folder(tmp_path / "a", tmp_path)
    assert not (tmp_path / "a").exists()


@posix
def test_remove_folder_follows_no_link(tmp_path, durable):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "link").symlink_to(outside)
    (root / "planted").symlink_to(outside)
    durable.remove_folder(root / "a", root)
    with pytest.raises(StorageError):
        durable.remove_folder(root / "planted", root)
    assert (outside / "precious").exists()


@pytest.mark.parametrize("path", ["../a", "b/c", "..", "."])
def test_remove_folder_stays_in_its_root(tmp_path, durable, path):
    with pytest.raises(ValueError, match="directly"):
        durable.remove_folder(tmp_path / "root" / path, tmp_path / "root")


def test_sweep_removes_temporaries_and_nothing_else(tmp_path, durable):
    keep = ["a", ".a.tmp", "a.0123456789abcdef.tmp", ".a.0123456789ABCDEF.tmp", ".x.damaged-1"]
    for name in keep:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / temporary_name("a")).write_bytes(b"")
    (tmp_path / temporary_name("folder")).mkdir()
    assert len(durable.sweep_temporary(tmp_path)) == 2
    assert names(tmp_path) == sorted(keep)


def test_what_somebody_may_be_writing_is_not_swept(tmp_path, durable):
    old, new, folder = (tmp_path / temporary_name(name) for name in ("old", "new", "folder"))
    old.write_bytes(b"")
    os.utime(old, (1e9, 1e9))
    new.write_bytes(b"")
    folder.mkdir()
    assert len(durable.sweep_temporary(tmp_path, 3600)) == 2
    assert names(tmp_path) == [new.name]


def test_temporaries_of_one_target(tmp_path, durable):
    long = "漫" * 80 + ".mkv"
    for name in ("out.mkv", "out.mkv", "other.mkv", long):
        (tmp_path / temporary_name(name)).write_bytes(b"")
    assert durable.remove_temporaries_of(tmp_path / "out.mkv") == 2
    assert durable.remove_temporaries_of(tmp_path / long) == 1
    assert len(names(tmp_path)) == 1


def test_temporaries_of_another_owner_stay(tmp_path, durable):
    mine, other = "0123456789ab", "ba9876543210"
    for owner in (mine, mine, other, ""):
        (tmp_path / temporary_name("out.mkv", owner)).write_bytes(b"")
    assert durable.remove_temporaries_of(tmp_path / "out.mkv", mine) == 2
    assert durable.remove_temporaries_of(tmp_path / "out.mkv") == 1
    assert len(durable.sweep_temporary(tmp_path)) == 1, "who sweeps a whole folder takes them all"


def test_their_removal_is_flushed_once(tmp_path, port, durable):
    for _ in range(3):
        (tmp_path / temporary_name("a")).write_bytes(b"")
    durable.remove_temporaries_of(tmp_path / "a")
    assert port.names() == ["unlink"] * 3 + ["fsync_folder"]


def test_a_vanished_folder_is_our_error(tmp_path, durable):
    with pytest.raises(StorageError, match="is gone"):
        durable.remove_temporaries_of(tmp_path / "gone" / "out.mkv")


@pytest.mark.parametrize("owner", ["x", "0123456789AB", "0123456789ab\n", "../0123456789"])
def test_only_an_id_is_an_owner(owner):
    with pytest.raises(ValueError, match="no owner"):
        temporary_name("a", owner)


name_strategy = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=90) | st.text(
    "漫a", min_size=190, max_size=250
)


@settings(max_examples=200)
@given(name_strategy, name_strategy, st.sampled_from(["", "0123456789ab"]))
def test_names_never_meet_and_always_fit(name, other, owner):
    temporary = temporary_name(name, owner)
    assert is_temporary(temporary)
    assert len(temporary.encode(errors="surrogatepass")) <= 255
    assert (_stem(name) == _stem(other)) is (name == other)


def test_long_names_that_begin_alike(tmp_path, durable):
    one, other = "x" * 230 + "1.mkv", "x" * 230 + "2.mkv"
    (tmp_path / temporary_name(other)).write_bytes(b"")
    assert durable.remove_temporaries_of(tmp_path / one) == 0
    assert durable.remove_temporaries_of(tmp_path / other) == 1


@posix
def test_a_planted_link_is_not_written_through(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda _: "0" * 16)
    (tmp_path / f".a.{'0' * 16}.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        Durable().write_atomic(tmp_path / "a", b"new")
    assert victim.read_bytes() == b"precious"


@posix
def test_a_real_file_size_limit(tmp_path):
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(StorageError, match="refuses files of that size"):
            Durable().write_atomic(tmp_path / "a", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert names(tmp_path) == []
