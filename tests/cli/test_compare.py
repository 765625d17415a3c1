import json

from tsuzuki.video.vmaf import has_vmaf

ARGUMENTS = ("--engine", "nearest", "--preset", "ultrafast")


def test_a_source_and_what_became_of_it(cli, clip, tmp_path):
    output = tmp_path / "out.mp4"
    assert cli("upscale", clip, "-o", output, *ARGUMENTS).code == 0
    result = cli("compare", clip, output)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].startswith("Frames: ")
    assert " in the second" not in lines[0]
    assert lines[1].count("x") == 2
    assert lines[2] == "Times: the same"
    assert lines[3].startswith("PSNR: mean ")
    assert lines[5].startswith(f"VMAF: {'mean' if has_vmaf() else 'not measured'}")
    assert any(line.startswith("Everything else") for line in lines)


def test_as_json_with_a_sheet(cli, clip, tmp_path):
    sheet = tmp_path / "worst.png"
    found = json.loads(cli("compare", clip, clip, "--json", "--sheet", sheet).out)
    assert found["differences"] == []
    assert found["psnr"] is None
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_is_there_is_not_replaced_unasked(cli, clip, tmp_path):
    sheet = tmp_path / "worst.png"
    sheet.write_bytes(b"mine")
    result = cli("compare", clip, clip, "--sheet", sheet)
    assert result.code != 0
    assert "--overwrite" in result.err
    assert sheet.read_bytes() == b"mine"
    assert cli("compare", clip, clip, "--sheet", sheet, "--overwrite").code == 0
    assert sheet.read_bytes() != b"mine"


def test_what_is_not_there_is_told(cli, clip, tmp_path):
    result = cli("compare", clip, tmp_path / "nowhere.mp4")
    assert result.code != 0
    assert "nowhere.mp4" in result.err
