"""``tsuzuki watch`` and ``tsuzuki service``, from arguments to files."""

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.real_command import Victim

FAST = ("--engine", "nearest", "--segment-frames", "6", "--settle", "0.2")


@pytest.fixture
def incoming(tmp_path):
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_lies_in_the_folder_is_upscaled_once(cli, incoming, make_video, forked_workers):
    (incoming / "sub").mkdir()
    for name in ("a.mp4", "sub/b.mkv"):
        make_video(incoming / name, frames=6)
    (incoming / "none.mp4").write_bytes(b"none")
    once = ("watch", incoming, "--once", "--recursive", "--scale", "1.5", *FAST)
    result = cli(*once)
    outputs = [incoming / "upscaled" / name for name in ("a_1.5x.mp4", "sub/b_1.5x.mkv")]
    assert result.code == 13
    assert sorted(result.out.splitlines()) == sorted(map(str, outputs))
    assert all(path.is_file() for path in outputs)
    again = cli(*once)
    assert (again.code, again.out) == (0, "")
    assert "none.mp4" in again.err
    assert "Traceback" not in result.err + again.err


def test_a_fault_of_the_program_does_not_keep_the_others_from_being_done(
    cli, incoming, make_video, monkeypatch
):
    from tsuzuki import pipeline

    for name in ("a.mp4", "b.mp4"):
        (incoming / name).write_bytes(b"video")

    def upscale(path, *_, **__):
        if path.name == "a.mp4":
            raise RuntimeError("what now")

    monkeypatch.setattr(pipeline, "upscale", upscale)
    result = cli("watch", incoming, "--once", *FAST)
    assert result.code == 1
    assert "RuntimeError: what now" in result.err
    again = cli("watch", incoming, "--once", *FAST)
    assert (again.code, again.err.count("Failed before")) == (0, 1)


def test_everything_unfinished_comes_first_where_that_is_asked_for(
    cli, incoming, make_video, forked_workers, tmp_path
):
    from tsuzuki.pipeline import upscale
    from tsuzuki.pipeline.events import SegmentSealed

    class StopError(Exception):
        pass

    def stop(event):
        if isinstance(event, SegmentSealed):
            raise StopError

    elsewhere = make_video(tmp_path / "film.mp4", frames=12)
    with pytest.raises(StopError):
        upscale(elsewhere, {"engine": "nearest", "segment_frames": 6}, on_event=stop)
    assert cli("watch", incoming, "--once", *FAST).out == ""
    result = cli("watch", incoming, "--once", "--resume-all", *FAST)
    assert (result.code, result.out) == (0, f"{tmp_path / 'film_2x.mp4'}\n")
    assert "Going on: " in result.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--scale", "9"], 3),
        (["--take-over"], 3),
        (["--sync", "s3://user:password@bucket/x"], 3),
        (["--notify", "nowhere"], 3),
        (["--output-dir", "incoming"], 3),
        (["--settle", "0"], 2),
        (["--on-existing", "restart"], 2),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_done(
    cli, incoming, tmp_path, monkeypatch, options, code
):
    monkeypatch.chdir(tmp_path)
    result = cli("watch", "incoming", *options)
    assert (result.code, result.out) == (code, "")
    assert "password" not in result.err.replace("user name, password, query", "")
    assert sorted(tmp_path.iterdir()) == [incoming]
    assert list(incoming.iterdir()) == []


def test_a_folder_that_is_not_there(cli, tmp_path):
    assert cli("watch", tmp_path / "none").code == 11


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
def test_a_kill_in_the_work_and_ctrl_c_at_rest(cli, incoming, make_video, tmp_path, forked_workers):
    """Watch, kill -9, watch again, Ctrl-C: the bytes of an undisturbed run, and nothing twice."""
    clip = make_video(tmp_path / "a.mp4", frames=96)
    assert cli("upscale", clip, *FAST[:4]).code == 0
    expected = digest(tmp_path / "a_2x.mp4")
    clip.rename(incoming / "a.mp4")
    command = ["watch", str(incoming), "--json", "--allow-sleep", *FAST]

    first = Victim(command, tmp_path / "first")
    assert first.wait_for(lambda event: event["event"] == "segment-sealed"), first.errors
    first.kill("both")
    first.end()
    output = incoming / "upscaled" / "a_2x.mp4"
    assert not output.exists()

    second = Victim(command, tmp_path / "second")
    assert second.wait_for(lambda event: event["event"] == "finished"), second.errors
    assert second.frames_before >= 6
    assert digest(output) == expected
    waiting = f"Waiting for videos in {incoming}"
    until = time.monotonic() + 60
    while waiting not in second.errors and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(second.process.pid, signal.SIGINT)
    assert second.end() == 0, second.errors
    assert len(second.all("finished")) == 1


def test_news_of_the_end_and_of_a_failure(cli, clip, tmp_path, monkeypatch, forked_workers):
    from tests.unattended.test_notify import serving

    with serving() as server:
        assert cli("upscale", clip, *FAST[:4], "--notify", server.url).code == 0
        monkeypatch.setenv("TSUZUKI_NOTIFY", server.url)
        assert cli("upscale", clip, *FAST[:4], "--on-existing", "fail").code == 21
    finished, failed = (json.loads(sent[3]) for sent in server)
    assert (finished["event"], finished["video_file"]) == ("finished", str(clip))
    assert (failed["event"], failed["code"]) == ("stopped", "output-exists")
    assert failed["text"].startswith("Failed: clip.mp4: ")


@pytest.mark.skipif(sys.platform != "linux", reason="where the log lies")
def test_a_secret_address_is_nowhere_to_be_found(child, clip, tmp_path, monkeypatch):
    secret = "hunter2"
    (tmp_path / "sitecustomize.py").write_text(
        "import tsuzuki.cli.run\n"
        "def broken(*_, **__): raise RuntimeError('what now')\n"
        "tsuzuki.cli.run.Queue.run = broken\n"
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = child(
        *("upscale", clip, *FAST[:4], "--notify", f"http://me:{secret}@127.0.0.1:1/{secret}"),
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.code == 1
    kept = [path for path in Path(tmp_path).rglob("*") if path.is_file()]
    assert any(path.name == "error.log" and "--notify …" in path.read_text() for path in kept)
    assert not [path for path in kept if secret.encode() in path.read_bytes()]
    assert secret not in done.err


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["none"], 11),
        (["incoming", "--", "--scale", "9"], 3),
        (["incoming", "--", "--nonsense"], 2),
        (["--notify", "nowhere"], 3),
        (["incoming", "--", "--content", "photo", "-o", "out"], 40),
        ([], 40),
    ],
)
def test_what_is_installed_is_checked_first(cli, incoming, tmp_path, monkeypatch, words, code):
    """All the same nothing is installed, as no systemd is in reach."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    result = cli("service", "install", *words)
    assert result.code == code, result.err
    assert sorted(tmp_path.iterdir()) == [incoming]
    if code == 40:
        assert ("--content photo -o out" if words else "resume --all") in result.err
        assert f"--sessions-dir {tmp_path / 'sessions'}" in result.err
    assert cli("service", "status").code == 1
    assert cli("service", "remove").out == "Nothing was installed.\n"
