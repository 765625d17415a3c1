import hashlib
import json
import os
import sys
from decimal import Decimal

import pytest

from tsuzuki.errors import InputError, InputNotFoundError, SettingsError
from tsuzuki.sessions import (
    Difference,
    differences,
    fingerprint,
    generate_session_id,
    identity_digest,
)
from tsuzuki.sessions.identity import session_id, settings_differences
from tsuzuki.settings import ProcessingSettings

GOLDEN = [
    ({"scale_factor": 2.0, "quality": "Quality"}, "dfaaa5a0e2bf"),
    ({"scale_factor": 2, "quality": "Quality", "noise_reduction": 3}, "dfaaa5a0e2bf"),
    ({"scale_factor": 1.5, "quality": "Fast", "noise_reduction": -1}, "3a3ebee0d82f"),
    ({"scale_factor": 2.0, "quality": "Quality", "content": "photo"}, "4a4f1af459c9"),
]


def document_id(video_path, settings):
    """The algorithm of the user's document, word for word."""
    from pathlib import Path

    video_stat = Path(video_path).stat()
    session_data = {
        "video_path": str(Path(video_path).resolve()),
        "video_size": video_stat.st_size,
        "video_mtime": video_stat.st_mtime,
        "scale_factor": settings["scale_factor"],
        "quality": settings["quality"],
        "noise_reduction": settings.get("noise_reduction", 3),
    }
    return hashlib.md5(json.dumps(session_data, sort_keys=True).encode()).hexdigest()[:12]


@pytest.mark.parametrize(("settings", "expected"), GOLDEN)
def test_golden_ids(settings, expected):
    assert session_id("/films/漫画.mkv", 123456789, 1737033212.123456, settings) == expected


@pytest.mark.parametrize("mtime", [1737033212.123456, 0.0, 1e9, 1737033212.9999998])
@pytest.mark.parametrize("noise", [None, -1, 0, 3])
def test_the_id_is_the_documents(video, mtime, noise):
    settings = {"scale_factor": 2.0, "quality": "Balanced"}
    if noise is not None:
        settings["noise_reduction"] = noise
    os.utime(video, (mtime, mtime))
    assert generate_session_id(str(video), settings) == document_id(video, settings)
    whole = ProcessingSettings.from_dict(settings)
    assert generate_session_id(video, whole) == document_id(video, settings)


CHANGES = {
    "size": "640x",
    "alpha": "drop",
    "rate": "24",
    "deinterlace": "off",
    "crop": "auto",
    "bake_rotation": True,
    "fps": "24000/1001",
    "content": "photo",
    "model": "waifu2x-cunet",
    "engine": "nearest",
    "tile_size": 256,
    "reuse": "off",
    "reuse_tolerance": 2.0,
    "encoder": "ffv1",
    "crf": 20.0,
    "preset": "slow",
    "bitrate": "8M",
    "encoder_options": {"aq-mode": "3"},
    "pixel_format": "yuv444p",
    "container": "mkv",
    "range_start": Decimal(1),
    "range_end": Decimal(9),
    "segment_frames": 12,
}


def test_every_setting_that_changes_the_output_changes_the_id():
    names = set(ProcessingSettings.__struct_fields__) - ProcessingSettings.NOT_IN_OUTPUT
    assert names == CHANGES.keys() | set(ProcessingSettings.IN_ID)
    ids = {session_id("/a", 1, 1.0, {})}
    for name, value in CHANGES.items():
        ids.add(session_id("/a", 1, 1.0, ProcessingSettings(**{name: value})))
    assert len(ids) == len(CHANGES) + 1


def test_what_does_not_change_the_output_is_no_part_of_the_id():
    other = {"device": "cpu", "keep_frames": True, "workers": 2, "loss_budget": 9}
    assert session_id("/a", 1, 1.0, other) == session_id("/a", 1, 1.0, {})


def test_bad_settings_and_missing_videos(tmp_path, video):
    with pytest.raises(InputNotFoundError, match="Check the spelling"):
        generate_session_id(tmp_path / "none.mp4", {})
    with pytest.raises(InputNotFoundError):
        generate_session_id("a\0b", {})
    with pytest.raises(SettingsError):
        generate_session_id(video, {"scale_factor": float("nan")})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of any bytes")
def test_a_name_that_is_no_unicode_is_refused(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.mp4")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="Rename the file"):
        generate_session_id(path, {})


def test_fingerprint_of_a_short_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert fingerprint(tmp_path / "a") == hashlib.sha256(b"3\nabc").hexdigest()


def test_fingerprint_of_a_long_file(tmp_path):
    mib = 1 << 20
    data = os.urandom(5 * mib + 3)
    (tmp_path / "a").write_bytes(data)
    middle = (len(data) - mib) // 2
    pieces = data[:mib] + data[middle : middle + mib] + data[-mib:]
    expected = hashlib.sha256(f"{len(data)}\n".encode() + pieces).hexdigest()
    assert fingerprint(tmp_path / "a") == expected


@pytest.mark.parametrize("place", [0, (1 << 20) - 1, 2_500_000, -1])
def test_fingerprint_sees_a_change(tmp_path, place):
    data = bytearray(5_000_000)
    (tmp_path / "a").write_bytes(data)
    data[place] = 1
    (tmp_path / "b").write_bytes(data)
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")


def test_differences():
    stored = {"model": {"sha256": "a", "name": "x"}, "cpu": "avx2", "gone": 1}
    present = {"model": {"sha256": "b", "name": "x"}, "cpu": "avx2", "new": 2}
    found = differences(stored, present)
    assert found == [
        Difference("gone", 1, None),
        Difference("model.sha256", "a", "b"),
        Difference("new", None, 2),
    ]
    assert str(found[1]) == "model.sha256: a in the session, b now"
    assert str(found[2]) == "new: nothing in the session, 2 now"


def test_settings_differences():
    found = settings_differences({"quality": "Fast"}, {"quality": "Quality", "device": "cpu"})
    assert found == [Difference("settings.quality", "Fast", "Quality")]


def test_an_identity_has_one_digest_however_it_is_ordered():
    one = {"b": [1, 2.5, None], "a": {"x": "漫", "y": True}}
    other = {"a": {"y": True, "x": "漫"}, "b": [1, 2.5, None]}
    assert identity_digest(one) == identity_digest(other) == "c22dd63c8537516f"
    assert identity_digest(one) != identity_digest({**one, "c": 1})
