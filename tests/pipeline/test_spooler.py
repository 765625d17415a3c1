from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from tsuzuki.pipeline import spooler as module
from tsuzuki.pipeline.spooler import Finished, Spooler


class Disk:
    """Remembers the groups written; writing waits while ``open`` is cleared."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.errors: list[BaseException] = []

    def write(self, group: list[Finished]) -> None:
        self.entered.set()
        self.open.wait(10)
        self.groups.append([finished.frame for finished in group])

    def spooler(self, budget: float = 2.0, *, keep_all: bool = False) -> Spooler:
        return Spooler(self.write, budget=budget, keep_all=keep_all, failed=self.errors.append)


def frame(number: int, seconds: float = 0.3) -> Finished:
    return Finished(number, np.zeros((3, 2, 2), np.uint8), seconds)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_group_is_written_before_it_took_more_than_half_the_budget() -> None:
    disk = Disk()
    spooler = disk.spooler()
    for number in range(8):
        spooler.add(frame(number))
    eventually(lambda: disk.groups == [[0, 1, 2], [3, 4, 5]])


def test_a_segment_within_half_the_budget_is_never_spooled() -> None:
    disk = Disk()
    spooler = disk.spooler()
    for number in range(30):
        spooler.add(frame(number, 0.3))
        if number % 3 == 2:
            spooler.forget(range(number + 1))
    spooler.flush()
    assert disk.groups == []


@pytest.mark.parametrize(
    ("seconds", "budget"), [(0.3, 2.0), (0.9, 2.0), (1.0, 2.0), (1.5, 2.0), (5.0, 2.0), (0.1, 0.0)]
)
def test_the_budget_and_one_frame_are_at_stake_while_a_group_is_being_written(
    seconds: float, budget: float
) -> None:
    disk = Disk()
    disk.open.clear()
    spooler = disk.spooler(budget)
    begun: list[int] = []

    def work() -> None:
        for number in range(20):
            begun.append(number)
            spooler.add(frame(number, seconds))

    threading.Thread(target=work, daemon=True).start()
    time.sleep(0.1)
    assert len(begun) * seconds <= max(budget, seconds) + seconds + 1e-9
    disk.open.set()
    eventually(lambda: len(begun) == 20)


def test_everything_is_written_where_frames_are_kept() -> None:
    disk = Disk()
    spooler = disk.spooler(keep_all=True)
    for number in range(5):
        spooler.add(frame(number, 0.0001))
        spooler.forget(range(number + 1))
    spooler.flush()
    assert [n for group in disk.groups for n in group] == list(range(5))


def test_memory_is_bounded_whatever_the_budget(monkeypatch: object) -> None:
    disk = Disk()
    spooler = disk.spooler(budget=1e9)
    big = np.zeros(module.MAX_PENDING_BYTES // 4 + 1, np.uint8)
    for number in range(4):
        spooler.add(Finished(number, big, 0.1))
    eventually(lambda: disk.groups == [[0], [1], [2]])


def test_what_is_sealed_while_its_group_is_being_written_is_left_out() -> None:
    disk = Disk()
    disk.open.clear()
    spooler = disk.spooler()
    part = np.zeros(module.PART_BYTES, np.uint8)
    for number in range(3):
        spooler.add(Finished(number, part, 0.5))
    eventually(disk.entered.is_set)
    spooler.forget(range(2))
    disk.open.set()
    spooler.flush()
    assert disk.groups == [[0], [2]]


def test_flush_saves_the_rest_and_takes_no_more() -> None:
    disk = Disk()
    spooler = disk.spooler()
    spooler.add(frame(0))
    spooler.flush()
    assert disk.groups == [[0]]
    late = threading.Thread(target=spooler.add, args=(frame(1),), daemon=True)
    late.start()
    late.join(0.05)
    assert late.is_alive()


def test_an_error_of_writing_is_handed_over() -> None:
    error = OSError("full")
    errors: list[BaseException] = []

    def write(group: list[Finished]) -> None:
        raise error

    Spooler(write, budget=0, keep_all=False, failed=errors.append).add(frame(0))
    eventually(lambda: errors == [error])


def test_an_earlier_segment_that_comes_later_is_spooled() -> None:
    """Another worker may have died over it."""
    disk = Disk()
    spooler = disk.spooler()
    spooler.add(frame(24))
    spooler.forget(range(24, 36))
    for number in range(3):
        spooler.add(frame(number))
    spooler.flush()
    assert sorted(n for group in disk.groups for n in group) == [0, 1, 2]
