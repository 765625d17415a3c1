import json

import msgspec
import pytest

from tsuzuki.cli import sessions
from tsuzuki.sessions import SessionLock, SessionManager
from tsuzuki.sessions.pace import Pace, Work
from tsuzuki.settings import ProcessingSettings

INFO = {
    "width": 64,
    "height": 48,
    "duration": 1.0,
    "frame_rate": 24.0,
    "frame_count": 24,
    "codec_name": "h264",
    "format": "mov",
}


@pytest.fixture
def manager():
    return SessionManager()


@pytest.fixture
def begin(manager, tmp_path):
    """Begin a session of a file of its own; with ``work`` there is a spooled frame in it."""

    def call(name, *, work=True, error=None, **settings):
        video = tmp_path / name
        video.write_bytes(name.encode())
        info = {**INFO, "size": video.stat().st_size}
        with SessionManager() as working:
            made = working.create_session(video, ProcessingSettings(**settings), info)
            working.update_step_status(made, "validate", "completed")
            working.update_step_status(made, "upscale", "in_progress", error=error)
        if work:
            manager.paths(made).upscaled_frame(1).write_bytes(bytes(1500))
        return made

    return call


def test_an_empty_list_says_where_it_looked(cli, tmp_path):
    result = cli("sessions", "list")
    assert result.code == 0
    assert str(tmp_path / "sessions") in result.out
    assert json.loads(cli("sessions", "list", "--json").out) == []


def test_the_list_has_every_session(cli, begin):
    ids = {begin("a.mp4"), begin("b.mp4", work=False)}
    shown = cli("sessions", "list").out
    assert all(one in shown for one in (*ids, "a.mp4", "b.mp4", "in progress", "0.0 %"))
    listed = json.loads(cli("sessions", "list", "--json").out)
    assert {one["session_id"] for one in listed} == ids
    assert all(one["size"] > 0 for one in listed)


def test_show_prints_the_panel_and_how_to_go_on(cli, begin):
    made = begin("a.mp4", scale_factor=3.0)
    shown = cli("sessions", "show", made).out
    assert "3x" in shown
    assert f"tsuzuki resume {made}" in shown
    assert json.loads(cli("sessions", "show", made, "--json").out)["session_id"] == made


def test_show_tells_where_it_goes_on(cli, begin):
    made = begin("a.mp4")
    assert "It goes on from frame 1." in cli("sessions", "show", made).out
    assert json.loads(cli("sessions", "show", made, "--json").out)["suggestion"]["frame"] == 1


def test_the_time_left_is_listed(cli, begin):
    made = begin("a.mp4")
    with SessionManager() as manager:
        progress = manager.require_progress(made)
        pace = Pace(total=24)
        pace.add_timed(Work(1, 1), 90.0)
        progress["steps"]["upscale"]["data"] = {"pace": msgspec.to_builtins(pace), "total": 24}
        manager.save_progress(made, progress)
    assert "36:00" in cli("sessions", "list").out
    left = json.loads(cli("sessions", "list", "--json").out)[0]["left"]
    assert left["seconds"] == pytest.approx(24 * 90)
    assert left["low"] < left["seconds"] < left["high"]


@pytest.mark.parametrize("name", ["012345678901", "../../etc", "x", "a.mp4"])
@pytest.mark.parametrize("command", ["show", "remove", "check", "repair"])
def test_a_session_that_does_not_exist(cli, command, name):
    result = cli("sessions", command, name)
    assert result.code == 31
    assert "tsuzuki sessions list" in result.err


def test_removing_work_takes_a_yes(cli, begin, manager):
    made, empty = begin("a.mp4"), begin("b.mp4", work=False)
    refused = cli("sessions", "remove", empty, made)
    assert refused.code == 3
    assert "--yes" in refused.err
    assert manager.paths(made).folder.exists()
    assert not manager.paths(empty).folder.exists()
    assert cli("sessions", "remove", made, "--yes").out == f"Removed {made}.\n"
    assert not manager.paths(made).folder.exists()


@pytest.mark.parametrize("agreed", [True, False])
def test_a_person_is_asked_before_work_is_removed(cli, begin, manager, monkeypatch, agreed):
    made = begin("a.mp4")
    monkeypatch.setattr("tsuzuki.cli.text.is_terminal", lambda: True)
    monkeypatch.setattr("tsuzuki.cli.dialog.confirm", lambda _: agreed)
    result = cli("sessions", "remove", made)
    assert "a.mp4" in result.err
    assert result.out == ("Removed" if agreed else "Kept") + f" {made}.\n"
    assert manager.paths(made).folder.exists() is not agreed


def test_nothing_is_removed_when_one_name_is_wrong(cli, begin, manager):
    made = begin("a.mp4")
    assert cli("sessions", "remove", made, "012345678901", "--yes").code == 31
    assert manager.paths(made).folder.exists()


def test_clean_leaves_young_sessions_and_work(cli, begin, manager):
    made, empty = begin("a.mp4"), begin("b.mp4", work=False)
    assert cli("sessions", "clean").out == "None removed.\n"
    removed, kept = cli("sessions", "clean", "--older-than", "0").out.splitlines()
    assert removed == f"Removed 1: {empty}"
    assert made in kept
    assert "--yes" in kept
    assert manager.paths(made).folder.exists()
    assert made in cli("sessions", "clean", "--older-than", "0", "--yes").out
    assert not manager.paths(made).folder.exists()


def test_a_damaged_summary_is_reported_to_the_person(cli, begin, manager):
    made = begin("a.mp4")
    manager.get_progress_file(made).write_bytes(b"{")
    result = cli("sessions", "list")
    assert "Note:" in result.err
    assert made in result.err


@pytest.fixture
def broken(begin, manager):
    """A session with a frame that is none."""
    return begin("a.mp4")


def test_check_names_problems_and_the_command_that_repairs_them(cli, broken, manager):
    result = cli("sessions", "check", broken)
    assert result.code == 34
    problem, end = result.out.splitlines()
    assert problem.startswith(f"{manager.paths(broken).upscaled_frame(1)}: it is no whole PNG")
    assert end == f"Session {broken} has 1 problem. Repair it: tsuzuki sessions repair {broken}"
    (report,) = json.loads(cli("sessions", "check", broken, "--json", "--read-data").out)
    assert report["session_id"] == broken
    assert report["problems"][0]["path"] == str(manager.paths(broken).upscaled_frame(1))
    assert report["notes"] == []


def test_check_all(cli, begin, broken, manager):
    sound = begin("b.mp4", work=False)
    result = cli("sessions", "check", "--all")
    assert result.code == 34
    assert f"Session {sound} is sound as far as sizes tell" in result.out
    assert "1 problem" in result.out
    with SessionLock(manager.paths(sound)):
        busy = cli("sessions", "check", "--all", "--json")
        assert {one["session_id"] for one in json.loads(busy.out)} == {sound, broken}
        assert busy.code == 34
        assert "being worked on" in busy.err
        assert cli("sessions", "check", sound).code == 32
    assert cli("sessions", "check", sound, "--read-data").out == f"Session {sound} is sound.\n"


@pytest.mark.parametrize("arguments", [[], ["0123456789ab", "--all"]])
def test_check_wants_one_or_all(cli, arguments):
    result = cli("sessions", "check", *arguments)
    assert result.code == 3
    assert "--all" in result.err


def test_check_moves_nothing(cli, broken, manager):
    summary = manager.get_progress_file(broken)
    summary.write_bytes(b"{")
    assert cli("sessions", "check", broken).code == 34
    assert cli("sessions", "check", "--all").code == 34
    assert summary.read_bytes() == b"{"


def test_repair_says_what_it_did_and_how_to_go_on(cli, broken, manager):
    path = manager.paths(broken).upscaled_frame(1)
    result = cli("sessions", "repair", broken)
    assert result.code == 0
    assert f"Set aside: {path}.damaged-1" in result.out
    assert f"Go on with: tsuzuki resume {broken} (computes 1 frame again)" in result.out
    assert cli("sessions", "check", broken).code == 0
    again = json.loads(cli("sessions", "repair", broken, "--json").out)
    assert (again["aside"], again["frames_again"], again["completed"]) == ([], 0, False)


def test_a_paused_session_says_so(begin, manager):
    made = begin("a.mp4", error="The disk is full.")
    assert sessions._state(manager.load_progress(made)) == "paused"


@pytest.fixture
def lost(begin, manager):
    """A session with work in it that has neither a summary nor an index."""
    made = begin("a.mp4")
    paths = manager.paths(made)
    paths.progress.unlink()
    paths.index.write_bytes(b"{")
    return made


@pytest.mark.parametrize("command", [("sessions", "show"), ("sessions", "repair"), ("resume",)])
def test_a_session_that_is_lost_is_not_one_that_is_not_there(cli, lost, manager, command):
    result = cli(*command, lost)
    assert result.code == 34
    assert "can be used any more" in result.err
    assert f"tsuzuki sessions remove {lost}" in result.err
    assert manager.paths(lost).index.exists() or command != ("sessions", "repair")


def test_the_list_warns_of_a_lost_session(cli, lost):
    assert lost in cli("sessions", "list").err


def test_a_lost_session_can_be_removed(cli, lost, manager):
    assert cli("sessions", "remove", lost, "--yes").out == f"Removed {lost}.\n"
    assert not manager.paths(lost).folder.exists()


def test_repair_has_the_list_say_what_is_left(cli, begin, manager):
    made = begin("a.mp4")
    for path in manager.paths(made).upscaled.iterdir():
        path.unlink()
    cli("sessions", "repair", made)
    progress = manager.load_progress(made)
    assert progress["steps"]["upscale"]["progress"] == 0.0


def test_checking_no_session_at_all_says_so(cli, manager):
    assert str(manager.root) in cli("sessions", "check", "--all").out


def test_commands_name_the_folder_only_where_it_is_not_the_usual_one(begin, manager, monkeypatch):
    paths = manager.paths(begin("a.mp4"))
    monkeypatch.delenv("TSUZUKI_SESSIONS_DIR")
    assert paths.command("resume", "-o", "a b.mp4") == (
        f"tsuzuki resume {paths.session_id} -o 'a b.mp4' --sessions-dir {manager.root}"
    )
    monkeypatch.setenv("TSUZUKI_SESSIONS_DIR", str(manager.root))
    assert paths.command("sessions show") == f"tsuzuki sessions show {paths.session_id}"


def test_a_session_is_moved_and_goes_on_there(cli, begin, manager, tmp_path):
    made = begin("a.mp4")
    moved = cli("sessions", "move", made, str(tmp_path / "disk"))
    assert moved.code == 0
    assert f"resume {made} --sessions-dir {tmp_path / 'disk'}" in moved.out
    assert manager.session_ids() == []
    assert cli("sessions", "show", made, "--sessions-dir", str(tmp_path / "disk")).code == 0
