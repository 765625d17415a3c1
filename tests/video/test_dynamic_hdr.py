from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from av.sidedata.sidedata import Type
from tests.dynamic_hdr import hdr10_plus, make_clip, rpu

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.video import dynamic_hdr
from tsuzuki.video.probe import probe

KINDS: dict[str, tuple[list[Callable[[], bytes]], tuple[str, ...]]] = {
    "none": ([], ()),
    "dolby": ([partial(rpu, 8)], ("Dolby Vision",)),
    "plus": ([hdr10_plus], ("HDR10+",)),
    "both": ([partial(rpu, 8), hdr10_plus], ("Dolby Vision", "HDR10+")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("container", ["mkv", "mp4", "ts"])
def test_each_kind_is_found(tmp_path: Path, kind: str, container: str) -> None:
    units, names = KINDS[kind]
    facts = probe(make_clip(tmp_path / f"clip.{container}", *units))
    assert facts.dynamic_hdr == names
    assert any("HDR10 picture below" in warning for warning in facts.warnings) == bool(names)


def test_a_container_may_tell_it_alone(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4")
    data = path.read_bytes()
    assert data.count(b"hev1") == 1
    path.write_bytes(data.replace(b"hev1", b"dvhe"))
    assert probe(path).dynamic_hdr == ("Dolby Vision",)


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_dolby_vision_without_a_base_is_refused(tmp_path: Path, container: str) -> None:
    path = make_clip(tmp_path / f"clip.{container}", partial(rpu, 5))
    with pytest.raises(UnsupportedVideoError, match="IPT"):
        probe(path)


def test_names_are_those_of_side_data() -> None:
    assert set(dynamic_hdr._NAMES) <= set(Type.__members__)


def test_what_remains_is_named() -> None:
    below = [dynamic_hdr.loss(("HDR10+",), transfer) for transfer in (16, 18, 1)]
    assert [name in told for name, told in zip(("HDR10 ", "HLG ", "plain "), below, strict=True)]


def test_metadata_that_is_cut_off_is_no_profile() -> None:
    assert not dynamic_hdr._has_no_base(b"")
    assert not dynamic_hdr._has_no_base(bytes(16))
