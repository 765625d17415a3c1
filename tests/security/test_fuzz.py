"""Whatever bytes they are: what reads them understands them or says `TsuzukiError`."""

from __future__ import annotations

import contextlib
import json
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.mutated_videos import draw, mutant
from tests.security.hostile import RAW, REMOVED, VALUES, places, read, replaced
from tests.watching import in_time

from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline.messages import IndexBuilt
from tsuzuki.sessions import SessionManager, sealed
from tsuzuki.sessions.check import check
from tsuzuki.sessions.frame_index import decode_index
from tsuzuki.sessions.index import rebuild_progress
from tsuzuki.sessions.progress import decode_progress, encode_progress
from tsuzuki.sessions.records import read_records
from tsuzuki.video.probe import probe

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
fuzz = settings(
    max_examples=3000 if FULL else 60,
    deadline=5000,
    derandomize=not FULL,
    suppress_health_check=list(HealthCheck),
)

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.text(max_size=40),
    st.floats(allow_nan=False), st.sampled_from(VALUES),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def changed(draw: Any, whole: Any) -> bytes:
    """A state file in which some members are others, or some bytes; mostly with a checksum."""
    value = whole
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(value))))
        value = replaced(value, path, draw(st.just(REMOVED) | JSON))
    body = bytearray(json.dumps(value).encode())
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 5)))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    body = draw(st.sampled_from([bytes(body)] * 9 + list(RAW.values())))
    return sealed.seal(body) if draw(st.sampled_from((True, True, True, False))) else body


@fuzz
@given(st.data())
def test_progress(template: Any, data: Any) -> None:
    session_id = template.session_id
    raw = data.draw(changed(read(_pristine(template, "progress.json"))))
    with contextlib.suppress(TsuzukiError), in_time(10):
        progress = decode_progress(raw, session_id)
        again = decode_progress(encode_progress(progress), session_id)
        assert again == progress
        assert SessionManager(template.root).validate_session_data(progress)


@fuzz
@given(st.data())
def test_record(paused_once: Any, data: Any) -> None:
    path = paused_once.paths.record(1)
    path.write_bytes(data.draw(changed(read(_pristine(paused_once, f"upscaled/{path.name}")))))
    with in_time(10):
        found = read_records(paused_once.paths, verify_data=True)
        names = {record.file for record in found.good}
        assert names <= {p.name for p in paused_once.paths.upscaled.iterdir()}
        numbers = [n for record in found.good for n in (record.first, record.last)]
        assert numbers == sorted(numbers)
        check(paused_once.paths, read_data=True)


@fuzz
@given(st.data())
def test_index(paused_once: Any, data: Any) -> None:
    path = paused_once.paths.index
    path.write_bytes(data.draw(changed(read(_pristine(paused_once, "frames/index.json")))))
    paused_once.paths.progress.unlink(missing_ok=True)
    with in_time(10), SessionManager(paused_once.root) as manager:
        with contextlib.suppress(TsuzukiError):
            rebuild_progress(paused_once.paths)
        with contextlib.suppress(TsuzukiError):
            index = manager.load_index(paused_once.session_id, decode_index)
            if index is not None:  # it is sent to the worker
                msgspec.msgpack.encode(IndexBuilt(index=index))
        with contextlib.suppress(TsuzukiError):
            manager.repair_session(paused_once.session_id)


@fuzz
@given(container=st.sampled_from(("mp4", "mkv", "avi", "ts", "mov", "nut")), seed=st.integers(0))
def test_probe(videos: dict[str, bytes], tmp_path_factory: Any, container: str, seed: int) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzzed.{container}"
    path.write_bytes(mutant(videos[container], random.Random(seed)))
    with contextlib.suppress(TsuzukiError), in_time(20):
        facts = probe(path)
        assert facts.width > 0
        assert facts.frame_count <= facts.size


@pytest.fixture(scope="module")
def videos(tmp_path_factory: Any) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("videos")
    codecs = {"mp4": "libx264", "mkv": "libx264", "avi": "mpeg4", "ts": "mpeg2video"}
    codecs |= {"mov": "mpeg4", "nut": "ffv1"}
    return {name: draw(folder / f"a.{name}", codec) for name, codec in codecs.items()}


@pytest.fixture
def paused_once(template: Any) -> Any:
    """The session, which examples change one after the other."""
    template.restore()
    return template


def _pristine(paused: Any, name: str) -> Path:
    return paused.place / "pristine" / "home" / "sessions" / paused.session_id / name
