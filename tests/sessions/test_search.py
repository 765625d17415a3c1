import os

import pytest
from tests.other_settings import OTHER_SETTINGS

from tsuzuki.errors import InputNotFoundError, SessionDiffersError
from tsuzuki.sessions import Difference, SessionManager
from tsuzuki.settings import ProcessingSettings


@pytest.fixture
def begun(manager, session_id):
    manager.update_step_status(session_id, "extract", "in_progress")
    return session_id


def only(matches):
    (match,) = matches
    return match


def test_exact(manager, session_id, video, settings):
    match = only(manager.find_sessions(video, settings))
    assert (match.session_id, match.match, match.differences) == (session_id, "exact", ())
    assert only(manager.find_sessions(str(video))).match == "exact"


def test_moved(manager, session_id, video, settings):
    old, new = str(video), video.rename(video.with_name("renamed.mp4"))
    for wanted in (settings, None):
        match = only(manager.find_sessions(new, wanted))
        assert (match.session_id, match.match) == (session_id, "moved")
        assert match.differences == (Difference("video_file", old, str(new)),)


def test_touched(manager, session_id, video, settings):
    os.utime(video, (1, 1))
    assert only(manager.find_sessions(video, settings)).match == "moved"


def test_other_settings(manager, session_id, video, settings):
    match = only(manager.find_sessions(video, settings | {"scale_factor": 3}))
    assert match.match == "settings_differ"
    assert match.differences == (Difference("settings.scale_factor", 2.0, 3.0),)


def test_other_settings_that_do_not_matter(manager, session_id, video, settings):
    assert only(manager.find_sessions(video, settings | {"device": "cpu"})).match == "exact"


@pytest.mark.parametrize("name", ProcessingSettings.__struct_fields__)
def test_every_setting_that_differs_is_named(manager, video, info, name):
    session_id = manager.create_session(video, {}, info)
    manager.update_step_status(session_id, "extract", "in_progress")
    wish = {name: OTHER_SETTINGS[name]}
    match = only(manager.find_sessions(video, wish))
    found = manager.find_resumable_session(video, wish)
    if name in ProcessingSettings.NOT_IN_OUTPUT:
        assert (match.match, found["session_id"]) == ("exact", session_id)
    else:
        assert (match.match, found) == ("settings_differ", None)
        assert [d.field for d in match.differences] == [f"settings.{name}"]


@pytest.mark.parametrize("data", [b"another length", bytes(5000)])
def test_other_content_at_the_same_path(manager, begun, video, settings, data):
    facts = video.stat()
    video.write_bytes(data)
    os.utime(video, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    match = only(manager.find_sessions(video, settings))
    assert match.match == "video_differs"
    assert match.differences[-1].field == "content of the video"
    assert manager.find_resumable_session(video, settings) is None


def rewrite(video, data):
    """Put other content in the place of a video, of the same time."""
    facts = video.stat()
    video.write_bytes(data)
    os.utime(video, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_the_session_of_the_exact_id_comes_first_of_those_that_differ(
    manager, session_id, video, settings, info
):
    later = manager.create_session(video, settings | {"quality": "Quality"}, info)
    rewrite(video, bytes(5000))
    for wanted, first in ((settings, session_id), (settings | {"quality": "Quality"}, later)):
        found = manager.find_sessions(video, wanted)
        assert {match.match for match in found} == {"video_differs"}
        assert found[0].session_id == first


def test_a_session_of_the_exact_id_is_found_though_its_video_was_moved_since(
    manager, session_id, video, settings
):
    manager.state(session_id)["video_file"] = "/elsewhere.mp4"
    manager.flush()
    rewrite(video, bytes(5000))
    match = only(manager.find_sessions(video, settings))
    assert (match.session_id, match.match) == (session_id, "video_differs")


def test_a_session_of_other_content_is_never_handed_out(
    manager, session_id, video, settings, info, seal
):
    seal(1, 1, 12)
    before = manager.load_progress(session_id)
    rewrite(video, bytes(5000))
    with pytest.raises(SessionDiffersError, match=f"sessions remove {session_id}") as caught:
        manager.create_session(video, settings, info)
    assert "content of the video" in caught.value.details["differences"][0]
    assert manager.load_progress(session_id) == before
    manager.cleanup_session(session_id)
    assert manager.create_session(video, settings, info) == session_id


def test_nor_one_that_another_process_makes_meanwhile(
    manager, root, video, settings, info, monkeypatch
):
    real = manager._durable.publish

    def publish(path, data):
        rewrite(video, bytes(5000))
        SessionManager(root).create_session(video, settings, info)
        return real(path, data)

    monkeypatch.setattr(manager._durable, "publish", publish)
    with pytest.raises(SessionDiffersError):
        manager.create_session(video, settings, info)


def test_another_video(manager, session_id, video, settings):
    other = video.with_name("other.mp4")
    other.write_bytes(bytes(5000))
    assert manager.find_sessions(other, settings) == []


def test_the_best_fit_comes_first(manager, session_id, video, settings, info):
    moved = video.with_name("copy.mp4")
    moved.write_bytes(video.read_bytes())
    copy = manager.create_session(moved, settings, info)
    third = manager.create_session(video, settings | {"quality": "Quality"}, info)
    found = [(m.session_id, m.match) for m in manager.find_sessions(video, settings)]
    assert found == [(session_id, "exact"), (copy, "moved"), (third, "settings_differ")]


def test_resumable(manager, begun, video, settings):
    assert manager.find_resumable_session(str(video), settings)["session_id"] == begun
    assert manager.find_resumable_session(video, settings | {"quality": "Quality"}) is None
    moved = video.rename(video.with_name("moved.mp4"))
    assert manager.find_resumable_session(moved, settings)["session_id"] == begun
    assert manager.get_all_resumable_sessions() == []


def test_not_resumable_before_work_or_when_done(manager, session_id, video, settings):
    manager.update_step_status(session_id, "validate", "completed")
    assert manager.find_resumable_session(video, settings) is None
    for step in ("extract", "upscale"):
        manager.update_step_status(session_id, step, "completed")
    assert manager.get_all_resumable_sessions()[0]["session_id"] == session_id
    manager.update_step_status(session_id, "combine", "completed")
    assert manager.find_resumable_session(video, settings) is None
    assert manager.get_all_resumable_sessions() == []


def test_work_on_disk_counts_whatever_the_summary_says(manager, session_id, video, settings, seal):
    seal(1, 1, 12)
    assert manager.find_resumable_session(video, settings)["session_id"] == session_id


def test_a_missing_video(manager, tmp_path):
    with pytest.raises(InputNotFoundError):
        manager.find_sessions(tmp_path / "none.mp4")


def test_unusable_sessions_do_not_stop_the_search(manager, session_id, video, settings, info, root):
    (root / "0123456789ab").mkdir()
    (root / "not a session").mkdir()
    (root / "ba9876543210").mkdir()
    (root / "ba9876543210" / "progress.json").write_bytes(b"garbage")
    newer = manager.create_session(video, settings | {"quality": "Quality"}, info)
    file = manager.get_progress_file(newer)
    progress = manager.load_progress(newer) | {"format_version": 99}
    import json

    file.write_text(json.dumps(progress))
    assert [m.session_id for m in manager.find_sessions(video, settings)] == [session_id]
    assert json.loads(file.read_text())["format_version"] == 99
