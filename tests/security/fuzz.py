"""The fuzz targets of `test_fuzz` led by what they reach, for as long as one likes.

With ``pip install atheris``: ``python -m tests.security.fuzz progress|record|index|probe``, and
then libFuzzer's options, such as ``-max_total_time=600`` and a folder to keep what was found.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tsuzuki"]):
    from tsuzuki.errors import TsuzukiError
    from tsuzuki.sessions import SessionManager, sealed
    from tsuzuki.sessions.frame_index import decode_index
    from tsuzuki.sessions.progress import decode_progress, encode_progress
    from tsuzuki.sessions.records import read_records
    from tsuzuki.video.probe import probe

ID = "0123456789ab"


def progress(data: bytes, _: Path) -> None:
    """Read a summary, with a checksum that agrees."""
    found = decode_progress(sealed.seal(data), ID)
    assert decode_progress(encode_progress(found), ID) == found


def record(data: bytes, folder: Path) -> None:
    """Read a segment's record, with a checksum that agrees."""
    paths = SessionManager(folder).paths(ID)
    paths.upscaled.mkdir(parents=True, exist_ok=True)
    paths.record(1).write_bytes(sealed.seal(data))
    assert read_records(paths, verify_data=True).good == []


def index(data: bytes, _: Path) -> None:
    """Read a frame index."""
    with contextlib.suppress(ValueError):  # the caller takes it for damage
        decode_index(data)


def video(data: bytes, folder: Path) -> None:
    """Probe a file."""
    path = folder / "video.mkv"
    path.write_bytes(data)
    probe(path)


TARGETS: dict[str, Callable[[bytes, Path], None]] = {
    "progress": progress,
    "record": record,
    "index": index,
    "probe": video,
}


def main() -> None:
    """Fuzz one of the targets."""
    name = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as place:

        def one(data: bytes) -> None:
            with contextlib.suppress(TsuzukiError):
                TARGETS[name](data, Path(place))

        atheris.Setup(sys.argv, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
