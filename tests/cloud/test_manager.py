"""A session goes into a store and comes out elsewhere, with every byte."""

import json
import logging
import os

import pytest
from tests.cloud.conftest import KEYS, Session

import tsuzuki
from tsuzuki.cloud.manifest import read_manifest
from tsuzuki.cloud.transfer import Pace, for_each
from tsuzuki.durable import OsPort
from tsuzuki.errors import (
    CloudError,
    LeaseError,
    SessionBusyError,
    SessionDamagedError,
    SessionDiffersError,
    SessionNotFoundError,
)
from tsuzuki.sessions import SessionLock, SessionManager


@pytest.fixture
def here(url, session):
    with tsuzuki.CloudSessionManager(url, session.root) as manager:
        yield manager


@pytest.fixture
def there(url, elsewhere):
    with tsuzuki.CloudSessionManager(url, elsewhere) as manager:
        yield manager


@pytest.fixture
def store(tmp_path):
    """Folder of a store."""
    return tmp_path / "store"


@pytest.fixture
def to_folder(store, session):
    with tsuzuki.CloudSessionManager(str(store), session.root) as manager:
        yield manager


@pytest.fixture
def from_folder(store, elsewhere):
    with tsuzuki.CloudSessionManager(str(store), elsewhere) as manager:
        yield manager


def objects(store, session):
    return {path.name: path for path in (store / session.id / "objects").iterdir()}


def test_there_and_back(here, there, session, elsewhere):
    session.spool(25)
    pushed = here.sync_to_cloud(session.id)
    assert (pushed.files, pushed.sent) == (6, 6)
    pulled = there.restore_from_cloud(session.id)
    assert (pulled.fetched, pulled.damaged) == (6, ())
    assert session.files(elsewhere) == session.files()
    assert not there.is_own(session.id), "what it names is not used unasked"
    assert there.check_session(session.id).problems == []


def test_only_what_is_missing_travels(here, there, session):
    spooled = session.spool(25)
    here.sync_to_cloud(session.id)
    assert here.sync_to_cloud(session.id).sent == 0
    there.restore_from_cloud(session.id)
    assert there.restore_from_cloud(session.id).fetched == 0
    spooled.unlink()
    session.seal()
    pushed = here.sync_to_cloud(session.id)
    assert (pushed.files, pushed.sent) == (7, 3)
    pulled = there.restore_from_cloud(session.id)
    assert pulled.fetched == 2, "the segment and its record; the summary stays"
    names = here.store.entries(session.id)
    assert len([name for name in names if "/objects/" in name]) == 7, "the frame is gone"
    assert len([name for name in names if "/manifests/" in name]) == 1


def test_list_and_remove(here, session):
    assert here.list_cloud() == []
    here.sync_to_cloud(session.id)
    [stored] = here.list_cloud()
    assert (stored.session_id, stored.manifest.video) == (session.id, "film.mp4")
    assert stored.size == sum(map(len, session.files().values()))
    here.remove_from_cloud(session.id)
    assert here.list_cloud() == []
    assert here.store.entries(session.id) == {}
    for call in (here.remove_from_cloud, here.restore_from_cloud):
        with pytest.raises(CloudError, match="There is no session"):
            call(session.id)


def test_a_session_that_is_not_here(to_folder):
    with pytest.raises(SessionNotFoundError):
        to_folder.sync_to_cloud("0" * 12)


def test_another_machine_is_refused_until_it_takes_over(to_folder, from_folder, session):
    lease = tsuzuki.cloud.lease.acquire(to_folder.store, session.id)
    to_folder.sync_to_cloud(session.id, lease=lease)
    for call in (from_folder.restore_from_cloud, from_folder.remove_from_cloud):
        with pytest.raises(LeaseError):
            call(session.id)
    from_folder.restore_from_cloud(session.id, take_over=True)
    session.seal()
    before = read_manifest(to_folder.store, session.id)
    with pytest.raises(LeaseError):
        to_folder.sync_to_cloud(session.id, lease=lease)
    assert read_manifest(to_folder.store, session.id) == before


def test_a_late_manifest_of_who_lost_the_lease_does_not_count(
    to_folder, from_folder, session, monkeypatch
):
    """The machine is frozen between its last look at the lease and its writing."""
    lease = tsuzuki.cloud.lease.acquire(to_folder.store, session.id)
    to_folder.sync_to_cloud(session.id, lease=lease)
    from_folder.restore_from_cloud(session.id, take_over=True)
    from_folder.sync_to_cloud(session.id)
    newer = read_manifest(from_folder.store, session.id)
    monkeypatch.setattr(lease, "renew", lambda: None)
    session.seal()
    to_folder.sync_to_cloud(session.id, lease=lease)
    assert read_manifest(from_folder.store, session.id) == newer


@pytest.mark.parametrize("how", ["changed", "cut", "longer", "gone"])
def test_a_damaged_segment_is_left_out_with_its_record(
    how, to_folder, from_folder, session, store, elsewhere
):
    third = session.seal()
    to_folder.sync_to_cloud(session.id)
    path = objects(store, session)[third.sha256]
    data = path.read_bytes()
    changed = {"changed": bytes([data[0] ^ 1]) + data[1:], "cut": data[:-1], "longer": data + b"x"}
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(changed[how])
    pulled = from_folder.restore_from_cloud(session.id)
    assert pulled.damaged == (f"upscaled/{third.file}",)
    records = from_folder.completed_frames(session.id)
    assert len(records) == 24
    assert not any("000003" in name for name in session.files(elsewhere))
    assert from_folder.check_session(session.id).problems[0].reason
    to_folder.sync_to_cloud(session.id)
    if how != "changed":  # a folder does not tell digests
        assert from_folder.restore_from_cloud(session.id).fetched == 2


def test_what_is_damaged_here_is_not_pushed(to_folder, session, store):
    record = session.seal()
    path = session.paths.upscaled / record.file
    path.write_bytes(b"x" * record.size)
    with pytest.raises(SessionDamagedError, match="repair"):
        to_folder.sync_to_cloud(session.id)
    assert read_manifest(to_folder.store, session.id) is None


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 10_000, b"x"])
def test_a_damaged_manifest_is_named(data, to_folder, session, store):
    to_folder.sync_to_cloud(session.id)
    [manifest] = (store / session.id / "manifests").iterdir()
    manifest.write_bytes(data)
    with pytest.raises(CloudError, match="damaged manifest"):
        to_folder.restore_from_cloud(session.id)
    assert to_folder.list_cloud()[0].manifest is None
    to_folder.sync_to_cloud(session.id)
    to_folder.restore_from_cloud(session.id)


@pytest.mark.parametrize(
    "name",
    [
        "../../evil",
        "/etc/passwd",
        "upscaled/../../x",
        "session.lock",
        "logs/session.log",
        "upscaled/x",
        "frames/a/frame_000001.png",
        "upscaled/segment_000001.json/x",
        "",
    ],
)
def test_a_manifest_cannot_name_what_is_no_part_of_a_session(
    name, to_folder, from_folder, session, store, elsewhere
):
    from tsuzuki.sessions.sealed import seal, unseal

    to_folder.sync_to_cloud(session.id)
    [manifest] = (store / session.id / "manifests").iterdir()
    said = json.loads(unseal(manifest.read_bytes()))
    said["files"][name] = said["files"]["progress.json"]
    manifest.write_bytes(seal(json.dumps(said).encode()))
    with pytest.raises(CloudError, match="no part of this session"):
        from_folder.restore_from_cloud(session.id)
    assert not elsewhere.exists()


def test_what_is_here_stays(to_folder, from_folder, session, elsewhere):
    to_folder.sync_to_cloud(session.id)
    from_folder.restore_from_cloud(session.id)
    before = session.files(elsewhere)
    session.seal()
    to_folder.sync_to_cloud(session.id)
    from_folder.restore_from_cloud(session.id)
    assert before.items() <= session.files(elsewhere).items()


def test_one_that_was_made_with_something_else_is_refused(
    to_folder, from_folder, session, elsewhere
):
    def make_with(root, model):
        with SessionManager(root) as manager:
            state = manager.state(session.id)
            state["steps"]["validate"]["data"] = {"identity": {"model": model}}
            manager.save_progress(session.id, state)

    make_with(session.root, "one")
    to_folder.sync_to_cloud(session.id)
    from_folder.restore_from_cloud(session.id)
    make_with(elsewhere, "other")
    before = session.files(elsewhere)
    with pytest.raises(SessionDiffersError, match="model"):
        tsuzuki.CloudSessionManager(to_folder.store.url, elsewhere).restore_from_cloud(session.id)
    assert session.files(elsewhere) == before


def test_nothing_is_fetched_into_a_session_that_is_worked_on(to_folder, session):
    to_folder.sync_to_cloud(session.id)
    with SessionLock(session.paths), pytest.raises(SessionBusyError):
        to_folder.restore_from_cloud(session.id)


class Dying(OsPort):
    """Ends the process, as far as anybody can tell, at one of its renames and links."""

    def __init__(self, left):
        self.left = left

    def rename_new(self, source, target):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        super().rename_new(source, target)


def test_a_pull_that_ends_anywhere_leaves_what_is_sound(to_folder, session, tmp_path):
    from tsuzuki.durable import Durable

    session.spool(25)
    to_folder.sync_to_cloud(session.id)
    for left in range(6):
        root = tmp_path / f"root{left}"
        url = to_folder.store.url
        dying = tsuzuki.CloudSessionManager(url, root, durable=Durable(Dying(left)))
        with pytest.raises(KeyboardInterrupt):
            dying.restore_from_cloud(session.id)
        with SessionManager(root) as manager:
            progress = manager.load_progress(session.id)
            done = manager.completed_frames(session.id)
            claimed = progress["steps"]["upscale"]["data"]["completed"] if progress else []
            assert sum(last - first + 1 for first, last in claimed) <= len(done)
        again = tsuzuki.CloudSessionManager(url, root).restore_from_cloud(session.id)
        assert again.fetched == 6 - left
        assert session.files(root) == session.files()


def test_no_secret_is_kept_anywhere(bucket, session, elsewhere, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "tsuzuki")
    with tsuzuki.CloudSessionManager(bucket, session.root) as manager:
        manager.sync_to_cloud(session.id)
        names = list(manager.store.entries(session.id))
        stored = b"".join(manager.store.read(name, 1 << 20) for name in names)
    with tsuzuki.CloudSessionManager(bucket, elsewhere) as manager:
        manager.restore_from_cloud(session.id)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in (KEYS["AWS_SECRET_ACCESS_KEY"], KEYS["AWS_ACCESS_KEY_ID"]):
        assert os.environ["AWS_SECRET_ACCESS_KEY"]
        assert secret.encode() not in b"".join([stored, *written])
        assert secret not in caplog.text


def test_the_speed_stays_below_the_limit():
    slept = []
    pace = Pace(1000, slept.append)
    for _ in range(4):
        pace.wait(500)
    assert slept == pytest.approx([0.5, 1.0, 1.5], abs=0.05)
    Pace(None, slept.append).wait(1 << 40)
    assert len(slept) == 3


@pytest.mark.parametrize("parallel", [1, 4])
def test_the_first_error_ends_it(parallel):
    def call(number):
        if number == 2:
            raise ValueError

    with pytest.raises(ValueError):
        for_each(range(4), call, parallel)


def test_two_sessions_in_one_store(to_folder, from_folder, session, video, elsewhere):
    other = Session(session.root, video, scale=3.0)
    other.seal()
    for one in (session, other):
        to_folder.sync_to_cloud(one.id)
    to_folder.remove_from_cloud(other.id)
    from_folder.restore_from_cloud(session.id)
    assert session.files(elsewhere) == session.files()
