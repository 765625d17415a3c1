from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsuzuki.errors import SessionDamagedError
from tsuzuki.frame import Rgb
from tsuzuki.video import stills
from tsuzuki.video.facts import Colour

SESSION = "0123456789ab"
FORMATS = {"gbrp": 255, "gbrp10le": 1023, "gbrp12le": 4095, "gbrp16le": 65535}
NAME = "frame_000007_upscaled"


def write_spooled(file: BinaryIO, rgb: Rgb, colour: Colour, session_id: str, name: str) -> None:
    stills.write_encoded(file, stills.encode_spooled(rgb, colour), session_id, name)


KINDS = {
    "nut": (write_spooled, stills.read_spooled),
    "png": (stills.write_png, stills.read_png),
}


def colour(name: str) -> Colour:
    return Colour(
        matrix=1,
        primaries=1,
        transfer=1,
        full_range=False,
        chroma_location=1,
        depth=8 if name == "gbrp" else int(name[4:6]),
        rgb_format=name,
        white=FORMATS[name],
    )


def noise(name: str, width: int, height: int, seed: int = 0) -> Rgb:
    kind = np.uint8 if name == "gbrp" else np.uint16
    numbers = np.random.default_rng(seed).integers(0, FORMATS[name] + 1, (3, height, width))
    return numbers.astype(kind)


def written(kind: str, name: str, rgb: Rgb) -> bytes:
    file = io.BytesIO()
    KINDS[kind][0](file, rgb, colour(name), SESSION, f"{NAME}.{kind}")
    return file.getvalue()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def read(kind: str, tmp_path: Path) -> Callable[..., Rgb]:
    def call(
        data: bytes,
        name: str = "gbrp",
        stem: str = NAME,
        session: str = SESSION,
        size: Any = (34, 18),
    ) -> Rgb:
        path = tmp_path / f"{stem}.{kind}"
        path.write_bytes(data)
        return KINDS[kind][1](path, session, colour(name), *size)

    return call


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(34, 18), (33, 17), (1, 1), (321, 3)])
def test_reads_exactly_what_was_written(
    kind: str, read: Callable[..., Rgb], name: str, size: tuple[int, int]
) -> None:
    rgb = noise(name, *size)
    again = read(written(kind, name, rgb), name, size=size)
    assert again.dtype == rgb.dtype
    assert np.array_equal(again, rgb)


def test_equal_frames_give_equal_bytes(kind: str) -> None:
    rgb = noise("gbrp", 34, 18)
    assert written(kind, "gbrp", rgb) == written(kind, "gbrp", rgb)


def test_refuses_a_frame_of_another_place(kind: str, read: Callable[..., Rgb]) -> None:
    data = written(kind, "gbrp", noise("gbrp", 34, 18))
    others: Any = [{"stem": "frame_000008_upscaled"}, {"stem": "frame_000007"}]
    for other in (*others, {"session": "ba9876543210"}, {"size": (18, 34)}):
        with pytest.raises(SessionDamagedError):
            read(data, **other)
    with pytest.raises(SessionDamagedError):
        read(data, "gbrp10le")


def test_refuses_every_flipped_bit_and_every_cut(kind: str, read: Callable[..., Rgb]) -> None:
    data = written(kind, "gbrp", noise("gbrp", 34, 18))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        with pytest.raises(SessionDamagedError):
            read(bytes(changed))
        with pytest.raises(SessionDamagedError):
            read(data[:at])
    with pytest.raises(SessionDamagedError):
        read(data + b"\0")


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_refuses_anything_else(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "frame.any"
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"nut/multimedia container\0"):
        path.write_bytes(start + data)
        for _, reader in KINDS.values():
            with pytest.raises(SessionDamagedError):
                reader(path, SESSION, colour("gbrp"), 34, 18)


@pytest.mark.timeout(30)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
@pytest.mark.parametrize("make", ["fifo", "link", "folder", "nothing"])
def test_refuses_what_is_no_plain_file_without_waiting_for_it(
    kind: str, tmp_path: Path, make: str
) -> None:
    path, sound = tmp_path / f"{NAME}.{kind}", tmp_path / "elsewhere"
    sound.write_bytes(written(kind, "gbrp", noise("gbrp", 34, 18)))
    if make == "fifo":
        os.mkfifo(path)
    elif make == "link":
        path.symlink_to(sound)
    elif make == "folder":
        path.mkdir()
    with pytest.raises(SessionDamagedError, match="frame"):
        KINDS[kind][1](path, SESSION, colour("gbrp"), 34, 18)


def test_refuses_a_file_larger_than_any_frame(kind: str, read: Callable[..., Rgb]) -> None:
    data = written(kind, "gbrp", noise("gbrp", 34, 18))
    with pytest.raises(SessionDamagedError, match="longer than"):
        read(data + bytes(1 << 21))


def test_png_is_what_viewers_expect(tmp_path: Path) -> None:
    import av

    path = tmp_path / "frame.png"
    rgb = noise("gbrp10le", 34, 18)
    path.write_bytes(written("png", "gbrp10le", rgb))
    with av.open(str(path)) as container:
        seen = next(container.decode(video=0)).to_ndarray(format="rgb48le")
    assert np.array_equal(np.moveaxis(seen, 2, 0), rgb << 6)
