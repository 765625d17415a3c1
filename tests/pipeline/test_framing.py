"""Crops and baked rotation from the settings to the output, resumed on the way."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tsuzuki import pipeline
from tsuzuki.errors import SessionDiffersError
from tsuzuki.pipeline import events
from tsuzuki.pipeline.decided import decided_facts
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.video import framing
from tsuzuki.video.compare import compare
from tsuzuki.video.facts import Judged

LOSSLESS = {"encoder": "ffv1", "preset": None, "pixel_format": "yuv444p"}


def write(path: Path, *, rotation: int = 0, border: int = 0, mirrored: bool = False) -> Path:
    """Write 48 frames of moving noise, 96x64, with black above and below."""
    noise = np.random.default_rng(9).integers(40, 255, (64, 96, 3), np.uint8)
    with av.open(str(path), "w") as container:
        codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
        stream: Any = container.add_stream(codec, rate=24, options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(8, 9)
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for number in range(48):
            picture = np.roll(noise, 2 * number, axis=1)
            picture[:border] = picture[64 - border :] = 0
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pictures(path: Path) -> tuple[list[np.ndarray], int, Fraction]:
    """Return the frames of an output in RGB, its rotation and the shape of its pixels."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        aspect = stream.sample_aspect_ratio or Fraction(1)
        return [f.to_ndarray(format="rgb24") for f in frames], frames[0].rotation % 360, aspect


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_baked_rotation_shows_what_the_tag_shows(run: Any, rotation: int) -> None:
    clip = write(run.clip, rotation=rotation)
    found = {}
    for bake in (False, True):
        output = run.output.with_suffix(f".{bake}.mov")
        settings = {**LOSSLESS, "bake_rotation": bake, "encoder": "prores", "pixel_format": None}
        run(clip=clip, output=output, settings=settings)
        found[bake] = pictures(output)
    (tagged, tag, aspect), (baked, none, turned_aspect) = found[False], found[True]
    assert (tag, none) == (rotation, 0)
    assert turned_aspect == (aspect if rotation == 180 else 1 / aspect)
    for one, other in zip(tagged, baked, strict=True):
        turned = np.rot90(one, rotation // 90)
        assert turned.shape == other.shape
        assert np.abs(turned.astype(int) - other).mean() < 6


def test_pictures_are_as_a_player_shows_a_mirrored_video(run: Any, tmp_path: Path) -> None:
    made = {}
    for mirrored in (False, True):
        clip = write(run.clip, rotation=90, mirrored=mirrored)
        folder = tmp_path / str(mirrored)
        run(clip=clip, output=folder / "%d.png", settings={"preset": None})
        with av.open(str(folder / "1.png")) as container:
            made[mirrored] = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.array_equal(made[True], made[False][:, ::-1])
    assert not np.array_equal(made[True], made[False])


def test_comparing_turns_what_has_the_tag(run: Any) -> None:
    clip = write(run.clip, rotation=90)
    run(settings={"bake_rotation": True, "scale_factor": 1.0, "crf": 5})
    found = compare(str(clip), str(run.output), lambda _: None)[0]
    assert found.psnr is not None
    assert found.psnr > 30  # of noise, whose colour is halved once more


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm"])
def test_every_container_keeps_the_tag(run: Any, container: str) -> None:
    clip = write(run.clip.with_suffix(f".{container}"), rotation=90)
    output = run.output.with_suffix(f".{container}")
    encoder = {"encoder": "vp9", "preset": "5"} if container == "webm" else {}
    run(clip=clip, output=output, settings={**encoder, "range_end": "0.1"})
    assert pictures(output)[1] == 90


def test_a_resumed_run_writes_the_same_bytes(run: Any) -> None:
    write(run.clip, rotation=90, border=8)
    settings = {"bake_rotation": True, "crop": "auto", "loss_budget": 0}
    run(settings=settings)
    whole = run.digest()
    shown, rotation, aspect = pictures(run.output)
    assert (shown[0].shape, rotation, aspect) == ((192, 96, 3), 0, Fraction(9, 8))
    notes = " ".join(event.message for event in run.of(events.Warned))
    assert "96x48 pixels of the 96x64" in notes
    assert "turned by 90°" in notes
    run.stop_after(events.SegmentSealed, 2, settings=settings, overwrite=True)
    pipeline.resume(run.session_id, sessions_dir=run.sessions, overwrite=True)
    assert run.digest() == whole


def test_what_was_decided_is_never_decided_anew(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write(run.clip, border=8)
    run(settings={"crop": "auto"})
    whole = run.digest()
    run.stop_after(events.SegmentSealed, 2, settings={"crop": "auto"}, overwrite=True)
    session = run.session_id
    monkeypatch.setattr(framing, "find_borders", lambda *_: None)
    run.stop_after(events.SegmentSealed, 1, settings={"crop": "auto"}, overwrite=True)
    assert run.session_id == session
    pipeline.resume(session, sessions_dir=run.sessions, overwrite=True)
    assert run.digest() == whole
    run(settings={"crop": "auto"}, overwrite=True)
    assert run.digest() != whole


def test_a_resumed_run_does_not_look_all_over_the_video_again(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    whole = run.digest()
    run.stop_after(events.SegmentSealed, 2, overwrite=True)
    monkeypatch.setattr("tsuzuki.video.interlacing._looked_at", lambda *_: pytest.fail("it looked"))
    pipeline.resume(run.session_id, sessions_dir=run.sessions, overwrite=True)
    assert run.digest() == whole


def test_another_file_is_looked_at_anew(run: Any, tmp_path: Path) -> None:
    run.stop_after(events.SegmentSealed, 2)
    data = json.loads((run.folder / "progress.json").read_bytes())
    judged = data["steps"]["validate"]["data"]["judged"]
    assert decided_facts(data, run.clip) == Judged(**judged)
    write(run.clip, border=8)
    assert decided_facts(data, run.clip) is None
    assert decided_facts(data, tmp_path / "none.mp4") is None


def test_an_unused_setting_leaves_the_identity_as_it_was(run: Any) -> None:
    run.stop_after(events.SegmentSealed, 1)
    with SessionManager(run.sessions) as manager:
        stored = manager.state(run.session_id)["steps"]["validate"]["data"]["identity"]
    assert "framing" not in stored
    assert not {"crop", "bake_rotation"} & stored["settings"].keys()


def test_a_crop_that_comes_out_otherwise_is_refused(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run.clip, border=8)
    run.stop_after(events.SegmentSealed, 2, settings={"crop": "auto"})
    monkeypatch.setattr("tsuzuki.pipeline.runner.decided_framing", lambda _: None)
    monkeypatch.setattr(framing, "find_borders", lambda *_: None)
    with pytest.raises(SessionDiffersError, match=r"framing\.crop"):
        pipeline.resume(run.session_id, sessions_dir=run.sessions)


def test_kept_frames_are_as_they_are_upscaled(run: Any) -> None:
    write(run.clip, rotation=90, border=8)
    wish = {"bake_rotation": True, "crop": "auto", "keep_frames": True}
    result = run(settings=wish)
    with av.open(str(result.kept_frames / "frames" / "frame_000001.png")) as still:
        frame = next(still.decode(video=0))
    assert (frame.width, frame.height) == (48, 96)
    run(settings={**wish, "keep_frames": False}, overwrite=True, on_existing="restart")
