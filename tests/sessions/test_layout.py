import os
import sys
from pathlib import Path

import pytest

from tsuzuki.durable import Durable
from tsuzuki.errors import SessionDamagedError, SessionNotFoundError, UnsafeFolderError
from tsuzuki.sessions import SessionManager, SessionPaths, layout

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes of POSIX")
ID = "0123456789ab"


def test_the_root_that_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TSUZUKI_SESSIONS_DIR", str(tmp_path / "env"))
    assert layout.sessions_root(tmp_path / "given") == tmp_path / "given"
    assert layout.sessions_root() == tmp_path / "env"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert layout.sessions_root("~/x").name == "x"


def test_the_default_root(monkeypatch):
    monkeypatch.delenv("TSUZUKI_SESSIONS_DIR", raising=False)
    root = layout.sessions_root()
    assert root.name == "upscale_app_sessions"
    assert root.is_absolute()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/temp")
    assert layout.sessions_root() == Path("/temp/upscale_app_sessions")


def test_every_path():
    paths = SessionPaths(Path("/r"), ID)
    base = Path("/r") / ID
    assert paths.progress == base / "progress.json"
    assert paths.lock == base / "session.lock"
    assert paths.index == base / "frames" / "index.json"
    assert paths.frame(1) == base / "frames" / "frame_000001.png"
    assert paths.frame(12345678) == base / "frames" / "frame_12345678.png"
    assert paths.upscaled_frame(241) == base / "upscaled" / "frame_000241_upscaled.png"
    assert paths.upscaled_frame(241, "nut").name == "frame_000241_upscaled.nut"
    assert paths.segment(1, "ab" * 32) == base / "upscaled" / "segment_000001-abababababab.mkv"
    assert paths.record(1) == base / "upscaled" / "segment_000001.json"
    assert paths.log == base / "logs" / "session.log"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "../../../etc",
        "/etc/passwd",
        "0123456789a",
        "0123456789abc",
        "0123456789AB",
        "0123456789ab\n",
        "0123456789a\0",
        "\uff10123456789ab",
        "0123456789a/",
    ],
)
def test_only_ids_are_ids(text):
    with pytest.raises(SessionNotFoundError, match="sessions list"):
        SessionPaths(Path("/r"), text)


@pytest.mark.parametrize("number", [1, 241, 999_999, 1_000_000, layout.MAX_FRAMES])
def test_numbers_of_names(number):
    paths = SessionPaths(Path("/r"), ID)
    assert layout.number_of_frame(str(paths.frame(number))) == number
    assert layout.number_of_frame(str(paths.upscaled_frame(number))) == number
    assert layout.number_of_upscaled(paths.upscaled_frame(number, "nut").name) == number
    assert layout.number_of_upscaled(paths.upscaled_frame(number).name) == number
    assert layout.number_of_upscaled(paths.upscaled_frame(number, "mkv").name) is None
    assert layout.number_of_upscaled(paths.frame(number).name) is None


@pytest.mark.parametrize(
    "name",
    [
        "frame_1.png",
        "frame_000000.png",
        "frame_0000001.png",
        "frame_000001.png.tmp",
        "frame_.png",
        "xframe_000001.png",
        "frame_000001",
        "frame_-00001.png",
        "frame_000001_upscaled",
        "frame_000001_upscaled.png\n",
        ".frame_000001.png.0123456789abcdef.tmp",
        "frame_00000\u0661.png",
    ],
)
def test_other_names_have_no_number(name):
    assert layout.number_of_frame(name) is None


@posix
class TestUnsafeRoots:
    def test_a_link(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "root").symlink_to(tmp_path / "real")
        with pytest.raises(UnsafeFolderError, match="symbolic link"):
            SessionManager(tmp_path / "root")

    def test_a_dangling_link(self, tmp_path):
        (tmp_path / "root").symlink_to(tmp_path / "nowhere")
        with pytest.raises(UnsafeFolderError, match="symbolic link"):
            SessionManager(tmp_path / "root")

    def test_a_file(self, tmp_path):
        (tmp_path / "root").write_bytes(b"")
        with pytest.raises(UnsafeFolderError, match="no folder"):
            SessionManager(tmp_path / "root")

    @pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
    def test_one_that_others_write(self, tmp_path, mode):
        (tmp_path / "root").mkdir()
        (tmp_path / "root").chmod(mode)
        with pytest.raises(UnsafeFolderError, match="chmod 700"):
            SessionManager(tmp_path / "root")

    @pytest.mark.parametrize("depth", [1, 2])
    def test_an_open_folder_above(self, tmp_path, depth):
        root = tmp_path / "open" / "/".join("abc"[:depth])
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        with pytest.raises(UnsafeFolderError, match="replace folders"):
            SessionManager(root)
        (tmp_path / "open").chmod(0o1777)
        SessionManager(root)

    def test_a_foreign_owner(self, tmp_path, monkeypatch):
        (tmp_path / "root").mkdir()
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        with pytest.raises(UnsafeFolderError, match="another user"):
            SessionManager(tmp_path / "root")

    def test_made_for_the_user_alone(self, tmp_path):
        layout.make_root(tmp_path / "a" / "root", Durable())
        assert (tmp_path / "a" / "root").stat().st_mode & 0o777 == 0o700


@posix
@pytest.mark.parametrize("folder", ["folder", "frames", "upscaled", "logs"])
def test_a_session_with_a_link_for_a_folder_is_not_opened(manager, paths, tmp_path, folder):
    outside = tmp_path / "outside"
    getattr(paths, folder).rename(outside)
    getattr(paths, folder).symlink_to(outside)
    before = sorted(outside.rglob("*"))
    with pytest.raises(SessionDamagedError, match="link"):
        manager.load_progress(paths.session_id)
    with pytest.raises(SessionDamagedError, match="link"):
        manager.get_completed_frames(paths.session_id)
    assert manager.get_all_resumable_sessions() == []
    assert sorted(outside.rglob("*")) == before
