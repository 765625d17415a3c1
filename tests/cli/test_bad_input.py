"""What people get wrong: one paragraph that says what to do, its own exit code, nothing lost."""

import os
import re
import sys
from functools import partial

import pytest

from tsuzuki.cli.text import is_terminal
from tsuzuki.errors import SettingsError

NOBODY = 65534
posix = pytest.mark.skipif(sys.platform == "win32", reason="sets POSIX permissions")
ADVICE = re.compile(
    r"must|(?i:\b(check|choose|copy|name|make|end|leave|give|replace|free|use|try)\b)"
)
FAST = ("--engine", "nearest")


def files(folder):
    """Every file below the folder but those of sessions and logs, with its bytes."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in {"sessions", "state"}
    }


@pytest.fixture
def refused(cli, tmp_path):
    """Run a command that must fail with ``code`` and leave every file as it is."""

    def call(code, *arguments):
        before = files(tmp_path)
        result = cli("upscale", *arguments, *FAST)
        assert result.code == code, result.err
        assert result.out == ""
        assert "Traceback" not in result.err
        paragraph = result.err.strip().splitlines()[-1]
        assert ": " in paragraph
        assert ADVICE.search(paragraph), f"it does not say what to do: {paragraph}"
        assert files(tmp_path) == before
        folder = tmp_path / "sessions"
        assert not folder.exists() or not list(folder.iterdir()), "no session was begun"
        return paragraph

    assert not is_terminal()
    return call


@pytest.fixture
def unprivileged(child, tmp_path):
    """Run a command as somebody who is not root, to whom permissions mean nothing."""
    if os.geteuid() != 0:
        return child
    home = tmp_path / "nobody"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    environment = {
        **os.environ,
        "TSUZUKI_SESSIONS_DIR": str(home / "sessions"),
        "XDG_STATE_HOME": str(home),
        "HOME": str(home),
    }
    try:
        seen = child("--version", user=NOBODY, group=NOBODY, env=environment)
    except PermissionError:
        pytest.skip("the program may be read by root only")
    if seen.code != 0:
        pytest.skip("the program may be read by root only")
    return partial(child, user=NOBODY, group=NOBODY, env=environment)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("missing.mp4", None, 11),
        ("empty.mp4", b"", 13),
        ("text.mp4", b"This is a text.\n" * 99, 13),
        ("text.txt", b"This is a text.\n" * 99, 13),
        ("page.mkv", b"<html><body>404</body></html>", 13),
    ],
)
def test_a_file_that_is_no_video(refused, tmp_path, name, content, code):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    assert name in refused(code, file)


def test_a_folder_without_videos(refused, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "folders within a folder" in refused(10, tmp_path / "folder")


def test_sound_without_pictures(refused, tmp_path, make_sound):
    refused(13, make_sound(tmp_path / "sound.m4a"))


def test_a_video_that_was_cut_before_its_index(refused, clip):
    clip.write_bytes(clip.read_bytes()[:900])
    assert "clip.mp4" in refused(14, clip)


@posix
def test_a_video_that_may_not_be_read(unprivileged, clip):
    clip.chmod(0)
    result = unprivileged("upscale", clip, *FAST)
    assert result.code == 12
    assert "clip.mp4" in result.err


@posix
def test_an_output_folder_that_may_not_be_written(unprivileged, clip, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    result = unprivileged("upscale", clip, *FAST, "-o", tmp_path / "closed" / "out.mp4")
    assert result.code == 22
    assert "-o" in result.err


def test_an_output_folder_that_does_not_exist(refused, clip, tmp_path):
    assert "does not exist" in refused(22, clip, "-o", tmp_path / "no" / "out.mp4")


@posix
def test_names_that_are_too_long(refused, clip, tmp_path):
    name = "x" * 300 + ".mp4"
    assert "Check the spelling" in refused(11, tmp_path / name)
    assert "File name too long" in refused(22, clip, "-o", tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_an_output_that_is_a_link_to_nothing(refused, clip, tmp_path):
    (tmp_path / "out.mp4").symlink_to("nowhere")
    assert "--overwrite" in refused(21, clip, "-o", tmp_path / "out.mp4")


def test_an_output_that_is_the_input(refused, clip):
    refused(23, clip, "-o", clip, "--overwrite")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_an_output_that_is_the_input_by_another_name(refused, clip, tmp_path):
    (tmp_path / "link.mp4").symlink_to(clip)
    refused(23, clip, "-o", tmp_path / "link.mp4", "--overwrite")


def test_an_output_that_exists(refused, clip, tmp_path):
    (tmp_path / "clip_2x.mp4").write_bytes(b"precious")
    assert "--overwrite" in refused(21, clip)


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.jpg"])
def test_a_container_that_is_unknown(refused, clip, tmp_path, name):
    assert ".mkv" in refused(24, clip, "-o", tmp_path / name)


def test_a_container_that_cannot_hold_the_streams(refused, clip, tmp_path):
    assert "mkv" in refused(24, clip, "-o", tmp_path / "out.webm")


@pytest.mark.parametrize(
    "options",
    [
        ("--scale", "0.5"),
        ("--scale", "9"),
        ("--scale", "nan"),
        ("--scale", "inf"),
        ("--quality", "Superb"),
        ("--content", "cats"),
        ("--noise-reduction", "4"),
        ("--encoder", "h266"),
        ("--container", "avi"),
        ("--crf", "99"),
        ("--crf", "60"),
        ("--preset", "warp"),
        ("--pixel-format", "yuv999"),
        ("--encoder", "ffv1", "--crf", "3"),
        ("--range", "10-5"),
        ("--range", "tomorrow"),
        ("--tile-size", "1"),
        ("--segment-frames", "0"),
        ("--loss-budget", "-1"),
        ("--device", "abacus"),
        ("--on-existing", "explode"),
    ],
    ids=" ".join,
)
def test_an_impossible_setting(refused, clip, options):
    refused(3, clip, *options)


def test_a_network_that_does_not_exist(cli, clip):
    result = cli("upscale", clip, "--model", "realcugan-se-2x-n9")
    assert result.code == 51
    assert "realcugan-se-2x-n" in result.err


def test_a_device_that_does_not_exist(cli, clip):
    result = cli("upscale", clip, "--device", "gpu:77")
    assert result.code == 52
    assert "cpu" in result.err


def test_one_output_for_several_videos(refused, clip, tmp_path, make_video):
    other = make_video(tmp_path / "other.mp4", frames=6)
    assert "folder" in refused(3, clip, other, "-o", tmp_path / "out.mp4")


def test_several_failures_end_with_the_worst_code(cli, tmp_path, clip):
    (tmp_path / "text.mp4").write_text("no video")
    result = cli("upscale", tmp_path / "missing.mp4", tmp_path / "text.mp4", clip, *FAST)
    assert result.code == 13
    assert result.out == f"{tmp_path / 'clip_2x.mp4'}\n"
    assert (tmp_path / "clip_2x.mp4").exists()


def test_a_number_that_is_none_is_a_matter_of_usage(cli, clip):
    result = cli("upscale", clip, "--scale", "twice")
    assert result.code == 2
    assert "--scale" in result.err


def test_a_sessions_folder_that_is_a_file(cli, clip, tmp_path):
    (tmp_path / "file").write_text("")
    result = cli("upscale", clip, *FAST, "--sessions-dir", tmp_path / "file")
    assert result.code == 35
    assert "--sessions-dir" in result.err


def test_a_scale_beside_a_size(refused, clip):
    said = refused(SettingsError.exit_code, clip, "--size", "x96", "--scale", "2")
    assert "--size x96 and --scale" in said
