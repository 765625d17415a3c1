import time

import msgspec
import pytest

from tsuzuki.errors import SessionDamagedError, SessionError, StorageError
from tsuzuki.sessions import SessionManager
from tsuzuki.sessions.index import LOST_CHANGES, read_index, write_index
from tsuzuki.sessions.sealed import seal as seal_bytes
from tsuzuki.sessions.sealed import unseal


def test_the_index_comes_back(manager, session_id):
    assert manager.load_index(session_id) is None
    assert manager.save_index(session_id, {"pts": [0, 1]})
    assert manager.load_index(session_id) == b'{"pts":[0,1]}'


def test_the_first_index_stays(manager, session_id):
    assert manager.save_index(session_id, b'{"pts":[0]}')
    assert not manager.save_index(session_id, b'{"pts":[1]}')
    assert manager.load_index(session_id) == b'{"pts":[0]}'


def test_with_a_changed_job_it_is_replaced(manager, session_id, paths):
    manager.save_index(session_id, b"{}")
    remembered = {"identity": {"cpu": "avx2"}, "anew": True}
    manager.state(session_id)["steps"]["validate"]["data"] = remembered
    assert manager.save_index(session_id, b"{}", replace=True)
    job, _ = read_index(paths)
    assert job.plan == {"identity": {"cpu": "avx2"}}


def test_the_job_goes_with_it(manager, session_id, paths, video, info, settings):
    manager.state(session_id)["output"] = "/out.mkv"
    manager.state(session_id)["steps"]["validate"]["data"] = {"identity": {"cpu": "avx2"}}
    manager.save_index(session_id, b"{}")
    job, _ = read_index(paths)
    assert (job.video_file, job.video_info, job.output) == (str(video), info, "/out.mkv")
    assert job.settings["noise_reduction"] == settings["noise_reduction"]
    assert job.plan == {"identity": {"cpu": "avx2"}}
    assert len(job.fingerprint) == 64


@pytest.mark.parametrize("data", [b"", b"{}", b"\0" * 99, seal_bytes(b"{}"), seal_bytes(b'{"x":[')])
def test_a_damaged_index_is_kept_aside(manager, session_id, paths, data, caplog):
    paths.index.write_bytes(data)
    assert manager.load_index(session_id) is None
    assert (paths.frames / "index.json.damaged-1").read_bytes() == data
    assert "damaged" in caplog.text
    assert manager.save_index(session_id, b"{}")


def test_an_index_that_nobody_understands_is_kept_aside(manager, session_id, paths):
    def decode(data):
        return msgspec.json.decode(data, type=dict[str, list[int]])

    manager.save_index(session_id, {"pts": ["soon"]})
    assert manager.load_index(session_id, decode) is None
    assert not paths.index.exists()
    manager.save_index(session_id, {"pts": [0, 1]})
    assert manager.load_index(session_id, decode) == {"pts": [0, 1]}


def test_every_tenth_flipped_byte_is_seen(manager, session_id, paths):
    manager.save_index(session_id, msgspec.json.encode({"pts": list(range(50))}))
    data = paths.index.read_bytes()
    for place in range(0, len(data), 10):
        flipped = bytearray(data)
        flipped[place] ^= 1
        paths.index.write_bytes(flipped)
        with pytest.raises(SessionDamagedError):
            read_index(paths)


def test_a_newer_index_is_left_untouched(manager, session_id, paths):
    manager.save_index(session_id, b"{}")
    newer = unseal(paths.index.read_bytes()).replace(b'"version":1', b'"version":2')
    paths.index.write_bytes(seal_bytes(newer))
    with pytest.raises(SessionError, match="newer"):
        manager.load_index(session_id)
    assert paths.index.exists()


def test_an_index_of_another_session_is_damage(manager, session_id, paths):
    manager.save_index(session_id, b"{}")
    other = unseal(paths.index.read_bytes()).replace(session_id.encode(), b"ba9876543210")
    paths.index.write_bytes(seal_bytes(other))
    with pytest.raises(SessionDamagedError, match="another session"):
        read_index(paths)


def test_a_million_frames_are_fast(manager, session_id, paths):
    raw = msgspec.json.encode({"pts": list(range(0, 512_000_000, 512))})
    progress = manager.load_progress(session_id)
    begin = time.perf_counter()
    write_index(paths, progress, raw, manager._durable)
    written = time.perf_counter()
    assert manager.load_index(session_id) == raw
    read = time.perf_counter()
    assert read - written < 1.0, "about 0.05 s on an idle machine"
    assert written - begin < 3.0, "about 0.1 s on an idle machine"


def test_consent_to_overwrite_is_neither_written_nor_read(manager, session_id, paths):
    remembered = {"overwrite": True, "identity": {"cpu": "avx2"}}
    manager.state(session_id)["steps"]["validate"]["data"] = remembered
    manager.save_index(session_id, b"{}")
    assert b'"overwrite"' not in paths.index.read_bytes()
    assert remembered["overwrite"], "the run itself still has it"
    planted = unseal(paths.index.read_bytes()).replace(b'"plan":{', b'"plan":{"overwrite":true,')
    paths.index.write_bytes(seal_bytes(planted))
    job, _ = read_index(paths)
    assert job.plan == {"identity": {"cpu": "avx2"}}


def test_a_passing_fault_is_no_damage(manager, session_id, paths, passing_fault):
    manager.save_index(session_id, b"{}")
    left = passing_fault("open", paths.index)
    with pytest.raises(StorageError):
        manager.load_index(session_id)
    assert not left
    assert manager.load_index(session_id) == b"{}"


@pytest.mark.parametrize(
    ("remembered", "identities", "changes"),
    [
        ({}, ("aa", "aa"), None),
        ({}, ("aa", "bb"), [LOST_CHANGES]),
        ({"identity": {"cpu": "avx2"}}, ("aa", "aa"), [LOST_CHANGES]),
        ({"accepted_changes": ["another cpu"]}, ("aa", "bb"), ["another cpu"]),
    ],
)
def test_a_rebuilt_summary_knows_of_mixed_segments(
    root, manager, session_id, paths, seal, index, remembered, identities, changes
):
    manager.state(session_id)["steps"]["validate"]["data"] = remembered
    manager.save_index(session_id, index())
    for number, identity in enumerate(identities, 1):
        seal(number, number, number, b"%d" % number, identity)
    manager.close()
    paths.progress.unlink()
    steps = SessionManager(root).load_progress(session_id)["steps"]
    remembered = steps["validate"].get("data", {})
    assert remembered.get("accepted_changes") == changes
    assert remembered.get("anew", False) == (changes == [LOST_CHANGES])


@pytest.mark.parametrize("changes", ["text", [7], {"a": 1}])
def test_a_hostile_job_rebuilds_nothing(root, manager, session_id, paths, seal, index, changes):
    manager.state(session_id)["steps"]["validate"]["data"] = {"accepted_changes": changes}
    manager.save_index(session_id, index())
    seal(1, 1, 1, b"1", "aa")
    seal(2, 2, 2, b"2", "bb")
    paths.progress.unlink()
    assert SessionManager(root).load_progress(session_id) is None
