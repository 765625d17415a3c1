import os
import signal

import pytest

pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)

from tests.gui.conftest import QUICK, SLOW

from tsuzuki.gui.jobs import JobStore, new_job
from tsuzuki.gui.process import is_process_of
from tsuzuki.pipeline import events


def outcomes(queue):
    return [entry.job.outcome for entry in queue.entries()]


def start(queue, clip, settings, **more):
    job_id = queue.add(new_job(str(clip), settings, **more))
    queue.start()
    return job_id


def is_computing(queue, job_id):
    entry = queue.entry(job_id)
    done = entry.state.frames_done or 0
    return entry.state.step == "upscale" and 12 < done < 100


def test_one_bad_file_does_not_stop_the_others(make_queue, until, short, tmp_path, qtbot):
    queue = make_queue()
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    other = tmp_path / "other.mp4"
    other.write_bytes(short.read_bytes())
    for clip in (short, bad, other):
        queue.add(new_job(str(clip), QUICK))
    assert outcomes(queue) == ["", "", ""]
    with qtbot.waitSignal(queue.drained, timeout=60000):
        queue.start()
    assert outcomes(queue) == ["finished", "failed", "finished"]
    failed = queue.entries()[1].state.stopped
    assert failed.code == "not-a-video"
    assert short.with_name("short_2x.mp4").exists()
    assert other.with_name("other_2x.mp4").exists()


def test_a_pause_after_the_segment_waits_for_its_end(make_queue, until, long):
    queue = make_queue()
    job_id = start(queue, long, SLOW)
    until(lambda: is_computing(queue, job_id))
    sealed = queue.entry(job_id).state.last_segment
    queue.pause(job_id, after_segment=True)
    assert queue.entry(job_id).stopping == "segment"
    until(lambda: outcomes(queue) == ["paused"])
    assert queue.entry(job_id).state.last_segment > sealed
    assert queue.entry(job_id).state.frames_done < 130


@pytest.mark.slow
def test_a_killed_process_is_told_and_its_work_goes_on(make_queue, until, long):
    queue = make_queue()
    job_id = start(queue, long, SLOW)
    until(lambda: is_computing(queue, job_id))
    os.kill(queue.entry(job_id).process.pid, signal.SIGKILL)
    until(lambda: outcomes(queue) == ["failed"])
    assert queue.entry(job_id).state.stopped.code == "died"
    queue.resume(job_id)
    until(lambda: outcomes(queue) == ["finished"])
    assert queue.entry(job_id).state.finished.frames_computed < 130


def test_a_run_outlives_the_window_and_is_found_again(make_queue, until, long):
    first = make_queue()
    job_id = start(first, long, SLOW)
    until(lambda: is_computing(first, job_id))
    pid = first.entry(job_id).process.pid
    second = make_queue()  # the first one looks no more
    entry = second.entry(job_id)
    assert entry.is_running
    assert entry.process.pid == pid
    assert is_process_of(pid, job_id)
    until(lambda: outcomes(second) == ["finished"])
    assert not entry.state.resumed
    assert entry.state.finished.frames_computed == 130
    third = make_queue()
    assert third.entry(job_id).state.finished == entry.state.finished


@pytest.mark.slow
def test_a_process_of_another_window_can_be_paused(make_queue, until, long):
    first = make_queue()
    job_id = start(first, long, SLOW)
    until(lambda: is_computing(first, job_id))
    second = make_queue()
    second.pause(job_id)
    until(lambda: outcomes(second) == ["paused"])


def test_a_run_that_ended_unseen_is_shown_as_it_ended(make_queue, until, short):
    first = make_queue()
    job_id = start(first, short, QUICK)
    until(lambda: first.entry(job_id).process is not None)
    child = first.entry(job_id).process._child
    first.close()
    child.wait()
    second = make_queue()
    until(lambda: outcomes(second) == ["finished"])
    assert second.entry(job_id).state.finished.frames == 24


def test_another_process_of_the_same_number_is_not_taken_for_the_job():
    assert not is_process_of(os.getpid(), "0123456789ab")
    assert not is_process_of(2**22 + 1, "0123456789ab")


def test_what_waits_can_be_moved_and_removed(make_queue):
    queue = make_queue()
    ids = [queue.add(new_job(f"/v/{name}.mp4", QUICK)) for name in "abc"]
    queue.move(ids[2], to=0)
    queue.remove(ids[0])
    queue.close()
    assert [job.video for job in JobStore().load()] == ["/v/c.mp4", "/v/b.mp4"]
    assert [job.id for job in JobStore().load()] == [ids[2], ids[1]]


def test_settings_that_are_refused_are_told_with_their_message(make_queue, until, short):
    queue = make_queue()
    job_id = start(queue, short, QUICK, output="/does/not/exist/out.mp4")
    until(lambda: outcomes(queue) == ["failed"])
    stopped = queue.entry(job_id).state.stopped
    assert stopped.code == "output-folder"
    assert "/does/not/exist" in stopped.message
    assert isinstance(stopped, events.Stopped)
