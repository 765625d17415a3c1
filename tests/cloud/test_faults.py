"""Each request of a push and a pull lost in turn: what is in the store never lies."""

from __future__ import annotations

import os

import pytest
from tests.cloud.proxy import Proxy

from tsuzuki import CloudSessionManager
from tsuzuki.errors import CloudError
from tsuzuki.sessions import SessionManager

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
KINDS = ("refused", "cut", "answer lost", "late")
STEP = 1 if FULL else 7
"""Of so many requests one is met, of each kind another."""
pytestmark = pytest.mark.timeout(3600 if FULL else 300)


@pytest.fixture(params=["bucket", pytest.param("drive", marks=pytest.mark.slow)])
def store(request):
    """The address of an empty store."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def proxy(store, request, monkeypatch):
    """What loses requests: in front of S3, and a part of what stands in for Google Drive."""
    if store.startswith("gdrive:"):
        monkeypatch.setattr("tsuzuki.cloud.drive_api.RETRIES", 0)
        yield request.getfixturevalue("drive_server")
        return
    proxy = Proxy(request.getfixturevalue("s3_server"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    yield proxy
    proxy.shutdown()
    proxy.server_close()


def faults(kind, number, *, for_good):
    if for_good:
        return lambda n: kind if n >= number else None
    return lambda n: kind if n == number else None


def points(total):
    """Pairs of a kind of fault and the request that it meets; fewer where there are many."""
    step = STEP if FULL else max(STEP, total // 6)
    return [
        (kind, number)
        for start, kind in enumerate(KINDS)
        for number in range(1 + start * step // len(KINDS), total + 1, step)
    ]


def attempt(call):
    """Return whether it says that it succeeded."""
    try:
        call()
    except CloudError:
        return False
    return True


def check(root, session_id):
    """The session opens, and is not less than it says."""
    with SessionManager(root) as manager:
        progress = manager.require_progress(session_id)
        assert manager.check_session(session_id, read_data=True).problems == []
        claimed = progress["steps"]["upscale"]["data"]["completed"]
        done = manager.completed_frames(session_id)
        assert all(n in done for first, last in claimed for n in range(first, last + 1))


@pytest.mark.slow
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
def test_a_push(for_good, store, session, proxy, tmp_path):
    def manager(url, root=session.root):
        return CloudSessionManager(url, root)

    proxy.restart()
    manager(f"{store}/count/0/0").sync_to_cloud(session.id)
    total = proxy.requests
    assert total >= 15
    for kind, number in points(total):
        # Few in each folder: Drive lists all of one for every name that is looked for in it.
        url = f"{store}/{kind.replace(' ', '-')}/{number // 10}/{number}"
        proxy.restart(faults(kind, number, for_good=for_good))
        success = attempt(lambda url=url: manager(url).sync_to_cloud(session.id))
        proxy.restart()
        root = tmp_path / f"{kind} {number}"
        there = attempt(
            lambda url=url, root=root: manager(url, root).restore_from_cloud(
                session.id, take_over=True
            )
        )
        assert there or not success, (kind, number)
        if there:
            check(root, session.id)
            assert session.files(root) == session.files()
        manager(url).sync_to_cloud(session.id, take_over=True)
        manager(url, root).restore_from_cloud(session.id)
        assert session.files(root) == session.files()


def test_a_second_push_keeps_the_first_until_it_is_through(store, session, proxy, tmp_path):
    CloudSessionManager(store, session.root).sync_to_cloud(session.id)
    first = session.files()
    session.seal()
    session.spool(40)
    second = session.files()
    proxy.restart()
    CloudSessionManager(f"{store}/count", session.root).sync_to_cloud(session.id)
    for number in range(1, proxy.requests + 1, 1 if FULL else 9):
        proxy.restart(faults("cut", number, for_good=True))
        success = attempt(
            lambda: CloudSessionManager(store, session.root).sync_to_cloud(
                session.id, take_over=True
            )
        )
        proxy.restart()
        root = tmp_path / f"root{number}"
        CloudSessionManager(store, root).restore_from_cloud(session.id, take_over=True)
        check(root, session.id)
        found = session.files(root)
        assert found in (first, second)
        assert found == second or not success


@pytest.mark.slow
def test_a_pull(store, session, proxy, tmp_path):
    CloudSessionManager(store, session.root).sync_to_cloud(session.id)
    proxy.restart()
    CloudSessionManager(store, tmp_path / "count").restore_from_cloud(session.id)
    for kind, number in points(proxy.requests):
        root = tmp_path / f"{kind}{number}"
        proxy.restart(faults(kind, number, for_good=kind == "cut"))
        success = attempt(
            lambda root=root: CloudSessionManager(store, root).restore_from_cloud(
                session.id, take_over=True
            )
        )
        proxy.restart()
        if success:
            check(root, session.id)
        CloudSessionManager(store, root).restore_from_cloud(session.id, take_over=True)
        check(root, session.id)
        assert session.files(root) == session.files()
