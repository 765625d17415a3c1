from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest

from tsuzuki import pipeline
from tsuzuki.errors import (
    ContainerError,
    InputNotFoundError,
    OutputExistsError,
    OutputFolderError,
    OutputIsInputError,
    SessionBusyError,
    SessionDiffersError,
    SessionError,
    SessionNotFoundError,
    SettingsError,
)
from tsuzuki.pipeline import events
from tsuzuki.sessions import SessionManager, SessionPaths
from tsuzuki.sessions.lock import SessionLock


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
        assert list(run.sessions.iterdir()) == []
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
        result = run(settings={"range_start": "1", "range_end": "2.5"})
        assert result.frames == 36


class TestStopAndGoOn:
    @pytest.mark.parametrize("segments", [1, 4, 8])
    def test_same_bytes_after_stopping(self, run: Any, golden: str, segments: int) -> None:
        run.stop_after(events.SegmentSealed, segments)
        stopped = run.of(events.Stopped)[0]
        assert stopped.exit_code == 130
        assert stopped.resume_command == f"tsuzuki resume {run.session_id}"
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
        run()
        assert run.digest() == golden
        assert run.output.stat().st_mtime_ns == before.st_mtime_ns


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

    def test_a_lost_index_is_built_again(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 4)
        flip(run.folder / "frames" / "index.json")
        assert run().frames_computed < 96
        assert run.digest() == golden


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
        assert before
        result = run(accept_changes=True)
        assert not result.bit_identical
        assert "accepted-changes" in [w.code for w in run.of(events.Warned)]

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
        assert len(list((result.kept_frames / "upscaled").glob("*_upscaled.png"))) == 96

    def test_a_damaged_extracted_frame_is_decoded_again(self, run: Any, golden: str) -> None:
        run.stop_after(events.SegmentSealed, 2, settings={"keep_frames": True})
        flip(run.folder / "frames" / "frame_000050.png")
        run(settings={"keep_frames": True})
        assert run.digest() == golden


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
