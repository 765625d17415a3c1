"""`tsuzuki cloud`, and a run that is killed here and goes on elsewhere."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
import time

import pytest
from tests.real_command import Victim

from tsuzuki import CloudSessionManager
from tsuzuki.cli.cloud import synced
from tsuzuki.errors import LeaseError, SettingsError
from tsuzuki.pipeline import events, upscale
from tsuzuki.sessions import SessionManager

QUICK = ("--engine", "nearest", "--segment-frames", "12", "--preset", "veryslow")


@pytest.fixture
def stopped(tmp_path, make_video):
    """Id of a session that was stopped after two segments, and a store."""
    cancel, ids = threading.Event(), []

    def watch(event):
        ids.append(event.session_id)
        if isinstance(event, events.SegmentSealed) and event.segment == 2:
            cancel.set()

    settings = {"engine": "nearest", "segment_frames": 12}
    with contextlib.suppress(Exception):
        upscale(make_video(tmp_path / "a.mp4", frames=96), settings, on_event=watch, cancel=cancel)
    return ids[-1]


def test_push_list_pull_remove(cli, stopped, tmp_path):
    store, root = tmp_path / "store", tmp_path / "other"
    assert "There is no session" in cli("cloud", "list", "--from", store).out
    pushed = cli("cloud", "push", stopped, "--to", store)
    assert (pushed.code, f"{stopped} is in {store}" in pushed.out) == (0, True)
    assert stopped in cli("cloud", "list", "--from", store).out
    [listed] = json.loads(cli("cloud", "list", "--from", store, "--json").out)
    assert (listed["session_id"], listed["video"]) == (stopped, "a.mp4")
    pulled = cli("cloud", "pull", stopped, "--from", store, "--sessions-dir", root)
    assert f"tsuzuki resume {stopped} --video PATH -o OUTPUT --sessions-dir" in pulled.out
    output = tmp_path / "b.mp4"
    moved = ("--video", tmp_path / "a.mp4", "-o", output)
    assert cli("resume", stopped, "--sessions-dir", root, *moved).code == 0
    assert output.exists()
    assert cli("cloud", "remove", stopped, "--from", store).code == 0
    assert cli("cloud", "pull", stopped, "--from", store).code == 44


@pytest.mark.parametrize(
    "arguments",
    [
        ("cloud", "list", "--from", "s3://key:canary@films"),
        ("cloud", "push", "0" * 12, "--to", "https://canary@host/a"),
        ("upscale", "clip.mp4", "--sync", "sftp://mika:canary@host/a"),
        ("upscale", "clip.mp4", "--take-over"),
    ],
)
def test_what_is_refused_says_what_to_do(cli, arguments):
    result = cli(*arguments)
    assert result.code == 3
    assert "canary" not in result.out + result.err


def test_a_run_with_a_copy_removes_it_when_it_is_done(cli, tmp_path, make_video):
    video = make_video(tmp_path / "a.mp4")
    store = tmp_path / "store"
    assert cli("upscale", video, *QUICK[:4], "--sync", store).code == 0
    assert cli("cloud", "list", "--from", store, "--json").out.strip() == "[]"


def test_a_run_that_stops_leaves_a_copy(tmp_path, stopped):
    store, cancel = str(tmp_path / "store"), threading.Event()

    def call(*, on_event, cancel):
        opened = events.SessionOpened(
            session_id=stopped,
            video_file="",
            output="",
            folder="",
            resumed=True,
            frames_total=96,
            frames_done=24,
            settings={},
        )
        on_event(opened)

    synced(call, store, 60, None, take_over=False)(on_event=lambda _: None, cancel=cancel)
    with CloudSessionManager(store, tmp_path / "other") as manager:
        assert manager.restore_from_cloud(stopped).fetched >= 5


def test_a_run_stops_when_another_machine_takes_over(tmp_path, stopped, monkeypatch):
    from tsuzuki.cloud import during
    from tsuzuki.pipeline import resume

    monkeypatch.setattr(during, "RENEW_SECONDS", 0.05)
    store = str(tmp_path / "store")
    other = CloudSessionManager(store, tmp_path / "other")

    def watch(event):
        if isinstance(event, events.StepStarted):
            from tsuzuki.cloud.lease import acquire

            acquire(other.store, stopped, take_over=True)
            time.sleep(0.5)

    def call(**options):
        return resume(stopped, **options)

    with pytest.raises(LeaseError):
        synced(call, store, 60, None, take_over=False)(on_event=watch, cancel=threading.Event())
    with SessionManager() as manager:
        assert manager.completed_frames(stopped)


def test_take_over_needs_a_store():
    with pytest.raises(SettingsError):
        synced(print, None, 1, None, take_over=True)


FRAMES = 240


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers of a run in /proc")
@pytest.mark.parametrize(
    "kind", ["folder", *(pytest.param(one, marks=pytest.mark.slow) for one in ("bucket", "drive"))]
)
def test_killed_here_it_goes_on_elsewhere_with_the_same_bytes(
    kind, cli, tmp_path, make_video, request
):
    url = str(tmp_path / "store") if kind == "folder" else request.getfixturevalue(kind)
    video = make_video(tmp_path / "film.mp4", frames=FRAMES, width=192, height=108)
    golden = tmp_path / "golden.mp4"
    assert cli("upscale", video, *QUICK, "-o", golden, "--sessions-dir", tmp_path / "g").code == 0
    run = Victim(
        ["upscale", str(video), *QUICK, "--json", "--sync", url, "--sync-every", "1"],
        tmp_path / "stderr",
    )
    assert run.wait_for(lambda event: event["event"] == "segment-sealed" and event["segment"] == 4)
    for worker in run.workers():  # else it might be done before it is copied
        os.kill(worker, signal.SIGSTOP)
    with CloudSessionManager(url, tmp_path / "elsewhere") as manager:
        stored = []
        while not (stored and stored[0].manifest and len(stored[0].manifest.files) > 6):
            assert run.process.poll() is None
            time.sleep(0.05)
            stored = manager.list_cloud()
    run.kill("both")
    assert run.end() == -signal.SIGKILL
    shutil.rmtree(tmp_path / "sessions")
    moved = tmp_path / "moved" / "other.mp4"
    moved.parent.mkdir()
    video.rename(moved)
    root, output = tmp_path / "elsewhere", tmp_path / "out.mp4"
    session_id = stored[0].session_id
    assert cli("cloud", "pull", session_id, "--from", url, "--sessions-dir", root).code == 0
    assert cli("resume", session_id, "--sessions-dir", root).code == 36
    resumed = cli(
        "resume", session_id, "--sessions-dir", root, "--video", moved, "-o", output, "--json"
    )
    assert resumed.code == 0, resumed.err
    finished = json.loads(resumed.out.splitlines()[-1])
    assert finished["bit_identical"]
    assert 0 < finished["frames_computed"] < FRAMES
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in (golden, output)}
    assert len(digests) == 1
