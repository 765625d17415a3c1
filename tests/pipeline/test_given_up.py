"""A worker that cannot go on for good, beside one that can: the run goes on without it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from tsuzuki import upscaling
from tsuzuki.errors import DeviceError, EngineError, OutOfMemoryError, WorkerError
from tsuzuki.pipeline import events
from tsuzuki.pipeline.computing import Computing
from tsuzuki.pipeline.enlarge import Enlarger
from tsuzuki.upscaling.devices import Share

TWO = {"workers": 2}
DEVICES = ("gpu:0", "gpu:1")


def fail() -> NoReturn:
    raise EngineError("The driver has lost the device.")


def disappear() -> NoReturn:
    raise DeviceError("There is no such device.")


def run_out() -> NoReturn:
    raise OutOfMemoryError("There is too little memory.")


def die() -> NoReturn:
    os._exit(7)


class Spoilt:
    """Devices that fail from a frame on (by its number from 1), wherever they are asked for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.devices: tuple[str, ...] = ()
        self.trouble: Callable[[], NoReturn] = fail
        self.first = 1
        whole = Computing.enlarger
        shares = [Share(device, None) for device in DEVICES]
        monkeypatch.setattr(upscaling, "shares", lambda _, count: shares[:count])
        monkeypatch.setattr(
            Computing,
            "enlarger",
            lambda one: self._spoil(whole(one), one._job.device),
        )

    def _spoil(self, enlarger: Enlarger, device: str | None) -> Enlarger:
        start = enlarger.start

        def spoilt(number: int) -> Any:
            return self.trouble() if number >= self.first else start(number)

        if device in self.devices:
            enlarger.start = spoilt  # type: ignore[method-assign]
        return enlarger


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> Spoilt:
    return Spoilt(monkeypatch)


def given_up(run: Any) -> list[str]:
    return [one.message for one in run.of(events.Warned) if one.code == "worker-given-up"]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("trouble", "restarts"), [(fail, 1), (disappear, 0), (run_out, 0), (die, 2)]
)
def test_the_other_one_does_its_work(
    run: Any, golden: str, spoilt: Spoilt, device: str, trouble: Any, restarts: int
) -> None:
    spoilt.devices, spoilt.trouble = (device,), trouble
    result = run(settings=TWO)
    assert run.digest() == golden
    assert result.frames_computed == 96
    (told,) = given_up(run)
    assert device in told
    assert "paused" not in told, "that is what is said at the end of a run"
    assert len(run.of(events.WorkerRestarted)) == restarts
    assert run.of(events.StepProgressed)[-1].progress == 100.0


def test_what_it_had_spooled_is_not_computed_again(run: Any, golden: str, spoilt: Spoilt) -> None:
    spoilt.devices, spoilt.first = ("gpu:1",), 18  # amid the second segment
    result = run(settings={**TWO, "loss_budget": 0.0})
    assert run.digest() == golden
    assert len(given_up(run)) == 1
    assert 96 <= result.frames_computed <= 96 + 2, "but for what is not safe at each failure"


@pytest.mark.parametrize(("trouble", "error"), [(fail, EngineError), (die, WorkerError)])
def test_the_end_of_the_last_one_ends_the_run(
    run: Any, golden: str, spoilt: Spoilt, trouble: Any, error: type[Exception]
) -> None:
    spoilt.devices, spoilt.trouble, spoilt.first = DEVICES, trouble, 60
    with pytest.raises(error):
        run(settings=TWO)
    assert len(given_up(run)) == 1
    assert run.of(events.Stopped)
    spoilt.devices = ()
    run(settings=TWO)
    assert run.of(events.SessionOpened)[0].frames_done >= 36
    assert run.digest() == golden
