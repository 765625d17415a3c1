import json

import pytest

ARGUMENTS = ("bench", "quality")
QUICK = ("--model", "waifu2x-upconv7-anime-2x-n1", "--device", "cpu", "--range", "0-0.25")


@pytest.fixture
def forked_workers():
    """Not here: threads of a network may not work in a copy of a process."""


def test_quality_shows_worst_and_mean(cli, clip):
    result = cli(*ARGUMENTS, clip, *QUICK)
    assert result.code == 0
    frames, psnr, ssim = result.out.splitlines()
    assert "of their area reused" in frames
    assert psnr.startswith("PSNR: worst ")
    assert ssim.startswith("SSIM: worst ")


def test_quality_as_json(cli, clip):
    found = json.loads(cli(*ARGUMENTS, clip, *QUICK, "--json").out)
    assert found["frames"] > 0
    assert 0 <= found["reused"] <= 1
    assert found["worst_ssim"] <= found["mean_ssim"]


def test_quality_without_reuse_says_why_not(cli, clip):
    result = cli(*ARGUMENTS, clip, *QUICK, "--reuse", "off")
    assert result.code == 3
    assert "no difference" in result.err
