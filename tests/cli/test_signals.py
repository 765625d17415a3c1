import os
import signal
import subprocess
import sys
import time

import pytest

from tsuzuki.cli.signals import TOGETHER, cancel_on_signals

PROGRAM = """
import signal, sys, time
from tsuzuki.cli import signals
from tsuzuki.cli.signals import cancel_on_signals
if "hurried" in sys.argv:
    signals.PATIENCE = 0.5
if "ignore" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
with cancel_on_signals(lambda: print("saving", flush=True)) as cancel:
    print("ready", flush=True)
    if "stubborn" in sys.argv:
        time.sleep(30)
    cancelled = cancel.wait(0.5 if "ignore" in sys.argv else 30)
print("cancelled" if cancelled else "went on", flush=True)
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@pytest.fixture
def start():
    processes = []

    def call(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield call
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_one_signal_only_sets_the_flag(start, name):
    process = start()
    process.send_signal(getattr(signal, name))
    assert process.communicate(timeout=10)[0] == "saving\ncancelled\n"
    assert process.returncode == 0


@posix
def test_a_second_signal_ends_the_process_at_once(start):
    process = start("stubborn")
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "saving\n"
    time.sleep(TOGETHER + 0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=5) == 130


@posix
def test_a_run_that_hangs_is_ended(start):
    process = start("stubborn", "hurried")
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=5)[1]
    assert process.returncode == 130
    assert "tsuzuki resume" in told


@posix
def test_a_terminal_that_takes_nothing_more_does_not_keep_the_flag_from_being_set():
    with cancel_on_signals(lambda: time.sleep(3600)) as cancel:
        os.kill(os.getpid(), signal.SIGTERM)
        assert cancel.wait(5)


@posix
def test_signals_that_come_together_count_as_one(start):
    process = start("stubborn")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "saving\n"
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)


@posix
def test_what_nohup_ignores_stays_ignored(start):
    process = start("ignore")
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=10)[0] == "went on\n"


def test_the_handlers_from_before_come_back():
    before = signal.getsignal(signal.SIGINT)
    with cancel_on_signals(lambda: None) as cancel:
        assert signal.getsignal(signal.SIGINT) is not before
        assert not cancel.is_set()
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.set_wakeup_fd(-1) == -1


@posix
def test_a_terminal_that_is_gone_does_not_keep_the_flag_from_being_set():
    def broken():
        raise OSError("the terminal has gone")

    with cancel_on_signals(broken) as cancel:
        os.kill(os.getpid(), signal.SIGTERM)
        assert cancel.wait(5)
