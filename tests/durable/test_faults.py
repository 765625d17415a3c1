import errno
import pickle

import pytest

from tsuzuki.durable import free_bytes, storage_error, storage_errors
from tsuzuki.errors import Cancelled, DiskFullError, StorageError


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disks(tmp_path, code):
    with pytest.raises(DiskFullError) as caught, storage_errors(tmp_path / "new" / "a"):
        raise OSError(code, "full")
    assert caught.value.details["free"] > 0
    assert str(tmp_path) in str(caught.value)
    assert "Free some space and run `tsuzuki resume`" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).details == caught.value.details


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EROFS, "read-only"),
        (errno.EIO, "cable"),
        (errno.EACCES, "permissions"),
        (errno.ENODEV, "gone away"),
        (errno.EFBIG, "size"),
        (errno.EISDIR, "Check the disk"),
    ],
)
def test_other_faults_say_what_to_do(tmp_path, code, advice):
    error = storage_error(OSError(code, "reason"), tmp_path)
    assert isinstance(error, StorageError)
    assert advice in str(error)
    assert error.details["errno"] == code


@pytest.mark.parametrize(
    "error",
    [FileExistsError(), FileNotFoundError(), Cancelled("x"), DiskFullError("x"), KeyError()],
)
def test_answers_and_our_own_errors_pass(tmp_path, error):
    with pytest.raises(type(error)) as caught, storage_errors(tmp_path):
        raise error
    assert caught.value is error


def test_windows_disk_full(tmp_path):
    error = OSError(errno.EINVAL, "full")
    error.winerror = 39
    assert isinstance(storage_error(error, tmp_path), DiskFullError)


def test_free_bytes(tmp_path):
    assert free_bytes(tmp_path / "not" / "there") > 0
