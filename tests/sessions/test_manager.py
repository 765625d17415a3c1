import inspect
import json
import random
import shutil
import subprocess
import sys
import time

import pytest

from tsuzuki.durable import Durable
from tsuzuki.errors import (
    DiskFullError,
    InputNotFoundError,
    SessionError,
    SessionNotFoundError,
    StorageError,
)
from tsuzuki.sessions import STEPS, SessionManager, SessionPaths, summary
from tsuzuki.sessions.progress import decode_progress
from tsuzuki.settings import ProcessingSettings

DOCUMENT = {
    "generate_session_id": ["video_path", "settings"],
    "create_session": ["video_path", "settings", "video_info"],
    "find_resumable_session": ["video_path", "settings"],
    "save_progress": ["session_id", "progress_data"],
    "load_progress": ["session_id"],
    "update_step_status": ["session_id", "step", "status"],
    "add_completed_frame": ["session_id", "frame_path"],
    "batch_update_completed_frames": ["session_id", "completed_frames"],
    "get_completed_frames": ["session_id"],
    "get_remaining_frames": ["session_id", "all_frames"],
    "validate_session_data": ["progress_data"],
    "get_progress_file": ["session_id"],
    "cleanup_session": ["session_id"],
    "cleanup_old_sessions": ["max_age_days"],
    "get_all_resumable_sessions": [],
}


@pytest.mark.parametrize("name", DOCUMENT)
def test_the_documents_methods(name):
    parameters = list(inspect.signature(getattr(SessionManager, name)).parameters)
    assert parameters[1 : 1 + len(DOCUMENT[name])] == DOCUMENT[name]


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def on_disk(manager, session_id):
    return decode_progress(manager.get_progress_file(session_id).read_bytes(), session_id)


class TestCreation:
    def test_the_documents_folders(self, manager, session_id, root, video, info):
        folder = root / session_id
        assert {p.name for p in folder.iterdir()} == {"frames", "logs", "progress.json", "upscaled"}
        progress = on_disk(manager, session_id)
        assert progress["video_file"] == str(video.resolve())
        assert progress["video_info"] == info
        if sys.platform != "win32":
            assert {p.stat().st_mode & 0o777 for p in [root, *folder.glob("*/")]} == {0o700}
            assert manager.get_progress_file(session_id).stat().st_mode & 0o777 == 0o600

    def test_settings_may_be_a_dict_or_not(self, manager, session_id, video, settings, info):
        whole = ProcessingSettings(**settings)
        assert manager.generate_session_id(video, whole) == session_id
        assert manager.create_session(video, whole, info) == session_id

    def test_an_existing_one_keeps_its_work(self, manager, session_id, video, settings, info, seal):
        seal(1, 1, 12)
        manager.update_step_status(session_id, "validate", "completed")
        before = on_disk(manager, session_id)
        assert manager.create_session(video, settings, info) == session_id
        assert on_disk(manager, session_id) == before
        assert len(manager.get_completed_frames(session_id)) == 12

    def test_a_killed_creation_is_completed(self, manager, paths, video, settings, info):
        paths.progress.unlink()
        paths.logs.rmdir()
        assert manager.load_progress(paths.session_id) is None
        assert manager.create_session(video, settings, info) == paths.session_id
        assert on_disk(manager, paths.session_id)["status"] == "created"
        assert paths.logs.is_dir()

    def test_wrong_facts_are_refused(self, manager, video, settings, info):
        with pytest.raises(SessionError, match="cannot be saved"):
            manager.create_session(video, settings, info | {"duration": float("nan")})
        with pytest.raises(InputNotFoundError):
            manager.create_session("nowhere.mp4", settings, info)


class TestProgress:
    def test_saved_is_loaded(self, manager, session_id, root):
        progress = manager.load_progress(session_id)
        progress["output"] = "/out.mkv"
        progress["steps"]["validate"]["data"] = {"plan": [1, 2]}
        manager.save_progress(session_id, progress)
        assert on_disk(manager, session_id) == progress
        assert SessionManager(root).load_progress(session_id) == progress
        assert json.loads(manager.get_progress_file(session_id).read_text())["output"] == "/out.mkv"

    def test_saving_while_working_is_not_undone(self, manager, session_id):
        manager.state(session_id)
        progress = manager.load_progress(session_id)
        progress["output"] = "/out.mkv"
        manager.save_progress(session_id, progress)
        manager.flush()
        assert on_disk(manager, session_id)["output"] == "/out.mkv"

    @pytest.mark.parametrize(
        "change", [{"session_id": "ba9876543210"}, {"status": "odd"}, {"steps": {}}]
    )
    def test_wrong_progress_is_not_saved(self, manager, session_id, change):
        before = on_disk(manager, session_id)
        with pytest.raises(SessionError, match="cannot be saved"):
            manager.save_progress(session_id, before | change)
        assert on_disk(manager, session_id) == before

    @pytest.mark.parametrize("session_id", ["../../etc/pas", "0123456789ab/..", "x", "0" * 13])
    def test_hostile_ids(self, manager, session_id):
        for call in (
            manager.load_progress,
            manager.get_progress_file,
            manager.get_completed_frames,
            manager.cleanup_session,
            manager.load_index,
            manager.state,
        ):
            with pytest.raises(SessionNotFoundError):
                call(session_id)

    def test_nothing_there(self, manager):
        assert manager.load_progress("0123456789ab") is None
        for call in (manager.state, manager.cleanup_session, manager.adopt):
            with pytest.raises(SessionNotFoundError):
                call("0123456789ab")
        assert manager.sessions() == []

    def test_steps(self, manager, session_id):
        manager.update_step_status(session_id, "validate", "in_progress")
        progress = on_disk(manager, session_id)
        assert progress["status"] == "in_progress"
        assert "start_time" in progress["steps"]["validate"]
        manager.update_step_status(session_id, "validate", "failed", error="no space")
        progress = on_disk(manager, session_id)
        assert progress["status"] == "failed"
        assert progress["steps"]["validate"]["error"] == "no space"
        for step in STEPS:
            manager.update_step_status(session_id, step, "completed")
        progress = on_disk(manager, session_id)
        assert progress["status"] == "completed"
        assert {s["progress"] for s in progress["steps"].values()} == {100.0}
        assert "error" not in progress["steps"]["validate"]

    def test_a_pause_is_in_progress_with_its_reason(self, manager, session_id):
        manager.update_step_status(session_id, "upscale", "in_progress", error="paused by you")
        progress = on_disk(manager, session_id)
        assert progress["status"] == progress["steps"]["upscale"]["status"] == "in_progress"
        assert progress["steps"]["upscale"]["error"] == "paused by you"

    def test_unknown_steps_and_states(self, manager, session_id):
        with pytest.raises(SessionError, match="no step 'publish'"):
            manager.update_step_status(session_id, "publish", "completed")
        with pytest.raises(SessionError, match="no state 'done'"):
            manager.update_step_status(session_id, "upscale", "done")

    def test_validation(self, manager, session_id):
        progress = manager.load_progress(session_id)
        assert manager.validate_session_data(progress)
        for missing in ("session_id", "video_file", "steps"):
            assert not manager.validate_session_data({**progress, missing: None})
        for nonsense in (None, [], {}, "x", 7):
            assert not manager.validate_session_data(nonsense)

    def test_what_the_runner_remembers_is_saved_by_flush(self, manager, session_id):
        remembered = {"output": {"size": 7, "sha256": "ab" * 32}}
        manager.state(session_id)["steps"]["combine"]["data"] = remembered
        manager.flush()
        assert on_disk(manager, session_id)["steps"]["combine"]["data"] == remembered

    def test_saving_is_fast(self, manager, session_id):
        progress = manager.load_progress(session_id)
        progress["steps"]["upscale"]["data"] = {"completed": [[n, n] for n in range(1, 8000, 2)]}
        begin = time.perf_counter()
        for _ in range(10):
            manager.save_progress(session_id, progress)
        assert (time.perf_counter() - begin) / 10 < 0.2


class TestFrames:
    def test_ten_frames_are_saved(self, manager, session_id):
        for number in range(1, 10):
            manager.add_completed_frame(session_id, f"frame_{number:06d}_upscaled.png")
        assert "data" not in on_disk(manager, session_id)["steps"]["upscale"]
        manager.add_completed_frame(session_id, "/any/where/frame_000010_upscaled.png")
        manager._saver.flush()
        upscale = on_disk(manager, session_id)["steps"]["upscale"]
        assert upscale["data"]["completed"] == [[1, 10]]
        assert upscale["progress"] == pytest.approx(100 * 10 / 96)

    def test_two_seconds_are_the_longest_wait(self, manager, session_id, monkeypatch):
        now = time.monotonic()
        manager.add_completed_frame(session_id, "frame_000001_upscaled.png")
        monkeypatch.setattr(time, "monotonic", lambda: now + 2.5)
        manager.add_completed_frame(session_id, "frame_000002_upscaled.png")
        manager._saver.save_queue.join()
        assert on_disk(manager, session_id)["steps"]["upscale"]["data"]["completed"] == [[1, 2]]

    def test_a_change_is_saved_soon_without_a_further_call(self, manager, session_id):
        def saved():
            return on_disk(manager, session_id)["steps"]["upscale"]

        manager.add_completed_frame(session_id, "frame_000001_upscaled.png")
        assert "data" not in saved()
        assert wait_for(lambda: saved().get("data", {}).get("completed") == [[1, 1]], 3.0)
        manager.set_step_progress(session_id, "extract", 40)
        assert wait_for(
            lambda: on_disk(manager, session_id)["steps"]["extract"]["progress"] == 40, 3.0
        )

    def test_nothing_is_saved_where_nothing_changed(self, manager, session_id, monkeypatch):
        monkeypatch.setattr("tsuzuki.sessions.manager.SAVE_SECONDS", 0.05)
        manager.add_completed_frame(session_id, "frame_000001_upscaled.png")
        manager.flush()
        before = on_disk(manager, session_id)["last_updated"]
        time.sleep(0.2)
        assert on_disk(manager, session_id)["last_updated"] == before
        assert manager._timer is None

    def test_an_error_of_saving_in_the_background_is_heard(self, manager, session_id, monkeypatch):
        monkeypatch.setattr("tsuzuki.sessions.manager.SAVE_SECONDS", 0.02)
        with monkeypatch.context() as patch:

            def full(fd):
                raise OSError(28, "No space left on device")

            patch.setattr(manager._durable.port, "fsync", full)
            manager.add_completed_frame(session_id, "frame_000001_upscaled.png")
            assert wait_for(lambda: manager._timer is None, 3.0)
            assert wait_for(lambda: getattr(manager._saver, "_error", None) is not None, 3.0)
            manager.set_step_progress(session_id, "upscale", 1)
            assert wait_for(lambda: manager._timer is None, 3.0)
        with pytest.raises(DiskFullError):
            manager.flush()
        manager.flush()
        assert on_disk(manager, session_id)["steps"]["upscale"]["data"]["completed"] == [[1, 1]]

    def test_batches_and_flush(self, manager, session_id):
        names = [f"frame_{number:06d}_upscaled.png" for number in (5, 1, 2)]
        manager.batch_update_completed_frames(session_id, names)
        manager.flush()
        completed = on_disk(manager, session_id)["steps"]["upscale"]["data"]["completed"]
        assert completed == [[1, 2], [5, 5]]

    def test_the_disk_decides_what_is_done(self, manager, session_id, paths, seal):
        manager.add_completed_frame(session_id, "frame_000050_upscaled.png")
        seal(1, 1, 3)
        paths.upscaled_frame(5, "nut").write_bytes(b"spooled")
        assert manager.get_completed_frames(session_id) == [
            str(paths.upscaled_frame(number)) for number in (1, 2, 3, 5)
        ]

    def test_remaining_frames_match_by_number(self, manager, session_id, paths, seal):
        seal(1, 1, 3)
        source = [str(paths.frame(number)) for number in range(1, 7)]
        assert manager.get_remaining_frames(session_id, source) == source[3:]
        upscaled = ["frame_000003_upscaled.png", "frame_1000000_upscaled.png"]
        assert manager.get_remaining_frames(session_id, upscaled) == upscaled[1:]
        with pytest.raises(SessionError, match="no name of a frame"):
            manager.get_remaining_frames(session_id, ["holiday.png"])

    def test_a_frame_costs_microseconds(self, manager, session_id):
        names = [f"frame_{number:06d}_upscaled.png" for number in range(1, 20_001)]
        begin = time.perf_counter()
        for name in names:
            manager.add_completed_frame(session_id, name)
        seconds = time.perf_counter() - begin
        manager.flush()
        assert seconds < 4.0, "about 25 microseconds each on an idle machine"


class TestRepair:
    @pytest.fixture
    def worked(self, manager, session_id, paths, seal, index):
        manager.state(session_id)["output"] = "/out.mkv"
        manager.state(session_id)["steps"]["validate"]["data"] = {"identity": {"cpu": "avx2"}}
        for step in ("validate", "extract"):
            manager.update_step_status(session_id, step, "completed")
        manager.save_index(session_id, index(26))
        seal(1, 1, 12)
        seal(2, 13, 24, b"other")
        paths.upscaled_frame(26).write_bytes(b"spooled")
        manager.close()
        return session_id

    @pytest.mark.parametrize("data", [None, b"", b"{", bytes(100), b"[1]"])
    def test_a_lost_summary_is_rebuilt(self, worked, root, paths, data, caplog):
        before = decode_progress(paths.progress.read_bytes(), worked)
        paths.progress.unlink()
        if data is not None:
            paths.progress.write_bytes(data)
        manager = SessionManager(root)
        progress = manager.load_progress(worked)
        for key in ("video_file", "video_info", "settings", "created_at", "fingerprint", "output"):
            assert progress[key] == before[key]
        assert progress["steps"]["validate"]["data"] == {"identity": {"cpu": "avx2"}}
        assert progress["steps"]["upscale"]["data"]["completed"] == [[1, 24], [26, 26]]
        assert progress["status"] == "in_progress"
        assert on_disk(manager, worked) == progress
        if data is not None:
            assert paths.folder.joinpath("progress.json.damaged-1").read_bytes() == data
            assert "damaged" in caplog.text

    def test_it_goes_on_like_any_session(self, worked, root, paths, video, settings):
        paths.progress.write_bytes(b"")
        manager = SessionManager(root)
        assert manager.find_resumable_session(video, settings)["session_id"] == worked
        manager.update_step_status(worked, "upscale", "in_progress")
        manager.close()
        assert on_disk(manager, worked)["steps"]["upscale"]["status"] == "in_progress"

    @pytest.mark.parametrize("lost", [False, True])
    def test_a_passing_fault_sets_nothing_aside(self, worked, root, paths, passing_fault, lost):
        if lost:
            paths.progress.unlink()
        left = passing_fault("open", paths.record(1) if lost else paths.progress)
        manager = SessionManager(root)
        with pytest.raises(StorageError):
            manager.load_progress(worked)
        assert not left
        assert not list(paths.folder.rglob("*.damaged-*"))
        progress = manager.load_progress(worked)
        assert progress["output"] == "/out.mkv"
        assert len(manager.get_completed_frames(worked)) == 25

    def test_a_wrong_type_in_what_a_step_remembers_is_rebuilt(self, worked, root, paths):
        progress = decode_progress(paths.progress.read_bytes(), worked)
        progress["steps"]["upscale"]["data"] = {"reached": "soon"}
        paths.progress.write_text(json.dumps(progress))
        rebuilt = SessionManager(root).load_progress(worked)
        assert rebuilt["steps"]["upscale"]["data"]["completed"] == [[1, 24], [26, 26]]

    def test_without_an_index_nothing_can_be_rebuilt(self, manager, session_id, paths):
        paths.progress.write_bytes(b"garbage")
        assert manager.load_progress(session_id) is None
        assert paths.folder.joinpath("progress.json.damaged-1").exists()

    def test_with_a_damaged_index_neither(self, worked, root, paths):
        paths.progress.write_bytes(b"garbage")
        data = paths.index.read_bytes()
        paths.index.write_bytes(data[:-1])
        assert SessionManager(root).load_progress(worked) is None
        assert paths.index.exists(), "who reads the index sets it aside"

    def test_a_newer_summary_is_not_touched(self, manager, session_id, paths):
        progress = manager.load_progress(session_id) | {"format_version": 2}
        text = json.dumps(progress)
        paths.progress.write_text(text)
        with pytest.raises(SessionError, match="newer"):
            manager.load_progress(session_id)
        assert paths.progress.read_text() == text


KILLED = """
import sys
from tsuzuki.sessions import SessionManager
manager = SessionManager(sys.argv[1])
session_id = sys.argv[2]
number = 0
print("go", flush=True)
while True:
    number += 1
    manager.state(session_id)["steps"]["validate"]["data"] = {"number": number, "x": "x" * 5000}
    manager.flush()
    print(number, flush=True)
"""


@pytest.mark.parametrize("attempt", range(4))
def test_killed_while_saving(root, session_id, paths, attempt):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(root), session_id], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "go\n"
    time.sleep(random.Random(attempt).uniform(0.01, 0.2))
    process.kill()
    said = [int(line) for line in process.stdout.read().splitlines() if line]
    process.stdout.close()
    process.wait()
    progress = decode_progress(paths.progress.read_bytes(), session_id)
    data = progress["steps"]["validate"].get("data", {"number": 0})
    assert data["number"] >= max(said, default=0), "what was reported as saved is there"


def test_a_full_disk_is_heard_and_harms_nothing(root, session_id, paths):
    before = paths.progress.read_bytes()
    manager = SessionManager(root)
    real = manager._durable.port.fsync

    def full(fd):
        raise OSError(28, "No space left on device")

    manager._durable.port.fsync = full
    with pytest.raises(DiskFullError, match="tsuzuki resume"):
        manager.update_step_status(session_id, "validate", "completed")
    assert paths.progress.read_bytes() == before
    manager._durable.port.fsync = real
    manager.close()
    assert on_disk(manager, session_id)["steps"]["validate"]["status"] == "completed"


def test_only_a_session_whose_folder_is_gone_is_missing(manager, session_id, paths, monkeypatch):
    def swept(source, target):
        source.unlink()
        raise FileNotFoundError(2, "No such file or directory", str(source))

    progress, durable = manager.load_progress(session_id), Durable()
    with monkeypatch.context() as patch:
        patch.setattr(durable.port, "replace", swept)
        with pytest.raises(StorageError):
            summary.save(paths, progress, durable)
    shutil.rmtree(paths.folder)
    with pytest.raises(SessionNotFoundError):
        summary.save(paths, progress, durable)


def test_who_is_first_may_sweep_the_others_file(manager, root, video, settings, info, monkeypatch):
    """Another program begins the session, and works on it, while this one writes its summary."""

    def swept(path, data):
        SessionManager(root).create_session(video, settings, info)
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(manager._durable, "publish", swept)
    session_id = manager.create_session(video, settings, info)
    assert manager.load_progress(session_id)["status"] == "created"


class TestOwn:
    def test_one_that_was_begun_here_is_own_wherever_its_files_change(self, root, session_id):
        with SessionManager(root) as manager:
            manager.update_step_status(session_id, "validate", "completed")
        assert SessionManager(root).is_own(session_id)

    @pytest.mark.parametrize("data", [b"", b"yes", bytes(5000), None])
    def test_another_marker_counts_as_none(self, manager, session_id, paths, data):
        paths.begun.unlink()
        if data is not None:
            paths.begun.write_bytes(data)
        assert not manager.is_own(session_id)
        manager.adopt(session_id)
        assert manager.is_own(session_id)

    def test_a_marker_does_not_travel(self, manager, session_id, paths, root, tmp_path):
        elsewhere = tmp_path / "elsewhere"
        shutil.copytree(root, elsewhere)
        assert not SessionManager(elsewhere).is_own(session_id)
        shutil.copytree(paths.folder, tmp_path / "copy")
        paths.folder.rename(tmp_path / "first")
        (tmp_path / "copy").rename(paths.folder)
        assert not manager.is_own(session_id)

    def test_a_link_is_no_marker(self, manager, session_id, paths, tmp_path):
        paths.begun.rename(tmp_path / "mark")
        paths.begun.symlink_to(tmp_path / "mark")
        assert not manager.is_own(session_id)

    def test_two_that_begin_it_at_once(self, manager, root, session_id, paths):
        before = paths.begun.stat().st_ino
        SessionManager(root).adopt(session_id)
        assert paths.begun.stat().st_ino == before


def test_two_managers_of_one_root(manager, root, session_id):
    other = SessionManager(root)
    manager.update_step_status(session_id, "validate", "completed")
    assert other.load_progress(session_id)["steps"]["validate"]["status"] == "completed"
    manager.update_step_status(session_id, "extract", "completed")
    assert other.load_progress(session_id)["steps"]["extract"]["status"] == "completed"
    assert SessionPaths(root, session_id).folder.is_dir()
