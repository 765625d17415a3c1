"""Model files that are cut or changed end in a clear error, or in a network that computes (S4)."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fcntl", reason="forks, since native code may not survive")

from tsuzuki.errors import TsuzukiError
from tsuzuki.upscaling import NcnnEngine, catalogue, find

FULL = os.environ.get("TSUZUKI_CRASH") == "full"
MUTANTS = 300 if FULL else 25
NETWORK = find("waifu2x-upconv7-anime-2x-n0")


def _mutant(data: bytes, dice: random.Random, *, text: bool) -> bytes:
    place = dice.randrange(len(data))
    way = dice.choice(("cut", "flip", "number" if text else "zero", "remove"))
    if way == "cut":
        return data[:place]
    if way == "remove":
        return data[:place] + data[place + dice.choice((1, 4, 60)) :]
    changed = bytearray(data)
    if way == "flip":
        changed[place] ^= 1 << dice.randrange(8)
    elif way == "zero":
        changed[place : place + 400] = bytes(len(changed[place : place + 400]))
    else:
        digits = [at for at, byte in enumerate(data) if byte in b"0123456789"]
        at = dice.choice(digits)
        changed[at : at + 1] = dice.choice((b"-1", b"0", b"7", b"65536", b"1e9", b"x"))
    return bytes(changed)


def _end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Load and run the network in a process of its own; return how that ended."""
    monkeypatch.setattr(catalogue, "_folder", lambda package: folder)
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            engine = NcnnEngine(NETWORK, threads=1)
            planes = engine.run(np.zeros((3, 32, 32), np.float32))
            code = 0 if planes.ndim == 3 else 2
        except TsuzukiError as error:
            code = 1 if error.message else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("file", ["param", "weights"])
def test_a_mutant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    own, data = NETWORK.param, {}
    for path in (NETWORK.param, NETWORK.weights):
        shutil.copy(path, tmp_path)
        data[path] = path.read_bytes()
    own = NETWORK.param if file == "param" else NETWORK.weights
    ends: dict[int, list[int]] = {}
    for seed in range(MUTANTS):
        mutant = _mutant(data[own], random.Random(seed), text=file == "param")
        (tmp_path / own.name).write_bytes(mutant)
        with monkeypatch.context() as patch:
            ends.setdefault(_end(tmp_path, patch), []).append(seed)
    assert 1 in ends, "nothing was refused"
    assert set(ends) <= {0, 1}, ends
