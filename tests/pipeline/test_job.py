from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tsuzuki import pipeline
from tsuzuki.durable import OsPort
from tsuzuki.errors import (
    Cancelled,
    ContainerError,
    DamagedFramesError,
    InputError,
    InputNotFoundError,
    OutputError,
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
    SessionBusyError,
    SessionDiffersError,
    SessionError,
    SessionNotFoundError,
    SettingsError,
)
from tsuzuki.pipeline import events, runner
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.store import Store
from tsuzuki.sessions import SessionManager, SessionPaths
from tsuzuki.sessions.lock import SessionLock
from tsuzuki.sessions.sealed import seal, unseal


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


class TestUpscale:
    def test_makes_the_larger_video_and_leaves_no_session(self, run: Any) -> None:
        result = run()
        assert (result.frames, result.frames_computed, result.failed_frames) == (96, 96, ())
        assert result.size == run.output.stat().st_size
        assert result.bit_identical
        assert [path.name for path in run.sessions.iterdir()] == ["history.db"]
        with av.open(str(run.output)) as container:
            video = container.streams.video[0]
            assert (video.width, video.height) == (192, 108)
            assert len(container.streams.audio) == 1
            times = [frame.time for frame in container.decode(video)]
        assert len(times) == 96
        assert times == sorted(times)

    def test_every_frame_shows_its_number(self, run: Any) -> None:
        run()
        with av.open(str(run.output)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                grey = frame.to_ndarray(format="gray")
                bits = [int(grey[54, 16 + 22 * bit] > 128) for bit in range(8)]
                assert sum(bit << i for i, bit in enumerate(bits)) == number

    def test_equal_bytes_in_every_run(self, run: Any, golden: str) -> None:
        run()
        assert run.digest() == golden

    def test_puts_the_output_beside_the_input_by_default(self, run: Any) -> None:
        result = run(output=None, settings={"scale_factor": 1.5})
        assert result.output == run.clip.with_name("clip_1.5x.mp4")
        assert result.output.is_file()

    def test_events_come_in_the_order_of_the_steps(self, run: Any) -> None:
        run()
        kinds = [type(event) for event in run.events]
        assert kinds[0] is events.SessionOpened
        assert kinds[-1] is events.Finished
        assert [e.step for e in run.of(events.StepCompleted)] == [
            "validate",
            "extract",
            "upscale",
            "combine",
        ]
        sealed = run.of(events.SegmentSealed)
        assert [e.segment for e in sealed] == list(range(1, len(sealed) + 1))
        assert [e.first for e in sealed[1:]] == [e.last + 1 for e in sealed[:-1]]
        assert sealed[-1].last == 96
        for event in run.events:
            assert json.loads(pipeline.to_json(event))["session_id"] == event.session_id

    def test_a_range(self, run: Any) -> None:
        settings = {"range_start": "1", "range_end": "2.5"}
        run.stop_after(events.SegmentSealed, 2, settings=settings)
        with SessionManager(run.sessions) as manager:
            progress = manager.load_progress(run.session_id)
        assert progress is not None
        done = sum(b - a + 1 for a, b in progress["steps"]["upscale"]["data"]["completed"])
        assert progress["steps"]["upscale"]["progress"] == pytest.approx(100 * done / 36)
        assert run(settings=settings).frames == 36

    def test_a_part_has_a_name_of_its_own(self, run: Any) -> None:
        for start, end, name in (
            ("1", "1.5", "clip_2x_1-1.5s.mp4"),
            (None, "0.5", "clip_2x_0-0.5s.mp4"),
            ("3.5", None, "clip_2x_3.5-s.mp4"),
        ):
            part = {"range_start": start, "range_end": end}
            assert run(output=None, settings=part).output.name == name

    @pytest.mark.parametrize("allowed", [True, False])
    def test_the_machine_is_kept_awake_unless_it_may_sleep(
        self, run: Any, monkeypatch: pytest.MonkeyPatch, allowed: bool
    ) -> None:
        kept: list[bool] = []

        @contextlib.contextmanager
        def awake() -> Iterator[None]:
            kept.append(True)
            yield
            kept.append(False)

        monkeypatch.setattr(runner, "awake", awake)
        run(allow_sleep=allowed)
        assert kept == ([] if allowed else [True, False])


class TestStopAndGoOn:
    @pytest.mark.parametrize("segments", [1, 4, 8])
    def test_same_bytes_after_stopping(self, run: Any, golden: str, segments: int) -> None:
        run.stop_after(events.SegmentSealed, segments)
        stopped = run.of(events.Stopped)[0]
        assert stopped.exit_code == 130
        assert stopped.resume_command == (
            f"tsuzuki resume {run.session_id} --sessions-dir {run.sessions}"
        )
        result = run()
        assert result.frames_computed < 96
        assert run.of(events.SessionOpened)[0].resumed
        assert run.digest() == golden

    def test_stopping_saves_every_finished_frame(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 2, settings={"loss_budget": 1000})
        safe = run.of(events.FramesSpooled) + run.of(events.SegmentSealed)
        run(settings={"loss_budget": 1000})
        assert run.of(events.SessionOpened)[0].frames_done == max(event.last for event in safe)

    @pytest.mark.parametrize("budget", [0.0, 0.001])
    def test_spooled_frames_are_used(self, run: Any, golden: str, budget: float) -> None:
        run.stop_after(events.FramesSpooled, 2, settings={"loss_budget": budget})
        spooled = list((run.folder / "upscaled").glob("frame_*_upscaled.*"))
        assert spooled
        run()
        assert run.digest() == golden

    def test_resume_by_id(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 3)
        pipeline.resume(run.session_id, sessions_dir=run.sessions)
        assert run.digest() == golden

    def test_restart_begins_from_nothing(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 3)
        assert run(on_existing="restart").frames_computed == 96
        assert run.digest() == golden

    def test_fail_names_the_session(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed)
        session_id = run.session_id
        with pytest.raises(SessionError, match=session_id):
            run(on_existing="fail")

    def test_a_moved_video_finds_its_session(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 3)
        moved = run.clip.rename(run.clip.with_name("moved.mp4"))
        assert run(clip=moved).frames_computed < 96
        assert run.digest() == golden

    def test_resume_by_id_of_a_moved_video(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 3)
        moved = run.clip.rename(run.clip.with_name("moved.mp4"))
        with pytest.raises(InputNotFoundError):
            pipeline.resume(run.session_id, sessions_dir=run.sessions)
        pipeline.resume(run.session_id, video=moved, sessions_dir=run.sessions)
        assert run.digest() == golden

    def test_a_run_killed_just_after_publishing_knows_its_output(
        self, run: Any, golden: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(self: SessionManager, *args: Any, **options: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(SessionManager, "cleanup_session", die)
            with pytest.raises(KeyboardInterrupt):
                run()
        before = run.output.stat()
        flip(run.sessions / run.session_id / "frames" / "index.json")
        assert run().frames == 96
        assert run.digest() == golden
        assert run.output.stat().st_mtime_ns == before.st_mtime_ns

    def test_a_run_killed_before_it_began_knows_where_its_output_goes(
        self, run: Any, golden: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(self: SessionLock) -> SessionLock:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(SessionLock, "acquire", die)
            with pytest.raises(KeyboardInterrupt):
                run()
        (session_id,) = SessionManager(run.sessions).session_ids()
        pipeline.resume(session_id, sessions_dir=run.sessions)
        assert run.digest() == golden


class TestDamage:
    def test_a_changed_segment_is_found_kept_aside_and_rendered_again(
        self, run: Any, golden: str
    ) -> None:
        run.stop_after(events.SegmentSealed, 4)
        flip(next((run.folder / "upscaled").glob("segment_000002-*.mkv")))
        run(settings={})
        assert [w.code for w in run.of(events.Warned)] == ["damaged-segment"]
        assert run.digest() == golden

    @pytest.mark.parametrize("name", ["segment_000002.json", "segment_000002-*.mkv"])
    def test_a_missing_file_costs_its_segment_only(self, run: Any, golden: str, name: str) -> None:
        run.stop_after(events.SegmentSealed, 4)
        next((run.folder / "upscaled").glob(name)).unlink()
        assert run().frames_computed <= 96 - 36
        assert run.digest() == golden

    def test_a_changed_record_is_kept_aside(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 4)
        flip(run.folder / "upscaled" / "segment_000003.json")
        run()
        assert "damaged" in [w.code for w in run.of(events.Warned)]
        assert run.digest() == golden

    def test_a_changed_spooled_frame_is_kept_aside(self, run: Any, golden: str) -> None:
        run.stop_after(events.FramesSpooled, 2, settings={"loss_budget": 0.0})
        flip(min((run.folder / "upscaled").glob("frame_*_upscaled.*")))
        run()
        assert run.digest() == golden

    def test_a_lost_summary_is_rebuilt(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 4)
        (run.folder / "progress.json").write_bytes(b"{")
        session_id = run.session_id
        pipeline.resume(session_id, sessions_dir=run.sessions)
        assert run.digest() == golden

    @pytest.mark.parametrize(
        ("name", "value"), [("pts", "x"), ("pts", [3, 2, 1]), ("starts", []), ("packets", [0])]
    )
    def test_an_index_that_no_video_has_is_built_again(
        self, run: Any, golden: str, name: str, value: Any
    ) -> None:
        run.stop_after(events.SegmentSealed, 4)
        path = run.folder / "frames" / "index.json"
        document = json.loads(unseal(path.read_bytes()))
        document["index"][name] = value
        path.write_bytes(seal(json.dumps(document).encode()))
        assert run().frames_computed < 96
        assert run.digest() == golden

    def test_a_lost_index_is_built_again(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 4)
        flip(run.folder / "frames" / "index.json")
        assert run().frames_computed < 96
        assert run.digest() == golden


def test_a_slow_save_is_not_swept(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = OsPort.fsync

    def slowly(self: OsPort, fd: int) -> None:
        time.sleep(0.05)
        real(self, fd)

    monkeypatch.setattr("tsuzuki.sessions.live.SAVE_SECONDS", 0.0)
    monkeypatch.setattr(OsPort, "fsync", slowly)
    run()


class TestIdentity:
    def test_a_changed_version_is_refused_with_the_difference(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 2)
        path = run.folder / "progress.json"
        manager = SessionManager(run.sessions)
        progress = manager.load_progress(run.session_id)
        assert progress is not None
        identity = progress["steps"]["validate"]["data"]["identity"]
        identity["encoding"]["version"] = "an older one"
        manager.save_progress(run.session_id, progress)
        manager.close()
        before = path.read_bytes()
        with pytest.raises(SessionDiffersError, match="an older one in the session"):
            run()
        assert not run.output.exists()
        assert path.read_bytes().count(b"an older one") == before.count(b"an older one") == 1
        result = run(accept_changes=True)
        assert not result.bit_identical
        assert "accepted-changes" in [w.code for w in run.of(events.Warned)]

    PARTS = (
        "video.content", "video.codec", "video.size", "video.time_base", "settings.crf",
        "upscaling.engine_version", "upscaling.device", "upscaling.options", "encoding.threads",
        "encoding.options.preset", "encoding.version", "segment_frames", "versions.tsuzuki", "cpu",
    )  # fmt: skip

    @pytest.mark.parametrize("part", PARTS)
    def test_every_part_of_the_identity_counts(self, run: Any, part: str) -> None:
        run.stop_after(events.SegmentSealed, 1)
        with SessionManager(run.sessions) as manager:
            progress = manager.load_progress(run.session_id)
            assert progress is not None
            place = progress["steps"]["validate"]["data"]["identity"]
            *folders, name = part.split(".")
            for folder in folders:
                place = place[folder]
            assert name in place
            place[name] = "another"
            manager.save_progress(run.session_id, progress)
        with pytest.raises(
            SessionDiffersError, match=part + ".*: (another in the session|changed since)"
        ):
            run()

    def test_a_video_changed_in_secret_is_refused(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 2)
        before = run.clip.stat()
        data = bytearray(run.clip.read_bytes())
        data[len(data) // 2] ^= 1
        run.clip.write_bytes(data)
        os.utime(run.clip, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(SessionDiffersError, match=r"video\.content"):
            run()

    def test_an_accepted_video_is_indexed_anew_and_open_segments_begin_anew(
        self, run: Any, draw_clip: Any
    ) -> None:
        kept = {"keep_frames": True, "loss_budget": 0.0}
        run.stop_after(events.FramesSpooled, 30, settings=kept)
        sealed = run.of(events.SegmentSealed)[-1].last
        draw_clip(run.clip, 60)
        with pytest.raises(SessionDiffersError):
            pipeline.resume(run.session_id, sessions_dir=run.sessions)
        result = pipeline.resume(run.session_id, sessions_dir=run.sessions, accept_changes=True)
        assert not result.bit_identical
        assert (result.frames, result.frames_computed) == (60, 60 - sealed)
        assert len(list((result.kept_frames / "frames").glob("*.png"))) == 60

    def test_a_refused_run_leaves_the_session_as_it_was(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 2)
        other = run.clip.with_name("other.mp4")
        other.write_bytes(run.clip.read_bytes()[:-1] + b"x")
        output = run.output.with_name("existing.mp4")
        output.write_bytes(b"precious")
        wrong = {"video": other, "sessions_dir": run.sessions}
        with pytest.raises(SessionDiffersError):
            pipeline.resume(run.session_id, output=run.output.with_name("new.mp4"), **wrong)
        with pytest.raises(OutputExistsError):
            pipeline.resume(run.session_id, output=output, accept_changes=True, **wrong)
        with SessionManager(run.sessions) as manager:
            progress = manager.load_progress(run.session_id)
        assert progress is not None
        assert (progress["video_file"], progress["output"]) == (str(run.clip), str(run.output))
        result = pipeline.resume(run.session_id, sessions_dir=run.sessions)
        assert (result.output, result.bit_identical) == (run.output, True)
        assert run.digest() == golden

    def test_a_run_killed_after_changes_were_accepted_uses_nothing_from_before(
        self, run: Any, draw_clip: Any, shown_numbers: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The frames of the open segment are of the video that was replaced."""
        run.stop_after(events.FramesSpooled, 20, settings={"loss_budget": 0.0})
        sealed = run.of(events.SegmentSealed)[-1].last
        draw_clip(run.clip, 96, sound=False)

        def die(self: Run, *_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Run, "set_index", die)
            with pytest.raises(KeyboardInterrupt):
                pipeline.resume(run.session_id, sessions_dir=run.sessions, accept_changes=True)
        result = pipeline.resume(run.session_id, sessions_dir=run.sessions)
        assert (result.frames_computed, result.bit_identical) == (96 - sealed, False)
        assert shown_numbers(run.output) == list(range(96))

    def test_a_session_with_an_accepted_video_is_found_by_that(
        self, run: Any, draw_clip: Any
    ) -> None:
        run.stop_after(events.SegmentSealed, 2)
        session_id = run.session_id
        draw_clip(run.clip, 60)
        cancel = threading.Event()
        with pytest.raises(Cancelled):
            pipeline.resume(
                session_id, sessions_dir=run.sessions, accept_changes=True, cancel=cancel,
                on_event=lambda event: isinstance(event, events.SegmentSealed) and cancel.set(),
            )  # fmt: skip
        assert run().session_id == session_id

    def test_work_of_which_nothing_tells_what_it_is_of_is_not_used(
        self, run: Any, draw_clip: Any
    ) -> None:
        run.stop_after(events.FramesSpooled, 30, settings={"loss_budget": 0.0})
        for name in ("progress.json", "frames/index.json"):
            flip(run.folder / name)
        before = run.clip.stat()
        data = bytearray(run.clip.read_bytes())
        data[-1] ^= 1
        run.clip.write_bytes(data)
        os.utime(run.clip, ns=(before.st_atime_ns, before.st_mtime_ns))
        result = run()
        assert (result.frames_computed, result.bit_identical) == (96, True)
        assert "other" in [warning.code for warning in run.of(events.Warned)]

    def test_a_touched_video_goes_on(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 3)
        os.utime(run.clip)
        assert run().frames_computed < 96
        assert run.digest() == golden

    def test_a_copy_of_a_video_is_another_job_and_says_so(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 3)
        first = run.session_id
        copy = run.clip.with_name("copy.mp4")
        copy.write_bytes(run.clip.read_bytes())
        assert run(clip=copy).frames_computed == 96
        (warned,) = [w for w in run.of(events.Warned) if w.code == "other-session"]
        assert f"tsuzuki resume {first}" in warned.message

    def test_two_sessions_never_want_one_output_unsaid(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 1)
        first = run.session_id
        run.stop_after(events.SegmentSealed, 1, settings={"crop": "64:48:0:0"})
        (warned,) = [w for w in run.of(events.Warned) if w.code == "same-output"]
        assert f"tsuzuki sessions remove {first}" in warned.message
        run.stop_after(events.SegmentSealed, 1, output=run.output.with_name("other.mp4"))
        assert "same-output" not in [w.code for w in run.of(events.Warned)]

    def test_the_one_who_is_asked_decides(self, run: Any, golden: str) -> None:
        asked: list[str] = []

        def answer(progress: Any) -> str:
            asked.append(progress["session_id"])
            return "restart"

        run.stop_after(events.SegmentSealed, 3, on_existing=answer)
        assert asked == [], "there was nothing to ask about"
        assert run(on_existing=answer).frames_computed == 96
        assert asked == [run.session_id]
        assert run.digest() == golden

    def test_smaller_tiles_are_an_accepted_change_and_stay(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 2)
        heard: list[events.Event] = []
        cancel = threading.Event()

        def listen(event: events.Event) -> None:
            heard.append(event)
            if isinstance(event, events.SegmentSealed):
                cancel.set()

        with pytest.raises(Cancelled):
            pipeline.resume(
                run.session_id, tile_size=64, sessions_dir=run.sessions, cancel=cancel,
                on_event=listen,
            )  # fmt: skip
        assert "accepted-changes" in [e.code for e in heard if isinstance(e, events.Warned)]
        result = pipeline.resume(run.session_id, sessions_dir=run.sessions)
        assert not result.bit_identical
        assert run.digest() == golden, "this engine has no tiles"

    @pytest.fixture
    def open_segment(self, run: Any) -> tuple[str, set[str]]:
        """Stop in the first segment; return the session and the names of its spooled frames."""
        long = {"loss_budget": 0.0, "segment_frames": 96}
        run.stop_after(events.FramesSpooled, 2, settings=long)
        return run.session_id, {path.name for path in run.folder.glob("upscaled/*.nut")}

    def stop_with_smaller_tiles(self, run: Any, session_id: str) -> list[events.Event]:
        heard: list[events.Event] = []
        cancel = threading.Event()

        def listen(event: events.Event) -> None:
            heard.append(event)
            if isinstance(event, events.FramesSpooled):
                cancel.set()

        with pytest.raises(Cancelled):
            pipeline.resume(
                session_id, tile_size=64, sessions_dir=run.sessions, cancel=cancel, on_event=listen
            )
        return heard

    def test_a_summary_lost_after_an_accepted_change_mixes_no_frames(
        self, run: Any, open_segment: Any
    ) -> None:
        session_id, before = open_segment
        heard = self.stop_with_smaller_tiles(run, session_id)
        (warned,) = [e for e in heard if isinstance(e, events.Warned) and e.code == "anew"]
        assert warned.message.endswith(f" {len(before)}.")
        folder = run.sessions / session_id
        spooled = len(list(folder.glob("upscaled/*.nut")))
        flip(folder / "progress.json")
        opened: list[events.Event] = []
        result = pipeline.resume(session_id, sessions_dir=run.sessions, on_event=opened.append)
        (told,) = [e for e in opened if isinstance(e, events.SessionOpened)]
        assert told.settings["tile_size"] == 64
        assert (result.bit_identical, result.frames_computed) == (False, 96 - spooled)

    @pytest.mark.parametrize("lost", [False, True])
    @pytest.mark.parametrize("call", ["flush", "drop_open", "save_index", "open_worker"])
    def test_nor_does_one_lost_after_a_kill_while_it_is_accepted(
        self, run: Any, open_segment: Any, monkeypatch: pytest.MonkeyPatch, call: str, lost: bool
    ) -> None:
        """Either the change is forgotten with the summary, or the frames from before are gone."""
        session_id, before = open_segment

        def die(*_: Any, **__: Any) -> None:
            monkeypatch.undo()  # what ends the run properly is not to be met
            monkeypatch.setattr(SessionManager, "flush", lambda _: None)
            monkeypatch.setattr(SessionManager, "update_step_status", lambda *_, **__: None)
            raise KeyboardInterrupt

        owner = Store if call == "drop_open" else Run if call == "open_worker" else SessionManager
        monkeypatch.setattr(owner, call, die)
        with pytest.raises(KeyboardInterrupt):
            pipeline.resume(session_id, tile_size=64, sessions_dir=run.sessions)
        monkeypatch.undo()
        folder = run.sessions / session_id
        spooled = {path.name for path in folder.glob("upscaled/*.nut")}
        if lost:
            flip(folder / "progress.json")
        opened: list[events.Event] = []
        result = pipeline.resume(session_id, sessions_dir=run.sessions, on_event=opened.append)
        (told,) = [e for e in opened if isinstance(e, events.SessionOpened)]
        if told.settings["tile_size"] == 64:
            assert (result.bit_identical, result.frames_computed) == (False, 96)
        else:
            assert spooled <= before
            assert (result.bit_identical, result.frames_computed) == (True, 96 - len(spooled))

    def test_accepted_frames_are_told_and_kept(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 1, accept_suspicious=[50])
        run.stop_after(events.SegmentSealed, 1, accept_suspicious=[7])
        with SessionManager(run.sessions) as manager:
            progress = manager.load_progress(run.session_id)
        assert progress is not None
        assert progress["steps"]["validate"]["data"]["accepted_suspicious"] == [7, 50]

    def test_other_settings_are_another_session(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 2)
        first = run.session_id
        run(settings={"crf": 30})
        assert run.session_id != first
        assert (run.sessions / first).is_dir()

    def test_a_session_is_worked_on_once(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 2)
        with (
            SessionLock(SessionPaths(run.sessions, run.session_id)),
            pytest.raises(SessionBusyError),
        ):
            run()
        run()


class TestKeepFrames:
    def test_all_files_of_the_document(self, run: Any, golden: str) -> None:
        result = run(settings={"keep_frames": True})
        folder = result.kept_frames
        assert run.digest() == golden
        for number in range(1, 97):
            assert (folder / "frames" / f"frame_{number:06d}.png").is_file()
            assert (folder / "upscaled" / f"frame_{number:06d}_upscaled.png").is_file()
        assert json.loads((folder / "progress.json").read_bytes())["status"] == "completed"

    @pytest.mark.parametrize("pattern", ["*1.png", "*_0000[1-4]*.png", "*"])
    def test_resumes_from_any_subset(self, run: Any, golden: str, pattern: str) -> None:
        kept = {"keep_frames": True}
        run.stop_after(events.SegmentSealed, 5, settings=kept)
        for folder in ("frames", "upscaled"):
            for path in (run.folder / folder).glob(f"frame_{pattern}"):
                path.unlink()
        for path in (run.folder / "upscaled").glob("segment_00000[24]*"):
            path.unlink()
        result = run(settings=kept)
        assert run.digest() == golden
        for folder in ("frames", "upscaled"):
            assert len(list((result.kept_frames / folder).glob("*.png"))) == 96

    def test_a_damaged_extracted_frame_is_decoded_again(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 2, settings={"keep_frames": True})
        flip(run.folder / "frames" / "frame_000050.png")
        run(settings={"keep_frames": True})
        assert run.digest() == golden

    @pytest.mark.parametrize("wish_first", [True, False])
    def test_once_wished_for_they_stay(self, run: Any, golden: str, wish_first: bool) -> None:
        run.stop_after(events.SegmentSealed, 2, settings={"keep_frames": wish_first})
        result = run(settings={"keep_frames": not wish_first})
        assert run.digest() == golden
        again = run(overwrite=True)
        assert again.kept_frames == result.kept_frames
        assert len(list((again.kept_frames / "upscaled").glob("*.png"))) == 96

    def test_damaged_frames_are_concealed_alike(self, run: Any) -> None:
        blank_packets(run.clip, slice(11, 60, 12))
        result = run()
        assert result.failed_frames
        plain = run.digest()
        run.stop_after(events.SegmentSealed, 3, settings={"keep_frames": True}, overwrite=True)
        for path in (run.folder / "upscaled").glob("frame_*3_upscaled.png"):
            path.unlink()
        run(overwrite=True)
        assert run.digest() == plain


def blank_packets(clip: Path, which: slice) -> None:
    """Have some of the packets that are no key frames hold nothing but zeros."""
    with av.open(str(clip)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        places = [(p.pos, p.size) for p in packets if not p.is_keyframe][which]
    data = bytearray(clip.read_bytes())
    for position, size in places:
        data[position + 4 : position + size] = bytes(size - 4)
    clip.write_bytes(data)


@pytest.mark.parametrize("keep_frames", [False, True])
def test_damage_is_named_by_the_numbers_of_the_source(run: Any, *, keep_frames: bool) -> None:
    """Whatever part is upscaled, and however many frames a second there are then."""
    blank_packets(run.clip, slice(11, 60, 12))
    whole = run().failed_frames
    part = {"range_start": 1, "range_end": 2, "fps": 12, "keep_frames": keep_frames}
    found = run(settings=part, overwrite=True).failed_frames
    assert found
    assert found == tuple(number for number in whole if 24 < number <= 48 and number % 2)


class TestMuchDamage:
    @pytest.fixture(autouse=True)
    def damaged(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tsuzuki.pipeline.steps.upscale.LEAST_DAMAGED", 4)
        blank_packets(run.clip, slice(0, 60, 4))

    def test_it_stops_and_asks_and_goes_on(self, run: Any) -> None:
        with pytest.raises(DamagedFramesError, match="--accept-damage") as told:
            run()
        assert told.value.details["damaged"] > 0.1 * told.value.details["frames"]
        assert told.value.details["frames"] < 96
        assert not run.output.exists()
        stopped = run.events[-1]
        assert " --accept-damage " in stopped.resume_command
        with pytest.raises(DamagedFramesError):
            run()
        result = run(accept_damage=True)
        assert len(result.failed_frames) > 0.1 * result.frames
        first = run.digest()
        assert run(overwrite=True, accept_damage=True).frames == 96
        assert run.digest() == first

    def test_it_stops_also_where_frames_are_kept(self, run: Any) -> None:
        with pytest.raises(DamagedFramesError, match="--accept-damage") as told:
            run(settings={"keep_frames": True})
        assert told.value.details["frames"] < 96

    def test_consent_is_remembered(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 1, settings={}, accept_damage=True)
        assert run().frames == 96


class TestRefusals:
    def refuse(self, run: Any, error: type[Exception], **options: Any) -> None:
        with pytest.raises(error):
            run(**options)
        assert not run.sessions.exists() or list(run.sessions.iterdir()) == []
        assert [type(e) for e in run.events] == [events.Stopped]

    def test_missing_input(self, run: Any, tmp_path: Path) -> None:
        self.refuse(run, InputNotFoundError, clip=tmp_path / "none.mp4")

    def test_output_is_input(self, run: Any) -> None:
        self.refuse(run, OutputIsInputError, output=run.clip, overwrite=True)

    def test_output_exists(self, run: Any) -> None:
        run.output.write_bytes(b"precious")
        self.refuse(run, OutputExistsError)
        assert run.output.read_bytes() == b"precious"

    def test_overwrite(self, run: Any, golden: str) -> None:
        run.output.write_bytes(b"old")
        run(overwrite=True)
        assert run.digest() == golden

    def test_consent_to_overwrite_is_for_one_run_and_never_kept(self, run: Any) -> None:
        run.output.write_bytes(b"old")
        run.stop_after(events.SegmentSealed, 2, overwrite=True)
        assert b'"overwrite"' not in (run.folder / "progress.json").read_bytes()
        with pytest.raises(OutputExistsError):
            run()
        other = run.output.with_name("other.mp4")
        other.write_bytes(b"precious")
        with pytest.raises(OutputExistsError):
            pipeline.resume(run.session_id, output=other, sessions_dir=run.sessions)
        assert (run.output.read_bytes(), other.read_bytes()) == (b"old", b"precious")

    def test_restart_keeps_the_work_where_the_output_cannot_be_written(self, run: Any) -> None:
        run.stop_after(events.SegmentSealed, 2)
        folder = run.folder
        run.output.write_bytes(b"precious")
        with pytest.raises(OutputExistsError):
            run(on_existing="restart")
        assert list((folder / "upscaled").glob("segment_*.json"))

    def test_an_output_of_another_container(self, run: Any, tmp_path: Path) -> None:
        run.stop_after(events.SegmentSealed, 2)
        with pytest.raises(ContainerError, match="mp4"):
            pipeline.resume(run.session_id, output=tmp_path / "film.mkv", sessions_dir=run.sessions)

    def test_an_impossible_range(self, run: Any) -> None:
        with pytest.raises(SettingsError, match="no frame between"):
            run(settings={"range_start": "100"})
        assert [path.name for path in run.sessions.iterdir()] == ["history.db"]
        assert run.of(events.Stopped)[0].resume_command is None

    def test_names_that_are_no_unicode(self, run: Any, tmp_path: Path) -> None:
        strange = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")
        with pytest.raises(InputError, match="Unicode"):
            run(clip=strange)
        with pytest.raises(OutputError, match="Unicode"):
            run(output=strange)
        with pytest.raises(SettingsError, match="Unicode"):
            pipeline.upscale(run.clip, sessions_dir=strange)

    def test_a_folder_that_vanishes_meanwhile(self, run: Any, tmp_path: Path) -> None:
        folder = tmp_path / "results"
        folder.mkdir()

        def vanish(event: events.Event) -> None:
            if isinstance(event, events.StepStarted) and event.step == "combine":
                folder.rmdir()

        with pytest.raises(OutputFolderError):
            run(output=folder / "out.mp4", on_event=vanish)
        folder.mkdir()
        assert run(output=folder / "out.mp4").frames_computed == 0

    def test_missing_folder(self, run: Any, tmp_path: Path) -> None:
        self.refuse(run, OutputFolderError, output=tmp_path / "no" / "out.mp4")

    def test_a_folder_takes_the_default_name(self, run: Any, tmp_path: Path) -> None:
        folder = tmp_path / "results"
        folder.mkdir()
        assert run(output=folder).output == folder / "clip_2x.mp4"

    def test_unknown_container(self, run: Any, tmp_path: Path) -> None:
        self.refuse(run, ContainerError, output=tmp_path / "out.xyz")

    def test_impossible_setting(self, run: Any) -> None:
        with pytest.raises(SettingsError):
            run(settings={"scale_factor": 20})

    def test_unknown_session(self, run: Any) -> None:
        for session_id in ("0" * 12, "../x"):
            with pytest.raises(SessionNotFoundError):
                pipeline.resume(session_id, sessions_dir=run.sessions)

    def test_output_that_came_into_being_meanwhile_is_kept(self, run: Any, golden: str) -> None:
        def appear(event: events.Event) -> None:
            if isinstance(event, events.StepStarted) and event.step == "combine":
                run.output.write_bytes(b"precious")

        with pytest.raises(OutputExistsError):
            run(on_event=appear)
        assert run.output.read_bytes() == b"precious"
        assert run(overwrite=True).frames_computed == 0
        assert run.digest() == golden
