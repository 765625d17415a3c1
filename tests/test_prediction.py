"""Forecasts of runs that were recorded, held against what came (`python -m bench prediction`)."""

from __future__ import annotations

from statistics import median

import pytest
from bench import prediction


def test_the_time_left_is_told_as_well_as_the_docs_say() -> None:
    runs = prediction.recorded()
    assert len(runs) == len(prediction.CASES)
    found = [check for run in runs for check in prediction.checks(run, run.processor)]
    late = [check for check in found if check.percent >= 25]
    assert len(late) == 3 * len(runs)
    assert median(abs(check.error) for check in late) <= prediction.LIMIT
    assert sum(check.within for check in late) >= 0.8 * len(late)


@pytest.mark.parametrize("run", prediction.recorded(), ids=lambda run: run.name)
def test_a_recorded_run_is_whole(run: prediction.Recorded) -> None:
    assert len(run.clock) == len(run.processor) == len(run.reused) == run.segments[-1][1]
    for times in (run.clock, run.processor):
        assert times == sorted(times)
