"""What tests of every part use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import drawn_clip
from tests.media_folder import MEDIA

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    import PySide6.QtWidgets  # noqa: F401
    import pytestqt  # noqa: F401
except ImportError:  # then the tests of the window are skipped
    pytest_plugins: list[str] = []
else:
    pytest_plugins = ["pytestqt.plugin"]


@pytest.fixture(scope="session")
def media() -> Path:
    """Folder of the test media; without it the test is skipped."""
    if not MEDIA.is_dir():
        pytest.skip(f"the test media are not at {MEDIA}; set TSUZUKI_MEDIA")
    return MEDIA


@pytest.fixture(scope="session")
def draw_clip() -> Callable[..., Path]:
    """Write a clip (96x54, 24 frames a second) that shows frame numbers as bars, with a tone."""
    return drawn_clip.draw_clip


@pytest.fixture(scope="session")
def shown_numbers() -> Callable[[Path], list[int]]:
    """Decode an output of twice the clip's size and read the number that each frame shows."""
    return drawn_clip.shown_numbers


@pytest.fixture
def forked_workers() -> Iterator[None]:
    """Have workers be copies of this process; and flush nothing, since nothing is cut here.

    Not for networks: their threads may hang in a copy of a process in which they have run.
    """
    from tests.watching import Forking

    from tsuzuki.pipeline import process

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "subprocess", Forking)
        patch.setattr(os, "fsync", lambda _: None)
        yield
