"""What every kind of store has to do, and where it differs."""

import threading

import pytest

from tsuzuki.cloud.place import parse
from tsuzuki.cloud.store import Entry, open_store
from tsuzuki.errors import CloudError, SettingsError

NAME = "0123456789ab/objects/aaaa"


@pytest.fixture
def store(url):
    return open_store(url)


def test_an_empty_store(store):
    assert (store.folders(), store.entries("0123456789ab")) == ([], {})
    with pytest.raises(FileNotFoundError):
        store.read(NAME, 10)
    with pytest.raises(FileNotFoundError), store.open(NAME) as file:
        file.read()
    store.remove([NAME])


def test_a_small_file_is_written_replaced_read_and_removed(store):
    store.write(NAME, b"one")
    store.write(NAME, b"other")
    assert store.read(NAME, 5) == b"other"
    assert store.folders() == ["0123456789ab"]
    assert list(store.entries("0123456789ab")) == [NAME]
    store.remove([NAME])
    assert store.entries("0123456789ab") == {}


def test_a_file_that_is_too_long_is_not_read(store):
    store.write(NAME, b"123456")
    with pytest.raises(CloudError):
        store.read(NAME, 5)


def test_a_file_is_created_once(store):
    assert store.create(NAME, b"one")
    assert not store.create(NAME, b"other")
    assert store.read(NAME, 10) == b"one"


def test_of_several_that_create_one_succeeds(url):
    stores = [open_store(url) for _ in range(4)]
    made = []
    barrier = threading.Barrier(4)

    def create(number):
        barrier.wait()
        if stores[number].create(NAME, str(number).encode()):
            made.append(number)

    threads = [threading.Thread(target=create, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(number).encode() for number in made] == [stores[0].read(NAME, 10)]


def test_a_long_file_goes_and_comes_back(store, tmp_path):
    data = bytes(range(256)) * 40_000
    (tmp_path / "file").write_bytes(data)
    store.upload(NAME, tmp_path / "file")
    assert store.entries("0123456789ab/objects")[NAME].size == len(data)
    with store.open(NAME) as file:
        assert file.read(10) + file.read() == data


def test_nothing_unfinished_is_listed(tmp_path):
    store = open_store(str(tmp_path))
    store.write(NAME, b"1")
    (tmp_path / "0123456789ab/objects/.aaaa.0123456789abcdef.tmp").write_bytes(b"x")
    assert store.entries("0123456789ab") == {NAME: Entry(1)}


def test_the_md5_of_an_object_is_known(bucket):
    store = open_store(bucket)
    store.write(NAME, b"")
    assert store.entries("0123456789ab") == {NAME: Entry(0, "d41d8cd98f00b204e9800998ecf8427e")}


def test_a_bucket_that_is_not_there(bucket):
    store = open_store(f"{bucket}-not")
    with pytest.raises(CloudError, match="Check that it exists"):
        store.write(NAME, b"")


def test_a_server_that_is_not_there(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    with pytest.raises(CloudError, match="credentials") as caught:
        open_store(bucket).entries("0123456789ab")
    assert "canary" not in str(caught.value)


def test_no_host_that_is_not_known(tmp_path, monkeypatch):
    pytest.importorskip("asyncssh")
    from tests.cloud.sftp_server import serve

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    with serve(tmp_path / ".ssh", known=False), pytest.raises(CloudError, match="not found in"):
        open_store("sftp://films.example/tmp/films")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://Films/a/b/", "s3://Films/a/b"),
        ("s3://films", "s3://films"),
        ("sftp://host:2222/a/", "sftp://host:2222/a"),
        ("file:///a/b%20c", "/a/b c"),
        ("/a/b", "/a/b"),
    ],
)
def test_addresses(address, shown):
    assert parse(address).url == shown


@pytest.mark.parametrize(
    "address",
    [
        "s3://key:canary@films/a",
        "sftp://user@host/a",
        "sftp://user:canary@host/a",
        "s3://films/a?secret=canary",
        "s3://films/a#canary",
        "ftp://host/a",
        "memory://a",
        "sftp://host",
        "sftp://host:port/a",
        "s3:///a",
        "file://host/a",
        "/",
    ],
)
def test_addresses_that_are_refused_and_no_secret_is_repeated(address):
    with pytest.raises(SettingsError) as caught:
        parse(address)
    assert "canary" not in str(caught.value)
