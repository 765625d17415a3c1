import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsuzuki.errors import SessionDamagedError, SessionError
from tsuzuki.sessions.progress import (
    MAX_BYTES,
    STEPS,
    check_progress,
    decode_progress,
    encode_progress,
    new_progress,
    utc_now,
)
from tsuzuki.settings import ProcessingSettings

ID = "0123456789ab"
INFO = {
    "width": 1,
    "height": 1,
    "duration": 1.0,
    "frame_rate": 24.0,
    "frame_count": 24,
    "codec_name": "h264",
    "size": 1,
    "format": "mov",
}


def fresh():
    return new_progress(ID, "/film.mkv", INFO, ProcessingSettings(), fingerprint="ab")


def plain(progress):
    return json.dumps(progress).encode()


def test_a_new_one_has_the_documents_schema():
    progress = fresh()
    assert progress["status"] == "created"
    assert list(progress["steps"]) == list(STEPS)
    assert all(s == {"status": "pending", "progress": 0.0} for s in progress["steps"].values())
    assert progress["settings"]["scale_factor"] == 2.0
    assert progress["created_at"] == progress["last_updated"]


def test_round_trip_and_what_a_plain_reader_sees():
    progress = fresh()
    data = encode_progress(progress)
    assert decode_progress(data, ID) == progress
    seen = json.loads(data)
    del seen["checksum"]
    assert seen == progress


def test_a_file_of_another_program_has_no_checksum():
    progress = fresh()
    progress["steps"]["upscale"]["extra"] = {"of": "another program"}
    assert decode_progress(json.dumps(progress, indent=2).encode(), ID) == progress
    del progress["format_version"]
    assert decode_progress(plain(progress), ID) == progress


def test_every_flipped_bit_is_seen():
    progress = fresh()
    data = encode_progress(progress)
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(SessionDamagedError):
            decode_progress(bytes(flipped), ID)


def test_a_newer_version_is_not_damage():
    progress = fresh() | {"format_version": 2}
    with pytest.raises(SessionError, match="newer Tsuzuki") as caught:
        decode_progress(plain(progress), ID)
    assert not isinstance(caught.value, SessionDamagedError)


def changed(path, value):
    progress = copy.deepcopy(fresh())
    place = progress
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return plain(progress)


HOSTILE = {
    "empty": b"",
    "zeros": bytes(4096),
    "cut": plain(fresh())[:-20],
    "no object": b"[]",
    "null": b"null",
    "not UTF-8": plain(fresh()).replace(b"film", b"\xff\xfe\xfd\xfc"),
    "NaN": changed(["video_info", "duration"], float("nan")),
    "infinity": changed(["video_info", "duration"], float("-inf")),
    "1e999": plain(fresh()).replace(b'"frame_rate": 24.0', b'"frame_rate": 1e999'),
    "huge integer": changed(["video_info", "frame_count"], 10**30),
    "huger integer": plain(fresh()).replace(b'"frame_count": 24', b'"frame_count": ' + b"9" * 9999),
    "negative": changed(["video_info", "width"], -1),
    "doubled key": plain(fresh())[:-1] + b',"status":"completed"}',
    "doubled inner key": plain(fresh()).replace(b'"width": 1', b'"width": 1, "width": 2'),
    "deep": changed(["steps", "upscale", "data"], json.loads("[" * 500 + "]" * 500)),
    "deeper": b"[" * 200_000,
    **{
        f"{step} {name} is {json.dumps(value)[:20]}": changed(
            ["steps", step, "data"], {name: value}
        )
        for step, name, value in (
            ("validate", "identity", ["x"]),
            ("validate", "identity", "x"),
            ("validate", "accepted_changes", "x"),
            ("validate", "accepted_changes", [1]),
            ("validate", "overwrite", 1),
            ("extract", "failed_frames", 7),
            ("extract", "failed_frames", ["7"]),
            ("extract", "failed_frames", [0]),
            ("extract", "failed_frames", [True]),
            ("upscale", "completed", [1, 2]),
            ("upscale", "completed", [[1]]),
            ("upscale", "completed", [[1, "2"]]),
            ("upscale", "completed", [[1, 10**9]]),
            ("upscale", "completed", [[1, 1]] * 4097),
            ("upscale", "completed", [[9, 1]]),
            ("upscale", "computed", [[9, 1]]),
            ("upscale", "computed", [7]),
            ("upscale", "reached", "7"),
            ("upscale", "reached", -1),
            ("upscale", "total", 1.5),
            ("upscale", "total", None),
            ("combine", "output", []),
            ("combine", "output", {}),
            ("combine", "output", {"size": "7", "sha256": "ab" * 32}),
            ("combine", "output", {"size": 7, "sha256": "../.."}),
        )
    },
    "data is a list": changed(["steps", "upscale", "data"], []),
    "scale is text": changed(["settings", "scale_factor"], "2"),
    "no scale": plain(fresh()).replace(b'"scale_factor"', b'"scale"'),
    "impossible setting": changed(["settings", "quality"], "Best"),
    "unknown step": changed(["steps", "publish"], {"status": "pending", "progress": 0}),
    "missing step": plain(fresh()).replace(b'"combine": ', b'"validate2": '),
    "unknown status": changed(["status"], "done"),
    "unknown step status": changed(["steps", "upscale", "status"], "paused"),
    "progress beyond 100": changed(["steps", "upscale", "progress"], 100.5),
    "other session": changed(["session_id"], "ba9876543210"),
    "climbing id": changed(["session_id"], "../../../../etc"),
    "NUL in the path": changed(["video_file"], "/film\0.mkv"),
    "path is no string": changed(["video_file"], ["/film.mkv"]),
    "lone surrogate": plain(fresh()).replace(b"film", b"\\ud800"),
    "no moment": changed(["created_at"], "yesterday"),
    "version true": changed(["format_version"], True),
    "version 0": changed(["format_version"], 0),
    "version text": changed(["format_version"], "1"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_damage(data):
    with pytest.raises(SessionDamagedError, match=f"tsuzuki resume {ID}"):
        decode_progress(data, ID)


def test_further_keys_are_let_be():
    progress = fresh()
    for step in STEPS:
        progress["steps"][step]["data"] = {"of": {"a newer": ["program"]}}
    progress["settings"]["of a newer program"] = 1
    assert decode_progress(plain(progress), ID) == progress


@pytest.mark.parametrize("encode", [encode_progress, plain])
def test_consent_to_overwrite_is_never_read(encode):
    progress = fresh()
    progress["steps"]["validate"]["data"] = {"overwrite": True, "identity": {"cpu": "avx2"}}
    found = decode_progress(encode(progress), ID)
    assert found["steps"]["validate"]["data"] == {"identity": {"cpu": "avx2"}}


def test_only_a_file_with_a_checksum_says_where_the_output_goes():
    progress = fresh() | {"output": "/home/somebody/.profile"}
    assert decode_progress(encode_progress(progress), ID)["output"] == progress["output"]
    assert "output" not in decode_progress(plain(progress), ID)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
keys = sorted({*fresh(), *STEPS, *INFO, "data", "progress", "status", "checksum"})


@settings(max_examples=100)
@given(st.lists(st.tuples(st.lists(st.sampled_from(keys), min_size=1, max_size=3), json_values)))
def test_any_json_is_progress_or_our_error(changes):
    progress = copy.deepcopy(fresh())
    for path, value in changes:
        place = progress
        for key in path[:-1]:
            place = place.get(key, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict):
            place[path[-1]] = value
    try:
        found = decode_progress(plain(progress), ID)
    except SessionError:
        return
    check_progress(found, ID)
    assert decode_progress(encode_progress(found), ID) == found


step_values = json_values | st.sampled_from(
    [[[1, 2]], {"size": 1, "sha256": "ab" * 32}, ["x"], {"a": 1}, 7, True]
)
step_keys = ("identity", "accepted_changes", "overwrite", "failed_frames", "completed", "reached")


@settings(max_examples=200)
@given(
    st.sampled_from(STEPS),
    st.dictionaries(st.sampled_from([*step_keys, "total", "output", "x"]), step_values, max_size=3),
)
def test_what_steps_remember_has_its_types_or_is_damage(step, data):
    progress = fresh()
    progress["steps"][step]["data"] = data
    try:
        found = decode_progress(plain(progress), ID)["steps"][step]["data"]
    except SessionDamagedError:
        return
    use = {
        "validate": lambda: (
            dict(found.get("identity", {})),
            "".join(found.get("accepted_changes", [])),
            found.get("overwrite", False) is False or 1 / 0,
        ),
        "extract": lambda: sorted({1}.union(found.get("failed_frames", ()))),
        "upscale": lambda: (
            max(found.get("reached", 0), found.get("total", 0)),
            [last - first for first, last in found.get("completed", [])],
        ),
        "combine": lambda: (
            (promised := found.get("output")) is None
            or (promised["size"] + 1, bytes.fromhex(promised["sha256"]))
        ),
    }
    use[step]()


@given(st.binary(max_size=300))
def test_any_bytes_are_our_error(data):
    with pytest.raises(SessionDamagedError):
        decode_progress(data, ID)


def test_moments_are_utc():
    assert utc_now().endswith("+00:00")


def test_the_bound_holds_a_long_summary():
    progress = fresh()
    ranges = [[10**6 + 2 * n, 10**6 + 2 * n] for n in range(4096)]
    progress["steps"]["upscale"]["data"] = {"completed": ranges}
    assert len(encode_progress(progress)) < MAX_BYTES / 10
