"""A hostile session reads and writes nothing outside of itself, and ends in a message (S2)."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.security.hostile import VALUES, Harm, other_bytes, other_kinds, other_values

from tsuzuki.durable import is_other_kind

pytest.importorskip("fcntl", reason="pipes, devices and forks as POSIX knows them")

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
PARTS = 4 if FULL else 1
"""For as many processes."""
STEPS = (
    {"values": 29, "bytes": 1, "kinds": 1} if FULL else {"values": 311, "bytes": 37, "kinds": 37}
)
"""So few of each kind are tried: every one, every second one, and so on.

Each place gets every value in turn, so a step with a divisor in common with their number would
leave out values.
"""
KNOWN = re.compile(
    r"accepted_suspicious 13$|session\.log is a (pipe|link to the)|folders in folders|: 1 GB$"
    r"|_upscaled\.nut is a link to nothing"
)
"""What once blocked the program, or was no error of its own."""
OWN_CODES = {0, *range(3, 61)}
IN_THE_WAY = re.compile(r"(session\.(lock|owner)|segment_000099-a+\.mkv) is ")
"""What a repair clears out of the way, or says how to."""
FEW = re.compile(r"is a (full folder|link to nothing)$")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("sessions", "list"),
    ("sessions", "show", "ID"),
    ("sessions", "check", "ID", "--read-data"),
    ("resume", "ID", "--video", "VIDEO", "-o", "OUTPUT", "--allow-sleep"),
    ("sessions", "repair", "ID"),
    ("resume", "ID", "--video", "VIDEO", "-o", "OUTPUT", "--allow-sleep", "--accept-changes"),
    ("sessions", "remove", "ID", "--yes"),
)
"""Each meets what the ones before it have left."""
FRESH = COMMANDS[:4] if FULL else COMMANDS[3:4]
"""These also meet it fresh; the ones before a resume have nothing to leave, mostly."""


def _faults(paused: Any, tsuzuki: Any, canary: Callable[[], bool], harm: Harm) -> Iterator[str]:
    """Do harm to the session and yield what any command does wrong."""
    for fresh in (True, False):
        for command in FRESH if fresh else COMMANDS:
            if fresh or command is COMMANDS[0]:
                paused.restore()
                harm.do()
            names = {"ID": paused.session_id, "VIDEO": paused.video, "OUTPUT": paused.output}
            result = tsuzuki(*(names.get(word, word) for word in command))
            what = f"{harm.name}: {' '.join(command[:2])}"
            yield from (f"{what} {trespass}" for trespass in result.trespasses)
            if not canary():
                yield f"{what} changed what lies outside"
            if "canary, whose song" in result.text:
                yield f"{what} shows what lies outside"
            if result.code not in OWN_CODES or "nexpected" in result.text:
                yield f"{what} ended with {result.code}: {result.text[-700:]}"


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["values", "bytes", "kinds"])
def test_a_hostile_session(
    paused: Any, tsuzuki: Any, canary: Callable[[], bool], kind: str, part: int
) -> None:
    harms = {
        "values": lambda: other_values(paused.paths),
        "bytes": lambda: other_bytes(paused.paths),
        "kinds": lambda: other_kinds(paused.paths, paused.outside),
    }
    everything = list(harms[kind]())
    some = everything[:: STEPS[kind]] + [harm for harm in everything if KNOWN.search(harm.name)]
    if kind == "values":
        assert {harm.value for harm in some} == {*range(len(VALUES) + 1)}
    chosen = some[part::PARTS]
    faults = [fault for harm in chosen for fault in _faults(paused, tsuzuki, canary, harm)]
    assert not faults, f"{len(faults)} of {len(chosen)}\n" + "\n".join(faults)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("first", ["check", "repair"])
def test_what_is_in_the_way(
    paused: Any, tsuzuki: Any, canary: Callable[[], bool], first: str
) -> None:
    """What a check tells, a repair clears away, or names for the user to remove."""
    harms = [h for h in other_kinds(paused.paths, paused.outside) if IN_THE_WAY.match(h.name)]
    for harm in [h for h in harms if FULL or FEW.search(h.name)]:
        paused.restore()
        harm.do()
        result = tsuzuki("sessions", first, paused.session_id)
        if first == "check" and not harm.name.endswith("is a file"):
            assert result.code == 34, (harm.name, result)
            assert harm.name.split()[0] in result.text, (harm.name, result)
        if is_other_kind(paused.paths.lock):
            assert result.code == 34, (harm.name, result)
            assert re.search(r"session\.lock:? (it )?is no ordinary file", result.text), result
            subprocess.run(["rm", "-rf", paused.paths.lock], check=True)
        result = tsuzuki("resume", paused.session_id, "-o", paused.output, "--allow-sleep")
        assert (result.code, result.trespasses) == (0, []), (harm.name, result)
        assert canary()
