"""Other users of the machine can neither read a session nor lead it elsewhere (S1)."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("fcntl", reason="owners and modes of POSIX")

from tsuzuki import pipeline
from tsuzuki.durable import Durable
from tsuzuki.errors import Cancelled, TsuzukiError, UnsafeFolderError
from tsuzuki.pipeline import events
from tsuzuki.sessions import SessionManager
from tsuzuki.sessions.layout import check_root, make_root

ROUNDS = 10_000 if os.environ.get("TSUZUKI_CRASH") == "full" else 120
USER, ENEMY = 54321, 54322
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder like /tmp, where anybody may make names, and rename or remove only their own."""
    folder = Path("/tmp") / f"shared-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


def in_child(user: int, do: Callable[[], object]) -> int:
    """Start a process of another user that does something, and return its id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            do()
            code = 0
        except BaseException:  # noqa: BLE001 - a copy of this process must not go on
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def as_user(user: int, do: Callable[[], object]) -> None:
    """Do something as another user, and pass on that it failed."""
    if user == 0:
        do()
        return
    _, status = os.waitpid(in_child(user, do), 0)
    assert os.waitstatus_to_exitcode(status) == 0, "see its traceback"


def test_everything_is_for_the_user_alone(
    tmp_path: Path,
    draw_clip: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    forked_workers: None,
) -> None:
    clip, cancel, sealed = draw_clip(tmp_path / "clip.mp4", 12), threading.Event(), []

    def watch(event: events.Event) -> None:
        sealed.extend([event] if isinstance(event, events.SegmentSealed) else [])
        if sealed and isinstance(event, events.FramesSpooled):
            cancel.set()

    root = tmp_path / "deep" / "down" / "sessions"
    before = os.umask(0)
    try:
        with pytest.raises(Cancelled):
            pipeline.upscale(
                clip,
                {"engine": "nearest", "keep_frames": True, "segment_frames": 4},
                on_event=watch,
                cancel=cancel,
                sessions_dir=root,
                allow_sleep=True,
            )
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in (tmp_path / "deep").rglob("*")}
    assert {path.suffix for path in modes} >= {".json", ".png", ".mkv", ".lock", ".log", ""}
    wrong = {
        path: oct(mode) for path, mode in modes.items() if mode != 0o600 | 0o100 * path.is_dir()
    }
    folders = {path: oct(modes[path]) for path in modes if path.is_dir() and modes[path] != 0o700}
    assert {path: mode for path, mode in wrong.items() if not path.is_dir()} == {}
    assert folders == {}


def _as_enemy(make: Callable[[], object]) -> None:
    as_user(ENEMY, make)


def plant_folder(shared: Path) -> Path:
    _as_enemy(lambda: (shared / "sessions").mkdir(0o755))
    return shared / "sessions"


def plant_link(shared: Path) -> Path:
    _as_enemy(lambda: (shared / "trap").mkdir(0o777))
    _as_enemy(lambda: (shared / "sessions").symlink_to(shared / "trap"))
    return shared / "sessions"


def plant_link_above(shared: Path) -> Path:
    (shared / "mine").mkdir(0o755)
    _as_enemy(lambda: (shared / "link").symlink_to(shared / "mine"))
    return shared / "link" / "sessions"


def plant_folder_above(shared: Path) -> Path:
    _as_enemy(lambda: (shared / "folder").mkdir(0o755))
    return shared / "folder" / "sessions"


def plant_folder_far_above(shared: Path) -> Path:
    _as_enemy(lambda: (shared / "folder").mkdir(0o755))
    (shared / "folder" / "mine").mkdir()
    return shared / "folder" / "mine" / "sessions"


def open_folder_above(shared: Path) -> Path:
    (shared / "open").mkdir()
    (shared / "open").chmod(0o777)
    return shared / "open" / "sessions"


def open_folder_behind_a_link(shared: Path) -> Path:
    (shared / "open" / "mine").mkdir(parents=True)
    (shared / "open").chmod(0o777)
    (shared / "link").symlink_to(shared / "open" / "mine")
    return shared / "link" / "sessions"


PLANTS = (
    plant_folder, plant_link, plant_link_above, plant_folder_above, plant_folder_far_above,
    open_folder_above, open_folder_behind_a_link,
)  # fmt: skip


@as_root
@pytest.mark.parametrize("user", [0, USER], ids=["root", "user"])
@pytest.mark.parametrize("plant", PLANTS)
def test_what_others_have_planted_is_refused(
    shared: Path, plant: Callable[[Path], Path], user: int
) -> None:
    root = plant(shared)

    def refused() -> None:
        for call in (check_root, SessionManager, lambda path: make_root(path, Durable())):
            with pytest.raises(UnsafeFolderError, match="Choose a folder of your own") as caught:
                call(root)
            assert str(root) in caught.value.message

    as_user(user, refused)


@as_root
@pytest.mark.parametrize("user", [0, USER], ids=["root", "user"])
def test_a_folder_of_ones_own_among_others_is_taken(shared: Path, user: int) -> None:
    def taken() -> None:
        root = shared / "of mine" / "sessions"
        make_root(root, Durable())
        assert root.stat().st_mode & 0o777 == 0o700

    as_user(user, taken)


@as_root
@pytest.mark.timeout(600)
@pytest.mark.parametrize("user", [0, USER], ids=["root", "user"])
def test_an_enemy_who_swaps_names_while_the_program_writes(
    shared: Path, user: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    trap = shared / "trap"
    trap.mkdir()
    trap.chmod(0o1777)
    enemy = in_child(ENEMY, lambda: _swap_for_ever(shared, trap))
    try:
        as_user(user, lambda: _write_again_and_again(shared))
    finally:
        os.kill(enemy, signal.SIGKILL)
        os.waitpid(enemy, 0)
    assert [path for path in trap.rglob("*") if not path.is_dir()] == []


def _swap_for_ever(shared: Path, trap: Path) -> None:
    while True:
        for name in ("direct", "above"):
            path = shared / name
            for make, remove in (
                (lambda p=path: p.symlink_to(trap), path.unlink),
                (lambda p=path: p.mkdir(0o755), path.rmdir),
            ):
                with contextlib.suppress(OSError):
                    make()
                    time.sleep(0)
                    remove()


def _write_again_and_again(shared: Path) -> None:
    ends = {"written": 0, "refused": 0}
    deadline = time.monotonic() + ROUNDS / 40
    for number in range(ROUNDS):
        name = shared / ("direct", "above")[number % 2]
        root = name if number % 2 == 0 else name / "sessions"
        try:
            make_root(root, Durable())
            Durable().write_atomic(root / "secret", b"secret")
            facts = root.lstat()
            assert stat.S_ISDIR(facts.st_mode), "a link was taken for a folder"
            assert facts.st_uid == os.geteuid()
            assert os.path.realpath(root) == str(root)
            ends["written"] += 1
        except TsuzukiError:
            ends["refused"] += 1
        except OSError:  # it was there a moment ago
            ends["refused"] += 1
        with contextlib.suppress(OSError):
            if name.lstat().st_uid == os.geteuid() and not name.is_symlink():
                shutil.rmtree(name)
        if time.monotonic() > deadline:
            break
    assert min(ends.values()) > 0, f"there was no race: {ends}"


def test_a_root_that_vanishes_while_it_is_made(tmp_path: Path) -> None:
    class Robbed(Durable):
        def make_folder(self, path: Path) -> None:
            super().make_folder(path)
            path.rmdir()

    with pytest.raises(UnsafeFolderError, match="removed it"):
        make_root(tmp_path / "root", Robbed())


def test_a_folder_above_that_vanishes_for_a_moment(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shared / "above" / "root"
    root.mkdir(0o700, parents=True)
    real = Path.lstat

    def vanishing(path: Path) -> os.stat_result:
        if path == root.parent:
            raise FileNotFoundError
        return real(path)

    check_root(root)
    monkeypatch.setattr(Path, "lstat", vanishing)
    with pytest.raises(UnsafeFolderError, match="is changing"):
        check_root(root)
