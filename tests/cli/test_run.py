import os
import signal
import sys

import pytest

from tsuzuki.cli.run import Job, run_queue
from tsuzuki.errors import Cancelled, DiskFullError, NotAVideoError, OutputExistsError
from tsuzuki.pipeline.events import Stopped


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

        return Job(name, call, from_folder)

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


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_a_signal_stops_the_whole_queue(job, capsys):
    def interrupted(*, on_event, cancel):
        os.kill(os.getpid(), signal.SIGINT)
        assert cancel.wait(5)
        raise Cancelled("Stopped as asked.")

    assert run_queue([Job("a", interrupted), job("b")], json=False) == 130
    assert job.done == []
    lines = capsys.readouterr().err.splitlines()
    assert sorted(lines) == [
        "Saving what is finished … (press again to end at once)",
        "Stopped: Stopped as asked.",
    ]
