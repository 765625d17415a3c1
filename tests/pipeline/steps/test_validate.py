from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.other_settings import OTHER_SETTINGS
from tests.video.test_pictures import drawn, write

from tsuzuki import durable
from tsuzuki.errors import (
    DiskFullError,
    OutputFolderError,
    OutputIsInputError,
    SessionDiffersError,
)
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.jobs import make_plan
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.steps import validate
from tsuzuki.pipeline.team import Team
from tsuzuki.sessions import SessionManager, differences
from tsuzuki.settings import ProcessingSettings


@pytest.fixture
def plan(clip: Path) -> Plan:
    settings = ProcessingSettings(engine="nearest", scale_factor=2.5)
    return make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))


def test_default_output(plan: Plan, clip: Path) -> None:
    assert validate.default_output(plan) == clip.with_name("clip_2.5x.mp4")


@pytest.mark.parametrize(
    ("choice", "frames"),
    [
        ({}, 96),
        ({"fps": 12}, 48),
        ({"deinterlace": "ivtc"}, 77),
        ({"range_start": 1, "fps": "48"}, 144),
    ],
)
def test_space_is_looked_for_by_the_frames_of_the_output(
    clip: Path, choice: dict[str, Any], frames: int
) -> None:
    settings = ProcessingSettings.from_dict({"engine": "nearest", **choice})
    plan = make_plan(m.MakePlan(path=str(clip), settings=settings, output=None))
    assert validate.expected_frames(plan) == frames


def test_the_input_under_another_name_is_still_the_input(plan: Plan, clip: Path) -> None:
    link = clip.with_name("link.mp4")
    os.link(clip, link)
    with pytest.raises(OutputIsInputError):
        validate.check_output(plan, link, overwrite=True)


def test_a_folder_is_no_output(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(OutputFolderError, match="is a folder"):
        validate.check_output(plan, tmp_path, overwrite=True)


def test_too_little_space_is_refused_with_figures(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "free_bytes", lambda _: 1_000_000)
    with pytest.raises(DiskFullError, match="1 MB are free") as caught:
        validate.check_space(plan, 96, tmp_path, tmp_path / "out.mp4")
    assert caught.value.details["needed"] > caught.value.details["free"]


def test_tight_space_is_warned_of(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "free_bytes", lambda _: 100_000_000)
    assert "may be needed" in (validate.check_space(plan, 96, tmp_path, tmp_path / "o.mp4") or "")
    monkeypatch.setattr(durable, "free_bytes", lambda _: 10**13)
    assert validate.check_space(plan, 96, tmp_path, tmp_path / "o.mp4") is None


def test_a_file_system_that_does_not_tell_is_trusted(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "free_bytes", lambda _: None)
    assert validate.check_space(plan, 96, tmp_path, tmp_path / "o.mp4") is None


def test_lossless_encoders_and_kept_frames_need_more(plan: Plan, tmp_path: Path) -> None:
    def need(**changes: Any) -> int:
        settings = msgspec.structs.replace(plan.settings, keep_frames="keep" in changes)
        encoding = msgspec.structs.replace(plan.encoding, encoder=changes.get("encoder", "x264"))
        changed = msgspec.structs.replace(plan, settings=settings, encoding=encoding)
        return sum(validate._needs(changed, 10_000, tmp_path, tmp_path / "o.mp4", done=0).values())

    assert need() < need(keep=True)
    assert need() < need(encoder="ffv1")


# --- every difference is found and named ----------------------------------------------------------


def run_with(manager: SessionManager, clip: Path, **settings: Any) -> Run:
    """Return a run of a session that was begun with the default settings."""
    plain = ProcessingSettings(device="cpu")
    wish = ProcessingSettings.from_dict({**plain.to_dict(), **settings})
    plan = make_plan(m.MakePlan(path=str(clip), settings=wish, output=None))
    session_id = manager.create_session(clip, plain, plan.video_info)
    return Run(manager, session_id, plan, Team(threading.Event(), lambda _: None), lambda _: None)


def named(run: Run, stored: dict[str, Any]) -> list[str]:
    """Return what a run is refused for where the session has this identity."""
    run.remembered("validate")["identity"] = stored
    with pytest.raises(SessionDiffersError) as caught:
        validate.check_identity(run, accept=False, may_differ=frozenset())
    assert all(line in caught.value.message for line in caught.value.details["differences"])
    return [line.split(":")[0] for line in caught.value.details["differences"]]


PARTS = {
    "video.content",
    "upscaling.passes",
    "upscaling.engine",
    "upscaling.engine_version",
    "encoding.library",
    "encoding.version",
    "versions.tsuzuki",
    "cpu",
}
"""Source, model with the digest of its file, engine, encoder, program, processor."""


def test_every_part_of_the_identity_is_named_where_it_differs(clip: Path, tmp_path: Path) -> None:
    with SessionManager(tmp_path / "sessions") as manager:
        run = run_with(manager, clip)
        parts = {difference.field for difference in differences({}, run.identity)}
        assert parts > PARTS
        for part in parts:
            stored = json.loads(json.dumps(run.identity))
            *folders, name = part.split(".")
            place = stored
            for folder in folders:
                place = place[folder]
            place[name] = "another"
            assert named(run, stored) == [part]
        validate.check_identity(run, accept=True, may_differ=frozenset())


@pytest.mark.parametrize("name", ProcessingSettings.__struct_fields__)
def test_every_setting_is_named_where_it_differs(clip: Path, tmp_path: Path, name: str) -> None:
    if name == "rate":  # which videos have of their own
        write(tmp_path / "1.png", drawn(1), "png")
        clip = tmp_path / "%d.png"
    with SessionManager(tmp_path / "sessions") as manager:
        stored = run_with(manager, clip).identity
        run = run_with(manager, clip, **{name: OTHER_SETTINGS[name]})
        if name in ProcessingSettings.NOT_IN_OUTPUT:
            run.remembered("validate")["identity"] = stored
            assert validate.check_identity(run, accept=False, may_differ=frozenset()) == []
        else:
            within = f"settings.{name}."
            assert any(f"{field}.".startswith(within) for field in named(run, stored))
