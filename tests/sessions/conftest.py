"""A video that is none, for who only looks at its path, size and bytes."""

import errno
import hashlib
import os
import random
from pathlib import Path

import pytest

from tsuzuki.sessions import SegmentRecord, SessionManager, SessionPaths, write_record

FRAMES = 96


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(random.Random(1).randbytes(5000))
    return path


@pytest.fixture
def info():
    return {
        "width": 192,
        "height": 108,
        "duration": 4.0,
        "frame_rate": 24.0,
        "frame_count": FRAMES,
        "codec_name": "h264",
        "size": 5000,
        "format": "mov,mp4,m4a,3gp,3g2,mj2",
    }


@pytest.fixture
def settings():
    return {"scale_factor": 2.0, "quality": "Fast", "noise_reduction": 1}


@pytest.fixture
def index():
    """A sound frame index of a video with so many frames."""

    def index(frames=FRAMES):
        numbers = list(range(frames))
        whole = {"time_base": [1, 24], "pts": numbers, "end": frames, "packets": numbers}
        return whole | {"starts": [[0, 0, 0, 0, None, 1]]}

    return index


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def manager(root):
    with SessionManager(root) as manager:
        yield manager


@pytest.fixture
def session_id(manager, video, settings, info):
    return manager.create_session(str(video), settings, info)


@pytest.fixture
def paths(root, session_id):
    return SessionPaths(root, session_id)


@pytest.fixture(params=[errno.EIO, errno.ESTALE, errno.EACCES, errno.EMFILE])
def passing_fault(request, monkeypatch):
    """Have reading or listing one path fail once."""

    def fail(call, path):
        real = getattr(os, call)
        left = [path]

        def fails_once(given, *args, **kwargs):
            if left and not isinstance(given, int) and Path(given) == left[0]:
                left.clear()
                raise OSError(request.param, os.strerror(request.param))
            return real(given, *args, **kwargs)

        monkeypatch.setattr(os, call, fails_once)
        return left

    return fail


@pytest.fixture
def seal(paths):
    """Seal a segment of frames first to last with some bytes."""

    def seal(segment, first, last, data=b"segment", identity=""):
        sha256 = hashlib.sha256(data).hexdigest()
        paths.segment(segment, sha256).write_bytes(data)
        record = SegmentRecord(
            session_id=paths.session_id,
            segment=segment,
            first=first,
            last=last,
            size=len(data),
            sha256=sha256,
            frames=last - first + 1,
            frames_computed=last - first + 1,
            identity=identity,
        )
        assert write_record(paths, record)
        return record

    return seal
