"""What is Google Drive's own: names that are not unique, late listings, its credentials."""

import io
import logging

import pytest
from tests.cloud.drive_server import TOKEN

from tsuzuki.cloud import gdrive, lease
from tsuzuki.cloud.drive_api import PIECE, Drive
from tsuzuki.cloud.lease import acquire
from tsuzuki.cloud.store import Entry, open_store
from tsuzuki.errors import CloudError, LeaseError

pytest.importorskip("googleapiclient")

ID = "0123456789ab"
NAME = f"{ID}/objects/aaaa"


@pytest.fixture
def store(drive):
    return open_store(drive)


def twice(store, name, data):
    """Write a second file of the same name, as only Drive lets a store do."""
    folder, _, last = name.rpartition("/")
    store._drive.create(store._made(folder), last, io.BytesIO(data))


def test_of_two_files_of_a_name_the_oldest_counts(store):
    store.write(NAME, b"first")
    twice(store, NAME, b"second")
    assert store.read(NAME, 10) == b"first"
    assert store.entries(ID)[NAME].size == 5
    store.write(NAME, b"newer")
    assert store.read(NAME, 10) == b"newer"
    store.remove([NAME])
    assert store.entries(ID) == {}


def test_listings_go_over_many_pages_and_tell_md5s(store, drive_server):
    names = [f"{ID}/objects/{number:04d}" for number in range(2 * drive_server.page + 1)]
    for name in names:
        store.write(name, b"")
    empty = Entry(0, "d41d8cd98f00b204e9800998ecf8427e")
    assert store.entries(ID) == dict.fromkeys(names, empty)


def test_any_name_will_do(drive):
    store = open_store(f"{drive}/Mika's%20films%20%5C")
    store.write(NAME, b"1")
    assert list(open_store(store.url.replace(" ", "%20")).entries(ID)) == [NAME]


def test_a_long_file_goes_in_pieces_and_replaces_one(store, drive_server, tmp_path):
    store.write(NAME, b"damaged")
    data = bytes(range(256)) * (2 * PIECE // 256) + b"end"
    (tmp_path / "file").write_bytes(data)
    drive_server.restart()
    store.upload(NAME, tmp_path / "file")
    assert drive_server.requests >= 4
    [file] = drive_server.named("aaaa")[-1:]
    assert file["data"] == data
    with store.open(NAME) as read:
        assert read.read() == data


def test_a_request_that_is_repeated_makes_nothing_twice(store, drive_server):
    store.write(NAME, b"1")
    drive_server.restart()
    store.write(f"{NAME}-count", b"2")
    for number in range(1, drive_server.requests + 1):
        drive_server.restart(lambda n, number=number: "answer lost" if n == number else None)
        store.write(f"{NAME}-{number}", b"3")
        drive_server.restart()
        assert len(drive_server.named(f"aaaa-{number}")) == 1


def test_a_lease_that_a_listing_does_not_show_yet_is_not_taken(store, drive_server, monkeypatch):
    monkeypatch.setattr(gdrive, "TRIES", 2)
    monkeypatch.setattr(lease, "TRIES", 1)
    store.write(NAME, b"1")
    store._made(f"{ID}/leases")
    drive_server.lag = 1.0
    try:
        with pytest.raises(CloudError, match="older"):
            acquire(store, ID)
    finally:
        drive_server.lag = 0.0
    assert store.folders() == [ID]
    assert not drive_server.named("lease-000000001.json")


def test_of_two_that_got_the_same_lease_one_sees_that_it_has_none(store, drive):
    first, other = acquire(store, ID), open_store(drive)
    twice(other, f"{ID}/leases/lease-000000001.json", b"{}")
    first.renew()
    late = lease.Lease(other, ID, 1, lease._new_holder())
    with pytest.raises(LeaseError, match="process"):
        late.renew()


def test_two_that_make_a_folder_at_once_take_the_same(drive, drive_server, monkeypatch):
    one, two = open_store(drive), open_store(drive)
    real = Drive.make_folder

    def make(self, parent, name):
        monkeypatch.setattr(Drive, "make_folder", real)
        two.write(NAME, b"2")
        return real(self, parent, name)

    monkeypatch.setattr(Drive, "make_folder", make)
    one.write(f"{ID}/objects/bbbb", b"1")
    assert len(drive_server.named(drive.removeprefix("gdrive://"))) == 2
    assert set(one.entries(ID)) == set(two.entries(ID)) == {NAME, f"{ID}/objects/bbbb"}


def test_a_folder_that_another_machine_has_removed_is_made_anew(store, drive):
    store.write(NAME, b"1")
    open_store(drive).remove([NAME])
    assert store.folders() == []
    assert store.entries(ID) == {}
    store.write(NAME, b"2")
    assert open_store(drive).read(NAME, 10) == b"2"


def test_what_may_not_be_deleted_goes_into_the_bin(store, drive_server):
    store.write(NAME, b"1")
    drive_server.may_delete = False
    try:
        store.remove([NAME])
    finally:
        drive_server.may_delete = True
    assert store.entries(ID) == {}


def test_a_folder_by_its_id_also_on_a_shared_drive(drive, drive_server):
    found = drive_server.add_folder("shared", drive="0ADrive")
    store = open_store(f"gdrive://id={found}/films")
    store.write(NAME, b"1")
    assert store.url == f"gdrive://id={found}/films"
    assert list(open_store(store.url).entries(ID)) == [NAME]
    with pytest.raises(CloudError, match="has no folder nowhere"):
        open_store("gdrive://id=nowhere").folders()


def test_credentials_are_asked_for(drive, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(CloudError, match=r"GOOGLE_APPLICATION_CREDENTIALS.*docs/cloud\.md"):
        open_store(drive)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(CloudError, match="gcloud auth application-default login"):
        open_store(drive)


def test_a_refusal_tells_no_secret(drive, drive_server, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("tsuzuki.cloud.drive_api.RETRIES", 0)
    store = open_store(drive)
    store.write(NAME, b"1")
    drive_server.restart(lambda _: "refused")
    with pytest.raises(CloudError, match="credentials") as caught:
        store.write(NAME, b"2")
    said = f"{caught.value} {caught.value.__cause__} {caplog.text}"
    assert TOKEN not in said
    assert "PRIVATE KEY" not in said


def test_an_object_that_another_machine_has_made_anew_is_found(store, drive):
    store.write(NAME, b"1")
    assert store.entries(ID)
    other = open_store(drive)
    other.remove([NAME])
    other.write(NAME, b"2")
    with store.open(NAME) as file:
        assert file.read() == b"2"
