import os

from tests.gui.conftest import QUICK, SLOW
from tests.gui.hands import is_computing

from tsuzuki.gui.jobs import JobStore, new_job
from tsuzuki.gui.process import is_process_of


def test_a_run_that_ended_unseen_after_its_segment_is_shown_as_it_ended(make_queue, until, long):
    first = make_queue()
    job_id = first.add(new_job(str(long), SLOW))
    first.start()
    entry = first.entry(job_id)
    until(lambda: is_computing(entry))
    assert is_process_of(entry.process.pid, job_id)
    sealed = entry.state.last_segment or 0
    first.pause(job_id, after_segment=True)
    assert entry.stopping == "segment"
    first.close()
    entry.process._child.wait()
    second = make_queue()
    entry = second.entry(job_id)
    until(lambda: entry.job.outcome == "paused")
    assert entry.state.last_segment > sealed
    assert entry.state.frames_done < 240
    third = make_queue()
    assert third.entry(job_id).state.stopped == entry.state.stopped


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


def test_a_job_that_cannot_be_started_does_not_seem_to_run(make_queue, until):
    queue = make_queue()
    job_id = queue.add(new_job("/v/a.mp4", QUICK, output="/v/\0"))
    queue.start()
    until(lambda: queue.entry(job_id).job.outcome == "failed")
    assert "null byte" in queue.entry(job_id).state.stopped.message


def test_what_waits_lets_the_computer_sleep_as_is_wished_now(make_queue):
    queue = make_queue()
    queue.add(new_job("/v/a.mp4", QUICK))
    for allowed in (True, False):
        queue.allow_sleep(allowed)
        assert ("--allow-sleep" in queue.entries()[0].job.words()) is allowed
