import os
import signal
import sys

import pytest

from tsuzuki.cli.run import QueueItem, run_queue
from tsuzuki.errors import (
    Cancelled,
    DiskFullError,
    NotAVideoError,
    OutputError,
    OutputExistsError,
)
from tsuzuki.pipeline.events import Finished, SessionOpened, Stopped


def stopped(error):
    return Stopped(
        session_id="0123456789ab",
        code=error.code,
        exit_code=error.exit_code,
        message=error.message,
        resume_command="tsuzuki resume 0123456789ab",
    )


@pytest.fixture
def job():
    """Make a job that ends in a certain way; ``job.done`` names those that ran."""

    def make(name, error=None, *, from_folder=False):
        def call(*, on_event, cancel):
            make.done.append(name)
            if error is not None:
                on_event(stopped(error))
                raise error

        return QueueItem(name, call, from_folder)

    make.done = []
    return make


def test_one_that_fails_does_not_stop_the_rest(job, capsys):
    jobs = [job("a", NotAVideoError("A is none.")), job("b", DiskFullError("Full.")), job("c")]
    assert run_queue(jobs, json=False) == DiskFullError.exit_code
    assert job.done == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == [
        "Input: A is none.",
        "  Go on with: tsuzuki resume 0123456789ab",
        "Machine: Full.",
        "  Go on with: tsuzuki resume 0123456789ab",
    ]


def test_all_well(job):
    assert run_queue([job("a"), job("b")], json=False) == 0


def test_an_output_that_is_there_is_done_in_a_folder_and_an_error_for_a_file(job, capsys):
    there = OutputExistsError("The output exists.")
    assert run_queue([job("a", there, from_folder=True)], json=False) == 0
    assert capsys.readouterr().err == "Skipped a: its output is there already.\n"
    assert run_queue([job("a", there)], json=False) == 21


def test_a_hint_that_the_message_gives_already_is_not_given_again(job, capsys):
    error = DiskFullError("Full. Free some and run tsuzuki resume 0123456789ab")
    run_queue([job("a", error)], json=False)
    assert capsys.readouterr().err.count("tsuzuki resume") == 1


def test_what_is_skipped_is_not_told_as_stopped(job, capsys):
    there = OutputExistsError("The output exists.")
    assert run_queue([job("a", there, from_folder=True)], json=True) == 0
    assert capsys.readouterr().out == ""
    assert run_queue([job("a", there)], json=True) == 21
    assert '"event":"stopped"' in capsys.readouterr().out


def opened(output):
    return SessionOpened(
        session_id="0123456789ab",
        video_file="/v",
        output=output,
        folder="/s",
        resumed=False,
        frames_total=None,
        frames_done=0,
        settings={},
    )


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_of_a_queue_do_not_get_one_output(capsys, overwrite):
    def call(name):
        def work(*, on_event, cancel):
            if name == "b" and not overwrite:
                raise OutputExistsError("It exists.", path="/o/a_2x.mkv")
            on_event(opened("/o/a_2x.mkv"))
            on_event(
                Finished(
                    session_id="0123456789ab", output="/o/a_2x.mkv", frames=1, frames_computed=1,
                    failed_frames=(), seconds=1.0, size=1,
                )
            )  # fmt: skip

        return QueueItem(name, work, done_if_output_exists=True)

    assert run_queue([call("a"), call("b")], json=False) == OutputError.exit_code
    assert "b was left out: its output would have the same name as that of a" in (
        capsys.readouterr().err
    )


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_signal_at_the_end_of_one_leaves_the_rest_undone_and_says_so(job):
    def signalled(*, on_event, cancel):
        os.kill(os.getpid(), signal.SIGINT)
        assert cancel.wait(5)

    assert run_queue([QueueItem("a", signalled), job("b")], json=False) == 130
    assert job.done == []
    assert run_queue([QueueItem("a", signalled)], json=False) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_signal_stops_the_whole_queue(job, capsys):
    def interrupted(*, on_event, cancel):
        os.kill(os.getpid(), signal.SIGINT)
        assert cancel.wait(5)
        raise Cancelled("Stopped as asked.")

    assert run_queue([QueueItem("a", interrupted), job("b")], json=False) == 130
    assert job.done == []
    lines = capsys.readouterr().err.splitlines()
    assert sorted(lines) == [
        "Saving what is finished … (press again to end at once)",
        "Stopped: Stopped as asked.",
    ]
