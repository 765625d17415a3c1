"""An index that somebody made up, with a checksum, is set aside and built anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.security.hostile import read, write

pytest.importorskip("fcntl", reason="forks as POSIX knows them")

COUNT = 20
"""Frames of the session's video."""
HARMS: dict[str, dict[str, Any]] = {
    "an end beyond 64 bits": {"end": 10**34},
    "packets beyond 64 bits": {"packets": [10**30] * COUNT},
    "a tick beyond 31 bits": {"time_base": [2**62, 1]},
    "long ticks": {"time_base": [2**31 - 1, 1]},
    "times at the bounds": {"pts": [2**62 - COUNT + n for n in range(COUNT)], "end": 2**62},
    "times far apart": {"pts": [(n - 10) << 58 for n in range(COUNT)], "end": 10 << 58},
    "a start in a packet that is not there": {"starts": [[0, 10**18, 0, 0, None, 1]]},
}


@pytest.mark.parametrize("name", HARMS)
def test_an_index_that_no_video_has(
    paused: Any, tsuzuki: Any, canary: Callable[[], bool], name: str
) -> None:
    resume = ("resume", paused.session_id, "-o", paused.output, "--allow-sleep")
    for repair in (False, True):
        paused.restore()
        whole = read(paused.paths.index)
        assert len(whole["index"]["pts"]) == COUNT
        write(paused.paths.index, whole | {"index": whole["index"] | HARMS[name]})
        result = tsuzuki("sessions", "check", paused.session_id)
        assert result.code == 34, result
        assert "index.json" in result.text
        if repair:
            assert tsuzuki("sessions", "repair", paused.session_id).code == 0
            assert (paused.paths.frames / "index.json.damaged-1").exists()
        result = tsuzuki(*resume)
        assert result.code == 0, result
        assert "nexpected" not in result.text
        assert paused.output.exists()
    assert canary()
