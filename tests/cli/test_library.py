"""The commands that show what the library knows."""

import json
import re

import pytest

from tsuzuki.upscaling import networks


def test_models_lists_every_network(cli):
    shown = cli("models").out
    assert all(network.name in shown for network in networks())
    listed = json.loads(cli("models", "--json").out)
    assert [one["name"] for one in listed] == [network.name for network in networks()]


def test_probe_shows_the_video_and_what_would_become_of_it(cli, clip):
    result = cli("probe", clip, "--scale", "3")
    assert result.code == 0
    for text in ("64x48", "h264", "about 24", "audio · aac", "192x144 in mp4", "x264"):
        assert text in result.out
    shown = json.loads(cli("probe", clip, "--json").out)
    assert shown["probe"]["width"] == 64
    assert shown["plan"]["encoding"]["width"] == 128
    assert shown["error"] is None


def test_probe_tells_the_rate_of_the_output_and_what_is_deinterlaced(cli, clip):
    plain, chosen = cli("probe", clip).out, cli("probe", clip, "--fps", "23.976").out
    assert "about 24, at the video's own times" in plain
    assert re.search(r"Deinterlacing\s+none", plain)
    assert "23.976 a second, all equally long" in chosen
    telecine = cli("probe", clip, "--deinterlace", "ivtc").out
    assert "about 20, 19.200 a second where there is film" in telecine
    assert "inverse telecine" in telecine


def test_a_height_is_what_one_would_type(cli, clip):
    assert "128x96 in mp4" in cli("probe", clip, "--height", "96").out
    refused = cli("probe", clip, "--height", "96", "--scale", "2")
    assert "--scale both say" in refused.err


def test_probe_shows_the_video_even_where_it_cannot_be_upscaled_so(cli, clip):
    result = cli("probe", clip, "--container", "webm")
    assert result.code == 24
    assert "64x48" in result.out
    assert "mkv" in result.err


def test_probe_takes_what_upscale_takes(cli, clip):
    options = ["--for", "archive", "--range", "0-0.2", "--reuse", "off", "--model"]
    plan = json.loads(cli("probe", clip, *options, "waifu2x-cunet-2x-n2", "--json").out)["plan"]
    assert plan["settings"]["encoder"] == "ffv1"
    assert plan["settings"]["range_end"] == "0.2"
    assert [step["network"] for step in plan["upscaling"]["passes"]] == ["waifu2x-cunet-2x-n2"]
    assert "no frame between 99" in cli("probe", clip, "--range", "99-100").err
    assert "There is no network" in cli("probe", clip, *options, "waifu3x").err


def test_probe_says_what_is_no_video(cli, tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    assert cli("probe", tmp_path / "a.mp4").code == 13


def test_doctor_finds_this_machine_well(cli, tmp_path):
    result = cli("doctor")
    assert result.code == 0, result.out
    assert "Everything needed is there." in result.out
    assert "x265" in result.out
    assert "cpu" in result.out
    shown = json.loads(cli("doctor", "--json").out)
    assert shown["well"] is True
    assert list((tmp_path / "sessions").iterdir()) == [], "it leaves nothing behind"


def test_doctor_names_what_is_wrong(cli, tmp_path):
    (tmp_path / "file").write_text("")
    result = cli("doctor", "--sessions-dir", tmp_path / "file")
    assert result.code == 1
    assert "✘ Sessions folder" in result.out
    assert "--sessions-dir" in result.out
    assert "Something needs attention" in result.out


def test_probe_says_whether_the_pixels_are_turned(cli, make_video, tmp_path):
    turned = make_video(tmp_path / "turned.mp4", turn=90)
    for options, told in (
        ((), "stays a tag"),
        (("--bake-rotation",), "the pixels are turned"),
        (("--encoder", "png", "--container", "png"), "the pixels are turned"),
    ):
        shown = cli("probe", turned, *options).out
        assert f"({told})" in shown
        assert shown.count("Rotation") == 1


@pytest.mark.parametrize("name", ["bbb_everything.mkv", "bbb_vfr.mkv", "elf_rot90.mp4"])
def test_probe_shows_real_videos(cli, media, name):
    result = cli("probe", media / name)
    assert result.code == 0
    assert "Output" in result.out
