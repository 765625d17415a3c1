"""Every clip of the test media that can be opened, held against what became of it.

In the ordinary run the longer and larger ones are cut or kept at their size, only some have
segments of the default length, too, and those that are much like another are left out; all of them
are upscaled whole, in both ways, in the slow one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from docs.results import written

from tsuzuki import pipeline
from tsuzuki.cli import main
from tsuzuki.errors import DamagedVideoError
from tsuzuki.pipeline import process

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("forked_workers")]

UNREADABLE = ("bbb_truncated_noindex_or_tail.mp4", "androidx_sample_malformed_free_box.mp4")


DAMAGED = ("bbb_bitflips.mp4", "bbb_truncated.mkv")
"""Clips whose sound another program complains of, before as after."""


class Case(NamedTuple):
    """How a clip is upscaled in the ordinary run."""

    span: str | None = None
    scale: float = 2


SAME_SIZE, HALF_SECOND = Case(scale=1), Case("0.1-0.6", 1)
CASES = {
    "androidx_bbb_642x642_768kbps_30fps_vp9.webm": Case("0-0.5"),
    "androidx_hdr10-av1.mp4": Case("0.1-0.4", 1),
    "androidx_hlg10-color-test.mp4": SAME_SIZE,
    "androidx_long_1080p_lowbitrate.mp4": Case("0-1", 1),
    "androidx_sample.avi": HALF_SECOND,
    "androidx_sample.flv": HALF_SECOND,
    "androidx_sample_av1.mp4": HALF_SECOND,
    "androidx_sample_fragmented.mp4": SAME_SIZE,
    "androidx_sample_portrait.mp4": HALF_SECOND,
    "androidx_sample_with_ass_subtitles.mkv": SAME_SIZE,
    "androidx_sample_with_chapters.mkv": SAME_SIZE,
    "androidx_sample_with_chapters.mp4": SAME_SIZE,
    "androidx_sample_with_colr_mdcv_and_clli.mp4": Case("0.1-0.3", 1),
    "androidx_sample_with_invalid_nalu.mp4": SAME_SIZE,
    "androidx_sample_with_pgs_subtitles.mkv": SAME_SIZE,
    "androidx_sample_with_srt.mkv": SAME_SIZE,
    "androidx_sample_with_vobsub.mkv": SAME_SIZE,
    "bbb_10bit_pqtag.mkv": Case(),
    "bbb_180p_20s.mp4": Case("2-8", 1),
    "bbb_480i_tff.ts": Case("1-1.8"),
    "bbb_480p_30s.mp4": Case("20-20.6"),
    "bbb_720p_5s.mp4": HALF_SECOND,
    "bbb_all_static.mp4": Case(),
    "bbb_bitflips.mp4": SAME_SIZE,
    "bbb_everything.mkv": SAME_SIZE,
    "bbb_odd_321x181_444.mp4": Case(),
    "bbb_odd_427x239.webm": Case(),
    "bbb_telecined_16x9.mpg": Case("1-1.6"),
    "bbb_truncated.mkv": SAME_SIZE,
    "bbb_vfr.mkv": Case(),
    "elf_live_action.mp4": Case("1-1.6"),
    "elf_rot90.mp4": Case("0-0.6"),
    "elf_sar8x9.mp4": Case("3-3.5"),
    "limited_animation_360p.mp4": Case("1-2"),
    "screen_recording_360p.mp4": Case("0-1"),
    "static_camera_live_action.mp4": Case("2-2.5"),
}

LIKE_OTHERS = {
    "androidx_bbb_642x642_768kbps_30fps_vp9.webm",
    "androidx_long_1080p_lowbitrate.mp4",
    "androidx_sample.flv",
    "androidx_sample_with_chapters.mkv",
    "androidx_sample_with_invalid_nalu.mp4",
    "androidx_sample_with_srt.mkv",
    "bbb_180p_20s.mp4",
    "bbb_480p_30s.mp4",
    "bbb_720p_5s.mp4",
    "bbb_bitflips.mp4",
    "bbb_truncated.mkv",
    "elf_live_action.mp4",
    "limited_animation_360p.mp4",
    "static_camera_live_action.mp4",
}
"""Some of them have tests of their own below."""

EXPLAINED_IN_PAGE = {row.name: frozenset(row.otherwise) for row in written()}

segments = pytest.mark.parametrize("segment_frames", [12, None], ids=["12", "default"])
clips = pytest.mark.parametrize("name", CASES)
IN_LONG_SEGMENTS = (
    "androidx_sample_fragmented.mp4",
    "bbb_480i_tff.ts",
    "bbb_vfr.mkv",
)
"""Clips of every way to have times; those that are damaged follow below."""


def test_no_clip_is_forgotten(media: Path) -> None:
    found = {path.name for path in media.iterdir() if path.suffix != ".md"}
    assert found == {*CASES, *UNREADABLE}


@pytest.mark.parametrize(
    ("name", "segment_frames"),
    [
        *(
            pytest.param(name, 12, marks=[pytest.mark.slow] if name in LIKE_OTHERS else [])
            for name in CASES
        ),
        *((name, None) for name in IN_LONG_SEGMENTS),
    ],
)
def test_everything_comes_through(
    upscaled: Callable[..., Any], name: str, segment_frames: int | None
) -> None:
    case = CASES[name]
    done = upscaled(name, case.span, scale_factor=case.scale, segment_frames=segment_frames)
    assert done.differences() == {}
    assert done.pair.otherwise() == EXPLAINED_IN_PAGE[name] - ({"clock"} if case.span else set())
    assert name in DAMAGED or done.complaints() == ""


@pytest.mark.slow
@segments
@clips
def test_everything_of_the_whole_clip_comes_through(
    upscaled: Callable[..., Any], name: str, segment_frames: int | None
) -> None:
    scale = 1 if "long" in name else 2
    done = upscaled(name, scale_factor=scale, segment_frames=segment_frames)
    assert done.differences() == {}
    assert name in DAMAGED or done.complaints() == ""


NETWORK_CASES = {
    "limited_animation_360p.mp4": {"span": "1-1.5", "content": "anime"},
    "elf_live_action.mp4": {"span": "1-1.5", "content": "photo"},
    "bbb_everything.mkv": {"span": "0.5-1", "content": "anime"},
    "bbb_odd_321x181_444.mp4": {"span": "0.5-1", "content": "anime"},
    "androidx_hlg10-color-test.mp4": {"content": "photo"},  # it has nine frames
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORK_CASES)
def test_everything_comes_through_a_network(
    upscaled: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(process, "subprocess", subprocess)  # its threads want a new process
    done = upscaled(name, engine="ncnn", quality="Fast", **NETWORK_CASES[name])
    assert done.differences() == {}


def test_text_subtitles_survive_a_change_of_their_kind(upscaled: Callable[..., Any]) -> None:
    done = upscaled("androidx_sample_with_srt.mkv", "0-0.5", scale_factor=1, container="mp4")
    findings = done.pair.findings()
    assert findings["subtitles"] == (True, "subrip to mov_text")
    assert done.differences() == {"metadata": "title None instead of 'Subs Label'"}
    assert "does not keep the title 'Subs Label'" in done.warnings


def test_a_cut_off_file_is_done_to_its_last_frame_and_told(upscaled: Callable[..., Any]) -> None:
    done = upscaled("bbb_truncated.mkv", scale_factor=1)
    assert done.result.frames == len(done.pair.source.packet_times)
    assert "probably cut off" in done.warnings
    assert done.differences() == {}


def test_flipped_bits_cost_frames_that_are_listed_and_no_sound(
    upscaled: Callable[..., Any],
) -> None:
    done = upscaled("bbb_bitflips.mp4", scale_factor=1)
    corrupt = [n for n, p in enumerate(done.pair.source.pictures, 1) if p.corrupt]
    assert len(corrupt) > 10
    assert list(done.result.failed_frames) == corrupt
    findings = done.pair.findings()
    assert findings["sound"].ok
    assert findings["times"] == (True, "exact")
    assert done.differences() == {}


def test_a_packet_that_cannot_be_decoded_repeats_the_frame_before(
    upscaled: Callable[..., Any],
) -> None:
    done = upscaled("androidx_sample_with_invalid_nalu.mp4", scale_factor=1)
    [failed] = done.result.failed_frames
    before, repeated = done.pair.output.pictures[failed - 2 : failed]
    assert repeated.means == pytest.approx(before.means, abs=0.1)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_opened_is_refused_with_advice(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(DamagedVideoError, match="Get it again"):
        pipeline.upscale(media / name, output=tmp_path, sessions_dir=tmp_path / "sessions")
    code = main(["upscale", str(media / name), "--sessions-dir", str(tmp_path / "sessions")])
    said = capsys.readouterr()
    assert code == DamagedVideoError.exit_code
    assert "too damaged to open" in said.err + said.out
    assert "Traceback" not in said.err
    assert not list(tmp_path.glob("*.mp4"))
