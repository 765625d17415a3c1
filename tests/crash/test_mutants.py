"""Mutants: without any one of the things that keep the promises, a kit goes red."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from tsuzuki.durable import Durable, OsPort, port
from tsuzuki.errors import StorageError
from tsuzuki.pipeline import store
from tsuzuki.pipeline.run import Run
from tsuzuki.pipeline.steps import combine, validate
from tsuzuki.sessions import check, index, lock, progress, records, sealed, search
from tsuzuki.video import stills

from .power import kits
from .power.desk import SEGMENT_BYTES
from .power.log import LoggedPort

Mutate = Callable[[pytest.MonkeyPatch], None]


class Mutant(NamedTuple):
    name: str
    """What is taken out."""
    kit: kits.Kit
    """What has to notice."""
    mutate: Mutate = lambda _: None


def without_fsync(pattern: str) -> Mutate:
    """Flush no file whose final name matches."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        real = LoggedPort.fsync

        def fsync(self: LoggedPort, fd: int) -> None:
            if not re.search(pattern, self.path(fd).name):
                real(self, fd)

        patch.setattr(LoggedPort, "fsync", fsync)

    return mutate


def without_fsync_folder(pattern: str) -> Mutate:
    """Flush no folder whose name matches."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        real = LoggedPort.fsync_folder

        def fsync_folder(self: LoggedPort, path: Path) -> None:
            if not re.search(pattern, path.name):
                real(self, path)

        patch.setattr(LoggedPort, "fsync_folder", fsync_folder)

    return mutate


def without_temporary_name(patch: pytest.MonkeyPatch) -> None:
    def write_atomic(self: Durable, path: Path, data: bytes) -> None:
        if path.exists():
            self.port.unlink(path)
        fd = self.port.create(path)
        self.port.write(fd, memoryview(data))
        self.port.fsync(fd)
        self.port.close(fd)
        self.sync_folder(path.parent)

    patch.setattr(Durable, "write_atomic", write_atomic)


def record_before_data(patch: pytest.MonkeyPatch) -> None:
    publish_file, write_record = Durable.publish_file, store.write_record
    later: list[tuple[Any, ...]] = []

    def publish_later(self: Durable, temporary: Path, target: Path) -> bool:
        if target.suffix == ".mkv" and target.name.startswith("segment_"):
            later.append((self, temporary, target))
            return True
        return publish_file(self, temporary, target)

    def record_first(*args: Any) -> bool:
        first = write_record(*args)
        publish_file(*later.pop())
        return first

    patch.setattr(Durable, "publish_file", publish_later)
    patch.setattr(store, "write_record", record_first)


def frames_dropped_before_the_record(patch: pytest.MonkeyPatch) -> None:
    seal = store.Store.seal

    def drop_first(self: store.Store, segment: Any, *args: Any) -> None:
        self.drop_frames(segment)
        seal(self, segment, *args)

    patch.setattr(store.Store, "seal", drop_first)


def output_before_its_promise(patch: pytest.MonkeyPatch) -> None:
    save, publish = Run.save, combine._publish

    def publish_first(run: Run, temporary: Path) -> None:
        publish(run, temporary)
        save(run)

    patch.setattr(Run, "save", lambda _: None)
    patch.setattr(combine, "_publish", publish_first)


def record_aside_before_its_segment(patch: pytest.MonkeyPatch) -> None:
    def tidy(paths: Any, found: Any, durable: Durable) -> records.Tidied:
        later: list[Path] = []
        with mock.patch.object(Durable, "move_aside", lambda _, path: later.append(path)):
            removed = records.tidy(paths, found, durable).removed
        return records.Tidied([durable.move_aside(path) for path in reversed(later)], removed)

    patch.setattr(check, "tidy", tidy)


def without_checksum(module: Any) -> Mutate:
    return lambda patch: patch.setattr(module, "unseal", lambda data: b"{" + data[sealed._BODY :])


def without_digest_when_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(records, "_check_data", lambda *_: None)


def without_digest_when_joined(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "sha256_of", lambda *_: hashlib.sha256(SEGMENT_BYTES[0]).hexdigest())


def without_digest_of_frames(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stills, "check_spooled", lambda *_: None)


def without_lock(patch: pytest.MonkeyPatch) -> None:
    class NoLock:
        def __init__(self, *_: Any, **__: Any) -> None: ...
        def acquire(self, **_: Any) -> None: ...
        def release(self) -> None: ...

    patch.setattr(lock.filelock, "FileLock", NoLock)
    without_proof(patch)


def without_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lock, "_prove_exclusion", lambda _: None)


def with_replace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OsPort, "rename_new", OsPort.replace)


def without_exclusive_create(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(port, "_NEW_FILE", port._NEW_FILE & ~os.O_EXCL & ~os.O_NOFOLLOW)


def without_settings_comparison(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(search, "settings_differences", lambda *_: [])


def without_identity_comparison(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(validate, "differences", lambda *_: [])


MUTANTS = [
    *(
        Mutant(f"fsync of {what}", kits.states, without_fsync(pattern))
        for what, pattern in [
            ("every file", ""),
            ("the summary", r"^\.progress\.json"),
            ("the index", r"^\.index\.json"),
            ("segments", r"^\.segment_.*\.mkv"),
            ("records", r"^\.segment_.*\.json"),
            ("frames", r"^\.frame_"),
            ("the output", r"^\.out\.mkv"),
        ]
    ),
    *(
        Mutant(f"fsync of {what}", kits.states, without_fsync_folder(pattern))
        for what, pattern in [
            ("every folder", ""),
            ("the folder of all sessions", "^sessions$"),
            ("the session's folder", "^[0-9a-f]{12}$"),
            ("the folder of the index", "^frames$"),
            ("the folder of segments", "^upscaled$"),
            ("the output's folder", "^output$"),
        ]
    ),
    Mutant("the temporary name", kits.states, without_temporary_name),
    Mutant("data before the record", kits.states, record_before_data),
    Mutant("the record before frames are dropped", kits.states, frames_dropped_before_the_record),
    Mutant("the promise before the output", kits.states, output_before_its_promise),
    Mutant("the segment aside before its record", kits.states, record_aside_before_its_segment),
    Mutant("checksum of the summary", kits.flips, without_checksum(progress)),
    Mutant("checksum of the index", kits.flips, without_checksum(index)),
    Mutant("checksum of records", kits.flips, without_checksum(records)),
    Mutant("digest of segments when checked", kits.flips, without_digest_when_checked),
    Mutant("digest of segments when joined", kits.flips, without_digest_when_joined),
    Mutant("digest of frames", kits.flips, without_digest_of_frames),
    Mutant("the lock", kits.two_runners, without_lock),
    Mutant("the proof that locks exclude", kits.vain_locks, without_proof),
    Mutant("the first record wins", kits.first_wins, with_replace),
    Mutant("exclusive create", kits.first_wins, without_exclusive_create),
    Mutant("comparison of settings", kits.other_settings, without_settings_comparison),
    Mutant("comparison of the identity", kits.other_video, without_identity_comparison),
]
REAL = [
    Mutant(f"{call}, {kind}", kits.cuts(kind, flag, call))
    for kind in ("ext4", "xfs")
    for flag, call in [(1, "fsync"), (2, "fsync_folder")]
]
KITS = {m.kit.__name__: m.kit for m in MUTANTS if m.kit is not kits.states}
"""Those that are no tests of their own."""

EVERY = [
    *(pytest.param(mutant, id=mutant.name) for mutant in [*MUTANTS, REAL[0]]),
    *(pytest.param(mutant, id=mutant.name, marks=pytest.mark.slow) for mutant in REAL[1:]),
]


@pytest.mark.parametrize("kit", KITS.values(), ids=KITS)
def test_a_kit_is_green_without_mutants(kit: kits.Kit, tmp_path: Path, clip: Path) -> None:
    assert kit(tmp_path, clip) == []


@pytest.mark.parametrize("mutant", EVERY)
def test_a_mutant_does_not_survive(
    mutant: Mutant,
    tmp_path: Path,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    record: Callable[..., None],
) -> None:
    with monkeypatch.context() as patch:
        mutant.mutate(patch)
        found = mutant.kit(tmp_path, clip)
    kit = mutant.kit.__name__
    record(f"without {mutant.name} -> {kit}", mutants=1, survived=int(not found))
    assert found, f"{kit} did not notice"


def test_another_error_is_no_refusal(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise StorageError("The disk refuses to read.")

    monkeypatch.setattr(kits, "read_index", fail)
    with pytest.raises(StorageError):
        kits.flips(tmp_path, clip)
