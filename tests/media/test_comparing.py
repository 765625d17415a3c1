"""That the comparison sees what has become of a picture."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.media.comparing import Pair

PICTURE = np.zeros((64, 96, 3), np.uint8)
PICTURE[8:40, 8:48] = (200, 60, 30)
PICTURE[40:, 60:] = (20, 180, 90)


def write(path: Path, picture: np.ndarray) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda picture: picture, True),
        (lambda picture: picture.repeat(2, 0).repeat(2, 1), True),
        (lambda picture: picture[:, ::-1], False),
        (lambda picture: picture[::-1], False),
        (lambda picture: np.roll(picture, 8, axis=1), False),
    ],
    ids=["same", "larger", "mirrored", "upside down", "shifted"],
)
def test_a_picture_that_has_moved_is_seen(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], *, same: bool
) -> None:
    changed = change(PICTURE)
    source, output = write(tmp_path / "a.mp4", PICTURE), write(tmp_path / "b.mp4", changed)
    found = Pair(source, output, scale=changed.shape[0] / 64).findings()["picture"]
    assert found.ok == same, found.text
