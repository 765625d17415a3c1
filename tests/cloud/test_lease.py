"""One machine has a session."""

import os
import subprocess
import sys
import threading

import msgspec
import pytest

from tsuzuki.cloud import lease as leases
from tsuzuki.cloud.lease import Holder, acquire, held
from tsuzuki.cloud.store import open_store
from tsuzuki.errors import CloudError, LeaseError

ID = "0123456789ab"
ROUNDS = 100
FULL = os.environ.get("TSUZUKI_CRASH") == "full"


@pytest.fixture
def store(url):
    return open_store(url)


@pytest.fixture
def folder(tmp_path):
    return open_store(str(tmp_path / "store"))


def put(store, *, number=1, **facts):
    holder = Holder(key="k", host="elsewhere", pid=1, since="then", until=leases._now() + 100)
    changed = msgspec.structs.replace(holder, **facts)
    store.write(f"{ID}/leases/lease-{number:09d}.json", msgspec.json.encode(changed))


def test_it_is_taken_once_renewed_and_given_back(store):
    with held(store, ID) as lease:
        with pytest.raises(LeaseError, match="--take-over") as caught:
            acquire(store, ID)
        assert "process" in caught.value.message
        lease.renew()
    with held(store, ID) as lease:
        assert lease.number == 2
        assert len(store.entries(f"{ID}/leases")) == 1


def test_who_is_taken_over_from_sees_it(store):
    first = acquire(store, ID)
    second = acquire(store, ID, take_over=True)
    for call in (first.check, first.renew):
        with pytest.raises(LeaseError):
            call()
    first.release()
    second.renew()


def test_one_that_has_ended_is_free(folder):
    put(folder, until=leases._now() - leases.CLOCK_SECONDS - 1)
    assert acquire(folder, ID).number == 2


def test_clocks_may_differ(folder):
    put(folder, until=leases._now() - leases.CLOCK_SECONDS + 5)
    with pytest.raises(LeaseError, match="process 1 on elsewhere"):
        acquire(folder, ID)


def test_that_of_a_process_of_this_machine_that_died_is_free(folder):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    put(folder, pid=dead.pid, host=leases.socket.gethostname())
    assert acquire(folder, ID).number == 2


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 4000, b'{"until": "x"}'])
def test_one_that_makes_no_sense_is_held_until_it_is_taken_over(folder, data):
    folder.write(f"{ID}/leases/lease-000000007.json", data)
    with pytest.raises(LeaseError, match="another machine"):
        acquire(folder, ID)
    assert acquire(folder, ID, take_over=True).number == 8


def test_an_answer_that_was_lost_is_no_other_holder(folder, monkeypatch):
    real = folder.create

    def create(name, data):
        real(name, data)
        return False  # the request was repeated

    monkeypatch.setattr(folder, "create", create)
    assert acquire(folder, ID).number == 1


def test_a_listing_that_is_old_takes_nothing(folder, monkeypatch):
    put(folder, number=1)
    monkeypatch.setattr(folder, "entries", lambda _: {})
    with pytest.raises(CloudError, match="older"):
        acquire(folder, ID)


@pytest.mark.parametrize("kind", ["folder", "bucket", "drive"])
def test_of_two_machines_one_gets_it(kind, tmp_path, request):
    address = str(tmp_path / "store") if kind == "folder" else request.getfixturevalue(kind)
    stores = open_store(address), open_store(address)
    barrier = threading.Barrier(2)
    got = [[], []]
    rounds = ROUNDS if FULL else {"folder": ROUNDS, "bucket": 20, "drive": 3}[kind]

    def race(mine):
        for number in range(rounds):
            barrier.wait()
            try:
                acquire(stores[mine], f"{number:012x}")
            except LeaseError:
                continue
            got[mine].append(number)

    threads = [threading.Thread(target=race, args=[mine]) for mine in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got[0] + got[1]) == list(range(rounds))
