"""A proof to watch: upscale a clip, kill the run twice, resume it, compare the bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tsuzuki.demo.clip import FRAMES, HEIGHT, WIDTH, write_clip
from tsuzuki.demo.picture import before_and_after
from tsuzuki.demo.runs import run, run_and_kill
from tsuzuki.durable import Durable, sha256_of

KILLS = ((FRAMES // 3 + 4, True), (2 * FRAMES // 3 + 4, False))
"""Frames after which the run is killed, and whether its worker is killed in the same instant."""
SHOWN_FRAME = 48


def run_demo(folder: Path, *, keep: bool = False, say: Callable[[str], None]) -> bool:
    """Run the demonstration in ``folder`` and return whether the bytes were equal.

    ``say`` gets a line about each thing done. Clip, outputs, picture and log stay in the folder;
    with ``keep`` the sessions too. Raises `WorkerError` where a run fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    clip, sessions, log = folder / "clip.mp4", folder / "sessions", folder / "runs.log"
    whole, resumed = folder / "uninterrupted.mp4", folder / "resumed.mp4"
    _clear(sessions)
    for old in (clip, whole, resumed, log):
        old.unlink(missing_ok=True)

    write_clip(clip)
    say(f"Drew a clip of {FRAMES} frames, {WIDTH}x{HEIGHT}: {clip}")
    began = time.monotonic()
    run(clip, whole, sessions / "uninterrupted", log=log)
    say(f"Upscaled it to {2 * WIDTH}x{2 * HEIGHT} in {time.monotonic() - began:.0f} s: {whole}")

    _interrupted(clip, resumed, sessions / "killed", log, say)
    first, second = sha256_of(whole), sha256_of(resumed)
    say(f"uninterrupted {first}")
    say(f"killed twice  {second}")
    same = first == second
    say("The bytes are equal." if same else "THE BYTES DIFFER. This is a fault: please report it.")
    before_and_after(clip, resumed, folder / "before-after.png", frame=SHOWN_FRAME)
    say(f"Before and after: {folder / 'before-after.png'}")
    if not keep:
        _clear(sessions)
    return same


def _interrupted(
    clip: Path, output: Path, sessions: Path, log: Path, say: Callable[[str], None]
) -> None:
    """Upscale with a kill after another, telling what each of them cost."""
    seen = 0
    for kill_at, with_worker in KILLS:
        outcome = run_and_kill(
            clip, output, sessions, log=log, kill_at=kill_at, with_worker=with_worker
        )
        if not outcome.killed:
            say("This machine was faster than the kill: the run was complete before it.")
            return
        _tell_cost(seen, outcome.safe_before, say)
        who = "the program and its worker" if with_worker else "the program alone"
        say(f"kill -9 of {who} at frame {outcome.seen} of {FRAMES}; nothing was told beforehand.")
        seen = outcome.seen
    outcome = run(clip, output, sessions, log=log)
    _tell_cost(seen, outcome.safe_before, say)
    say(f"Resumed to the end, {outcome.computed} frames computed: {output}")


def _tell_cost(seen: int, safe: int, say: Callable[[str], None]) -> None:
    if seen:
        again = max(0, seen - safe)
        say(f"Resumed: {safe} frames were safe, {again} had to be computed again.")


def _clear(folder: Path) -> None:
    if folder.exists():
        Durable().remove_folder(folder, folder.parent)
