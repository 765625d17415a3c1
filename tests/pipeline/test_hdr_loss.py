"""Dynamic HDR metadata gets lost: it is asked about before anything is done, and only once."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.dynamic_hdr import hdr10_plus, make_clip, rpu

from tsuzuki import pipeline
from tsuzuki.errors import Cancelled, HdrLossError
from tsuzuki.pipeline import events

SETTINGS = {"segment_frames": 4}


@pytest.fixture(autouse=True)
def dynamic(run: Any) -> None:
    make_clip(run.clip, partial(rpu, 8), hdr10_plus, frames=12)


def test_it_is_refused_before_anything_is_done(run: Any) -> None:
    with pytest.raises(HdrLossError, match="--accept-hdr-loss") as told:
        run()
    assert told.value.details == {"dynamic_hdr": ["Dolby Vision", "HDR10+"]}
    assert told.value.exit_code == 17
    assert not run.sessions.exists() or list(run.sessions.iterdir()) == []
    assert [type(event) for event in run.events] == [events.Stopped]


def test_a_person_is_asked_once_and_the_answer_is_kept(run: Any) -> None:
    asked: list[str] = []

    def yes(told: str) -> bool:
        asked.append(told)
        return True

    run.stop_after(events.SegmentSealed, 1, settings=SETTINGS, accept_hdr_loss=yes)
    assert len(asked) == 1
    assert "HDR10 picture" in asked[0]
    assert pipeline.resume(run.session_id, sessions_dir=run.sessions).frames == 12
    resumed = run.digest()
    run(settings=SETTINGS, accept_hdr_loss=True, overwrite=True)
    assert run.digest() == resumed


def test_a_no_leaves_everything_as_it_is(run: Any) -> None:
    with pytest.raises(Cancelled):
        run(accept_hdr_loss=lambda _: False)
    assert not run.sessions.exists() or list(run.sessions.iterdir()) == []


def test_restart_asks_before_the_work_is_gone(run: Any) -> None:
    run.stop_after(events.SegmentSealed, 1, settings=SETTINGS, accept_hdr_loss=True)
    folder = run.folder
    with pytest.raises(HdrLossError):
        run(settings=SETTINGS, on_existing="restart")
    assert list((folder / "upscaled").glob("segment_*.json"))
