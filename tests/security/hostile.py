"""What an enemy would put into a session, and what it would put in the place of its files."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.sealed import seal, unseal

LONG = "a/" * 2400
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**9, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1e308, -1e-308, "", "x",
    "../../outside/canary", "/dev/null", "a\0b", "\x1b[2J\u202e;$(reboot)", LONG, "é" * 5000,
    [], {}, [[]], [0], [[1, 10**9]], [None], ["x"], {"x": {}}, [10**30], [[0, 0]] * 5000,
)  # fmt: skip
"""Values of every type and beyond every bound."""
RAW = {
    "empty": b"",
    "a byte": b"{",
    "no UTF-8": b'{"session_id": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "zeros": bytes(5000),
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "a huge number": b'{"a": ' + b"9" * 10_000 + b"}",
    "a huge exponent": b'{"a": 1e999999999}',
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "no object": b"[1, 2]",
    "a lone surrogate": b'{"session_id": "\\ud800"}',
}
"""What is no state at all."""


class Harm(NamedTuple):
    """One thing to do to a session."""

    name: str
    do: Callable[[], None]
    value: int | None = None
    """Which of `VALUES` it puts in; the number after the last for `REMOVED`."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every member of a JSON value."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = list(enumerate(value))[:2]
    for key, member in pairs:
        yield (*path, key)
        yield from places(member, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy with another member at the end of the way; with `REMOVED`, without one."""
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    if new is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return value


REMOVED = object()
REMEMBERED = (
    ("validate", "accepted_changes"), ("validate", "accepted_suspicious"),
    ("validate", "overwrite"),
    ("extract", "failed_frames"), ("upscale", "completed"), ("upscale", "reached"),
    ("upscale", "computed"), ("upscale", "total"), ("combine", "output"),
)  # fmt: skip
"""What steps may keep in the session, some of it only sometimes."""


def read(path: Path) -> Any:
    """Return what a sealed file says."""
    return json.loads(unseal(path.read_bytes()))


def write(path: Path, value: Any) -> None:
    """Write and seal it: whoever can write a file can make its checksum, too."""
    path.write_bytes(seal(json.dumps(value).encode()))


def state_files(paths: SessionPaths) -> dict[str, Path]:
    """Return one file of each kind that is read as JSON."""
    return {"progress": paths.progress, "index": paths.index, "record": paths.record(1)}


def other_values(paths: SessionPaths) -> Iterator[Harm]:
    """Yield every member of every state file with a value of another type, or beyond a bound."""
    for kind, file in state_files(paths).items():
        whole = read(file)
        for path in places(whole):
            for number, value in enumerate((*VALUES, REMOVED)):
                name = f"{kind}: {'.'.join(map(str, path))} is {number}"
                yield Harm(
                    name,
                    lambda f=file, w=whole, p=path, v=value: write(f, replaced(w, p, v)),
                    number,
                )
    whole = read(paths.progress)
    for step, key in REMEMBERED:
        for number, value in enumerate(VALUES):
            data = {**whole["steps"][step].get("data", {}), key: value}
            more = replaced(whole, ("steps", step, "data"), data)
            name = f"progress: {step} remembers {key} {number}"
            yield Harm(name, lambda m=more: write(paths.progress, m), number)


def other_bytes(paths: SessionPaths) -> Iterator[Harm]:
    """Yield every state file as something that is no state, with and without a checksum."""
    for kind, file in state_files(paths).items():
        body = unseal(file.read_bytes())
        doubled = b'{"session_id":"000000000000",' + body[1:]
        for name, data in (*RAW.items(), ("a doubled key", doubled), ("no checksum", body)):
            yield Harm(f"{kind}: {name}", lambda f=file, d=data: f.write_bytes(d))
            yield Harm(f"{kind}: {name}, sealed", lambda f=file, d=data: f.write_bytes(seal(d)))
        yield Harm(f"{kind}: 1 GB", lambda f=file: os.truncate(f, 1 << 30))


def other_kinds(paths: SessionPaths, outside: Path) -> Iterator[Harm]:
    """Yield every file and folder as a link, a pipe, a device and so on."""
    (segment,) = paths.upscaled.glob("segment_000001-*.mkv")
    spooled = min(paths.upscaled.glob("frame_*"))
    stray = paths.segment(99, "a" * 64)
    files = [*state_files(paths).values(), segment, spooled, paths.log]
    files += [paths.lock, paths.owner, stray]
    for path in (*files, *paths.folders):
        for name, make in _KINDS.items():
            if name != "a device" or os.geteuid() == 0:
                yield Harm(f"{path.name} is {name}", lambda p=path, m=make: _replace(p, m, outside))
    deep = paths.folder.joinpath("frames", *"abcdefghij" * 150)
    yield Harm("folders in folders", lambda: _make_deep(deep))
    many = [f"segment_{n:06d}.json" for n in (0, 999_999, 1_000_000, 1_000_001, 9_999_999)]
    many += ["segment_1000000000.json", "frame_999999999_upscaled.nut", "frame_000000.png"]
    yield Harm(
        "numbers beyond bounds", lambda: [(paths.upscaled / n).write_bytes(b"{}") for n in many]
    )


def _replace(path: Path, make: Callable[[Path, Path], Any], outside: Path) -> None:
    aside = path.with_name(f"aside-{path.name}")
    if os.path.lexists(path):
        path.rename(aside if path.parent.name != "sessions" else path.parent / "aside")
    make(path, outside)


_KINDS: dict[str, Callable[[Path, Path], Any]] = {
    "a link to the canary": lambda path, outside: path.symlink_to(outside / "canary"),
    "a link to a folder": lambda path, outside: path.symlink_to(outside),
    "a link to nothing": lambda path, outside: path.symlink_to(outside / "nothing"),
    "a link to itself": lambda path, outside: path.symlink_to(path.name),
    "a folder": lambda path, outside: path.mkdir(),
    "a full folder": lambda path, outside: (path / "sub" / "folder").mkdir(parents=True),
    "a file": lambda path, outside: path.write_bytes(b"x"),
    "a pipe": lambda path, outside: os.mkfifo(path),
    "a device": lambda path, outside: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5)),
}


def _make_deep(path: Path) -> None:
    for folder in (*reversed(path.parents), path):
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
