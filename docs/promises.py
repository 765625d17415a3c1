"""The page of promises: ``make crash | tee LOG``, then ``python -m docs.promises LOG``.

Needs Linux; some of the crash kits need root, strace and XFS tools too.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.tools import CORES
from tests.drawn_clip import draw_clip
from tests.real_command import Command

from tsuzuki.settings import SOFTWARE_ENCODERS
from tsuzuki.upscaling import Network, networks
from tsuzuki.upscaling.devices import DeviceInfo, find_devices

PAGE = Path(__file__).with_name("promises.md")

PROMISES = {
    "A run that was killed at any instant, however often, and resumed writes the same bytes as one "
    "that was not disturbed.": "crash/test_kill.py crash/test_system_calls.py",
    "A kill costs at most two seconds of finished work (`--loss-budget`) and the frame in work; a "
    "resumed run says how many frames it computes again.": "crash/test_loss.py crash/test_kill.py",
    "After a power cut at any instant the session opens, and everything that was reported as saved "
    "is there.": "crash/test_power_cuts.py crash/test_power_states.py",
    "No frame is missing, doubled or out of order.": (
        "crash/test_kill.py crash/test_system_calls.py"
    ),
    "A finished segment is never written again.": (
        "crash/test_machine.py crash/test_power_states.py"
    ),
    "At the output's path lies nothing, the old file or the complete new one. Nothing is "
    "overwritten unasked.": "crash/test_system_calls.py crash/test_power_states.py",
    "When the video, a network, a setting or a version differs from what the session was begun "
    "with, it is refused with a list of what differs, unless you accept that.": (
        "pipeline/test_job.py crash/test_machine.py"
    ),
    "Damaged files are never used and never dropped silently: they are named, kept aside, and only "
    "what was damaged is computed again.": "crash/test_damage.py",
    "`tsuzuki sessions check` finds every missing, extra and wrong-sized file, and with "
    "`--read-data` every changed bit.": "crash/test_damage.py",
    "A full disk, a quota, a read-only or failing disk pauses the run and says what it needs; "
    "resumed, nothing is lost.": "crash/test_disk_full.py crash/test_system_calls.py",
    "Two programs never work on one session: the second is told who does. What a dead program held "
    "is taken over.": "crash/test_two_runners.py sessions/test_lock.py",
    "A crash while resuming, repairing or joining is as harmless as one before.": (
        "crash/test_system_calls.py crash/test_power_states.py"
    ),
    "A session of any earlier version opens or is refused by name; one of a newer version is "
    "refused and left as it is.": "sessions/test_formats.py",
    "Ctrl-C, closing the terminal or shutting down saves what is finished, and ends within 10 s "
    "with a line that says how to go on; a second Ctrl-C ends at once.": (
        "crash/test_signals.py cli/test_signals.py"
    ),
    "Closing or killing the window leaves the run going on or safely stopped, as you chose, and "
    "the next window finds it; a run that dies leaves the window open.": (
        "gui/test_on_a_screen.py gui/test_queue.py gui/test_main_window.py"
    ),
    "A picture that cannot be what went into the network, enlarged, is never used unnoticed.": (
        "pipeline/test_render.py upscaling/test_plausible.py"
    ),
    "Sessions are for you alone: nobody else can read them, or lead the program elsewhere by links "
    "and names made beforehand.": "security/test_other_users.py",
    "A session folder from someone else cannot make the program read or write outside of it, and "
    "what it names is not touched before you agree.": (
        "security/test_hostile_sessions.py security/test_sessions_from_elsewhere.py"
    ),
    "A video cannot make the program read other files, use the network, hang or take all memory.": (
        "security/test_addresses_in_videos.py security/test_bounds.py "
        "security/test_mutated_videos.py"
    ),
    "A damaged or changed model file is refused by name.": "security/test_damaged_models.py",
    "Titles and names in a video never become paths or commands.": (
        "security/test_texts_from_videos.py"
    ),
    "Every safeguard counts: with any of them taken out, a test fails.": "crash/test_mutants.py",
}
"""Each promise in the user's words, and the tests that would fail if it did not hold."""

HEAD = """# What is promised

Written by `python -m docs.promises` from what `make crash` told; do not edit.

| promise | the command that proves it |
|---|---|
"""

SAME = """
`make setup` installs what they need. `make test` runs all of them in their short form, `make crash`
those of `tests/crash` in their long form, which `TSUZUKI_CRASH=full` gives to any of them.

Not promised: the same bytes on another model of processor, graphics card or driver; with
`--bitrate`; with an encoder on graphics hardware; anything on a drive that says it has flushed what
it has not.

## What is bit-identical

Each line was tried when this page was written, with a clip of a second on {machine}. A run was
repeated undisturbed, killed in the middle (`kill -9` of the program and its worker) and resumed,
and repeated on one core instead of {cores}; a yes says that the output had the same bytes as the
first.

| encoder | container | engine | device | repeated | killed and resumed | on one core |
|---|---|---|---|---|---|---|
"""

ELSE = """\
| any with `--bitrate` | any | any | any | not promised | not promised | not promised |
| on graphics hardware | any | any | any | not promised | not promised | not promised |

A bitrate holds for each segment by itself. Encoders on graphics hardware answer to their drivers;
their options are checked against FFmpeg, but none of them has been run on the hardware itself.
Resuming works with both.
"""

CRASH = """
## A run of the crash kits

`make crash` on {machine}, {cores} cores: {minutes}. A *point* is one crash or one damage, tried
and recovered from; a *loss* is one after which anything promised above did not hold. *Mutants* are
the program with one safeguard taken out: a test has to notice each.

```
{summary}
```
"""


class Way(NamedTuple):
    """A way to make an output that is tried."""

    encoder: str
    container: str
    engine: str
    device: DeviceInfo

    def __str__(self) -> str:
        return f"{self.encoder} | {self.container} | {self.engine} | {self.device.title}"

    @property
    def options(self) -> Sequence[str]:
        """What the command is given."""
        engine: tuple[str, ...]
        if self.engine == "nearest":
            engine = ("--engine", "nearest", "--segment-frames", "6")
        else:  # six frames: the largest network takes seconds for each
            engine = ("--model", self.engine, "--segment-frames", "2", "--range", "0-0.25")
        how = ("--encoder", self.encoder, "--device", self.device.name, "--scale", "2")
        return *how, *engine, "--loss-budget", "0"  # every finished frame is safe at once


def main() -> None:
    """Try what is bit-identical and write the page."""
    summary, minutes = _crash(Path(sys.argv[1]).read_text(encoding="utf-8"))
    processor, *cards = find_devices()
    machine = f"{platform.system()}, {processor.title}"
    text = HEAD + promises()
    text += SAME.format(machine=machine, cores=CORES)
    with tempfile.TemporaryDirectory() as folder:
        clip = draw_clip(Path(folder, "clip.mp4"), 24)
        for number, way in enumerate(_ways(processor, *cards[:1])):
            cells = (str(way), *_tried(way, clip, Path(folder, str(number))))
            line = f"| {' | '.join(cells)} |\n"
            sys.stderr.write(line)
            text += line
    text += ELSE + CRASH.format(machine=machine, cores=CORES, minutes=minutes, summary=summary)
    PAGE.write_text(text, encoding="utf-8", newline="\n")


def promises() -> str:
    """Return the rows of the table of promises."""
    rows = ""
    for words, tests in PROMISES.items():
        files = " ".join(f"tests/{test}" for test in tests.split())
        rows += f"| {words} | `.venv/bin/python -m pytest -m '' {files}` |\n"
    return rows


def _ways(*devices: DeviceInfo) -> Iterator[Way]:
    for encoder in SOFTWARE_ENCODERS:
        yield Way(encoder, "mkv", "nearest", devices[0])
    for container in ("mp4", "mov"):
        yield Way("x264", container, "nearest", devices[0])
    for device in devices:
        chosen = _one_of_each()
        if device.kind == "software":  # minutes a frame for the others
            chosen = [min(chosen, key=lambda network: network.cost)]
        for network in chosen:
            yield Way("x264", "mkv", network.name, device)


def _one_of_each() -> list[Network]:
    """Return the smallest network of each family."""
    return list({n.family: n for n in sorted(networks(), key=lambda n: -n.scale)}.values())


def _tried(way: Way, clip: Path, folder: Path) -> Iterator[str]:
    folder.mkdir()

    def command(name: str) -> Command:
        made = Command(clip, folder / name, *way.options)
        made.output = made.folder / f"out.{way.container}"
        return made

    first, again, killed, alone = map(command, ("first", "again", "killed", "alone"))
    first.run()
    again.run()
    yield _same(first, again)
    victim = killed.start()
    victim.wait_for(lambda event: event["event"] == "segment-sealed")
    victim.kill("both")
    if victim.end() == 0:
        yield "not killed"
    else:
        killed.run()
        yield _same(first, killed)
    with _one_core():
        alone.run()
    yield _same(first, alone)


def _same(one: Command, other: Command) -> str:
    return "yes" if one.digest() == other.digest() else "**NO**"


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _crash(log: str) -> tuple[str, str]:
    """Return what the kits told at the end, and how long they took."""
    ended = re.search(r"(\d+) passed in ([0-9.]+)s", log)
    if ended is None or " failed" in log:
        raise SystemExit("The kits failed.")
    lines = log.splitlines()
    first = next(n for n, line in enumerate(lines) if line.strip("= ") == "crash") + 1
    last = next(n for n, line in enumerate(lines[first:], first) if line.startswith("total: "))
    return "\n".join(lines[first : last + 1]), f"{float(ended[2]) / 60:.1f} minutes"


if __name__ == "__main__":
    main()
