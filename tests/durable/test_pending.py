import contextlib
import errno
import io
import os
import stat
import sys

import av
import numpy as np
import pytest

from tsuzuki.durable import Durable, PendingFile, usual_mode
from tsuzuki.durable.naming import is_temporary, temporaries_of
from tsuzuki.errors import DiskFullError, StorageError

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")


def test_a_file_gets_its_name_after_finishing(tmp_path, port, durable):
    with PendingFile(tmp_path / "out.mkv", durable) as pending:
        pending.file.write(b"abcdef")
        assert pending.file.seek(2) == 2
        pending.file.write(b"XY")
        assert pending.file.tell() == 4
        assert pending.file.seek(0, io.SEEK_END) == 6
        assert not (tmp_path / "out.mkv").exists()
        assert pending.finish() == 6
    assert pending.publish(tmp_path / "out.mkv")
    assert (tmp_path / "out.mkv").read_bytes() == b"abXYef"
    assert port.names()[-4:] == ["fsync", "close", "rename_new", "fsync_folder"]


def test_another_process_may_name_it(tmp_path):
    with PendingFile(tmp_path / "segment") as pending:
        pending.file.write(b"x")
        pending.finish()
    assert pending.path.exists()
    assert Durable().publish_file(pending.path, tmp_path / "segment-1")
    assert not pending.path.exists()


def test_the_first_name_wins(tmp_path):
    (tmp_path / "a").write_bytes(b"first")
    with PendingFile(tmp_path / "a") as pending:
        pending.file.write(b"second")
        pending.finish()
    assert not pending.publish(tmp_path / "a")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"first"


def test_a_vanished_folder_is_our_error(tmp_path):
    with pytest.raises(StorageError, match="is gone"):
        PendingFile(tmp_path / "gone" / "a")


def test_its_name_tells_its_owner(tmp_path):
    with PendingFile(tmp_path / "a", None, "0123456789ab") as pending:
        assert is_temporary(pending.path.name)
        assert temporaries_of(tmp_path / "a", "0123456789ab") == [pending.path]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_the_mode_is_set_before_the_flush(tmp_path, port, durable, mode):
    with PendingFile(tmp_path / "a", durable, mode=mode) as pending:
        pending.file.write(b"x")
        pending.finish()
    assert stat.S_IMODE(pending.path.stat().st_mode) == mode
    assert port.names() == ["create", "write", "chmod", "fsync", "close"]


@posix
def test_without_a_mode_it_is_for_the_user_alone(tmp_path, port, durable):
    with PendingFile(tmp_path / "a", durable) as pending:
        pending.finish()
    assert stat.S_IMODE(pending.path.stat().st_mode) == 0o600
    assert "chmod" not in port.names()


@posix
@pytest.mark.parametrize(
    ("code", "passes"), [(errno.EPERM, True), (errno.ENOTSUP, True), (errno.EIO, False)]
)
def test_a_file_system_without_modes_is_no_fault(tmp_path, monkeypatch, code, passes):
    def refuse(_fd, _mode):
        raise OSError(code, "refused")

    monkeypatch.setattr(os, "fchmod", refuse)
    with PendingFile(tmp_path / "a", mode=0o644) as pending:
        if passes:
            pending.finish()
        else:
            with pytest.raises(StorageError):
                pending.finish()
    assert pending.finished is passes


@posix
def test_the_usual_mode_follows_the_umask():
    before = os.umask(0o027)
    try:
        assert usual_mode() == 0o640
        assert os.umask(0o027) == 0o027, "it is as it was"
    finally:
        os.umask(before)


def test_without_finish_nothing_stays(tmp_path):
    with PendingFile(tmp_path / "a") as pending:
        pending.file.write(b"x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="finish"):
        pending.publish(tmp_path / "a")
    pending.discard()


def test_a_write_error_is_kept(tmp_path, port, durable):
    pending = PendingFile(tmp_path / "a", durable)
    port.fail_at = {"write": errno.ENOSPC}
    with pytest.raises(DiskFullError):
        pending.file.write(b"x")
    port.fail_at = {}
    for call in (lambda: pending.file.write(b"y"), lambda: pending.file.seek(0), pending.finish):
        with pytest.raises(DiskFullError):
            call()
    assert port.names().count("write") == 1
    assert "fsync" not in port.names()
    pending.discard()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_is_kept(tmp_path, port, durable):
    pending = PendingFile(tmp_path / "a", durable)

    def interrupt(*_args):
        raise KeyboardInterrupt

    port.write, write = interrupt, port.write
    with pytest.raises(KeyboardInterrupt):
        pending.file.write(b"x")
    port.write = write
    with pytest.raises(KeyboardInterrupt):
        pending.finish()
    pending.discard()


def test_an_error_of_closing_is_raised(tmp_path, port, durable):
    pending = PendingFile(tmp_path / "a", durable)
    pending.file.write(b"x")
    port.fail_at = {"close": errno.EDQUOT}
    with pytest.raises(DiskFullError):
        pending.finish()
    assert not pending.finished
    pending.discard()


def test_a_file_of_another_length_is_refused(tmp_path, port, durable):
    pending = PendingFile(tmp_path / "a", durable)
    pending.file.write(b"four")
    pending.path.write_bytes(b"two")
    with pytest.raises(StorageError, match="3 bytes where 4"):
        pending.finish()
    assert "fsync" not in port.names()
    pending.discard()


def encode(file):
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "gray"
        for number in range(4):
            pixels = np.full((16, 16), number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "gray")))
        container.mux(stream.encode(None))


def test_pyav_writes_through_it(tmp_path):
    with PendingFile(tmp_path / "a.mkv") as pending:
        encode(pending.file)
        pending.finish()
    assert pending.publish(tmp_path / "a.mkv")
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert [f.to_ndarray()[0, 0] for f in container.decode(video=0)] == [0, 1, 2, 3]


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_what_pyav_swallows_is_raised_by_finish(tmp_path, port, durable, nth):
    pending = PendingFile(tmp_path / "a.mkv", durable)
    write = port.write
    calls = []

    def fail(fd, data):
        calls.append(1)
        if len(calls) == nth:
            raise OSError(errno.ENOSPC, "full")
        return write(fd, data)

    port.write = fail
    with contextlib.suppress(OSError):
        encode(pending.file)
    assert len(calls) == nth, "nothing is written after an error"
    with pytest.raises(DiskFullError):
        pending.finish()
    pending.discard()
