"""Upscaling through the command line, from arguments to files."""

import json

import av
import pytest

FAST = ("--engine", "nearest", "--segment-frames", "6")


def size_and_frames(path):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return frames[0].width, frames[0].height, len(frames)


def test_the_output_lies_beside_the_input_and_its_path_is_all_of_stdout(cli, clip, tmp_path):
    result = cli("upscale", clip, *FAST)
    output = tmp_path / "clip_2x.mp4"
    assert (result.code, result.out) == (0, f"{output}\n")
    assert size_and_frames(output) == (128, 96, 24)
    assert "Done: " in result.err
    assert "There is no session" in cli("sessions", "list").out


def test_options_reach_the_output(cli, clip, tmp_path):
    output = tmp_path / "part.mkv"
    result = cli(
        *("upscale", clip, *FAST, "-o", output, "--scale", "1.5", "--range", "0.25-0.75"),
        *("--encoder", "ffv1", "--pixel-format", "yuv444p"),
    )
    assert result.code == 0, result.err
    assert size_and_frames(output) == (96, 72, 12)
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec.name == "ffv1"
        assert container.streams.video[0].pix_fmt == "yuv444p"


def test_a_purpose_gives_way_to_what_is_chosen(cli, clip, tmp_path):
    for purpose, chosen, codec, kind in (
        ("archive", (), "ffv1", "mkv"),
        ("device", ("--encoder", "svt-av1"), "av1", "mp4"),  # which knows no preset "fast"
        ("device", ("--preset", "ultrafast", "--container", "mkv"), "h264", "mkv"),
    ):
        result = cli("upscale", clip, *FAST, "--for", purpose, "-o", tmp_path, *chosen)
        assert result.code == 0, result.err
        output = tmp_path / f"clip_2x.{kind}"
        with av.open(str(output)) as container:
            assert container.streams.video[0].codec.canonical_name == codec
        output.unlink()


def test_a_folder_is_a_queue_that_can_be_run_again(cli, tmp_path, make_video):
    folder, outputs = tmp_path / "videos", tmp_path / "outputs"
    folder.mkdir()
    outputs.mkdir()
    for name in ("a.mp4", "b.mkv"):
        make_video(folder / name, frames=6)
    result = cli("upscale", folder, *FAST, "-o", outputs)
    assert result.code == 0, result.err
    made = [str(outputs / "a_2x.mp4"), str(outputs / "b_2x.mkv")]
    assert result.out.splitlines() == made
    again = cli("upscale", folder, *FAST, "-o", outputs)
    assert (again.code, again.out) == (0, "")
    assert again.err.count("Skipped") == 2


def test_json_is_all_of_stdout(cli, clip):
    result = cli("upscale", clip, *FAST, "--json")
    assert result.code == 0
    events = [json.loads(line)["event"] for line in result.out.splitlines()]
    assert events[0] == "session-opened"
    assert events[-1] == "finished"
    assert events.count("step-completed") == 4


def test_kept_frames_stay_and_their_folder_is_told(cli, clip):
    result = cli("upscale", clip, *FAST, "--keep-frames", "--range", "0-0.25")
    assert result.code == 0
    folder = next(line for line in result.err.splitlines() if "kept in" in line).split()[-1]
    session = folder.split("/sessions/")[1].split("/")[0]
    assert session in cli("sessions", "list").out


@pytest.mark.parametrize("by", ["id", "video", "nothing", "--all"])
def test_resume_finds_the_session(cli, clip, tmp_path, by):
    from tsuzuki.pipeline import upscale
    from tsuzuki.pipeline.events import SegmentSealed

    class StopError(Exception):
        pass

    def stop(event):
        if isinstance(event, SegmentSealed):
            raise StopError

    settings = {"engine": "nearest", "segment_frames": 6}
    with pytest.raises(StopError):
        upscale(clip, settings, on_event=stop)
    session = json.loads(cli("sessions", "list", "--json").out)[0]["session_id"]
    arguments = {"id": [session], "video": [clip], "nothing": [], "--all": ["--all"]}[by]
    result = cli("resume", *arguments)
    assert result.code == 0, result.err
    assert "Going on: " in result.err
    assert result.out == f"{tmp_path / 'clip_2x.mp4'}\n"
    assert cli("resume", *arguments).code == 31, "there is nothing left to resume"


def test_resume_of_several_names_them(cli, tmp_path, make_video):
    from tsuzuki.sessions import SessionManager
    from tsuzuki.video.probe import probe, video_info

    ids = []
    for name in ("a.mp4", "b.mp4"):
        video = make_video(tmp_path / name, frames=6)
        with SessionManager() as manager:
            ids.append(manager.create_session(video, {}, video_info(probe(video))))
            manager.update_step_status(ids[-1], "extract", "in_progress")
    result = cli("resume")
    assert result.code == 30
    assert all(one in result.err for one in ids)
    assert "--all" in result.err
