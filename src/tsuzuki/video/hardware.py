"""Encoders on graphics hardware: which of them work here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import av
import msgspec

from tsuzuki.errors import EncoderError
from tsuzuki.settings import HARDWARE_ENCODERS, SOFTWARE_ENCODERS
from tsuzuki.video.colour import colour_of
from tsuzuki.video.encoders import ENCODERS, THREADS
from tsuzuki.video.facts import EncodePlan
from tsuzuki.video.trial import objection

SIZE = (640, 384)
"""Of the pictures that are tried, in pixels: hardware refuses very small ones."""
TRIAL_SECONDS = 30.0
"""Time that all trials of a child may take; a driver may hang."""
PROGRAM = "from tsuzuki.video.hardware import main; main()"


def find_hardware_encoders(names: Sequence[str] = HARDWARE_ENCODERS) -> dict[str, str | None]:
    """Try every encoder in a child process; return what is said against each, None if nothing.

    A driver that takes the child down counts against the encoder that was tried.
    """
    found: dict[str, str | None] = {}
    while left := [name for name in names if name not in found]:
        answers, end = _try_in_child(left)
        found |= answers
        if len(answers) < len(left):
            found[left[len(answers)]] = end
    return found


def _try_in_child(names: Sequence[str]) -> tuple[dict[str, str | None], str]:
    """Return the answers for the first of the names, and how the child ended."""
    # -P: a file named like a module in the current folder must not be run.
    command = [sys.executable, "-P", "-c", PROGRAM, *names]
    path = os.pathsep.join(filter(None, sys.path))
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": path},
            timeout=TRIAL_SECONDS,
            check=False,
        )
        output, end = done.stdout, f"the driver crashed (code {done.returncode})"
    except subprocess.TimeoutExpired as error:
        output, end = error.stdout or b"", f"no answer within {TRIAL_SECONDS:.0f} s"
    return dict(_answers(output, names)), end


def _answers(output: bytes, names: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Read the answers, which come in the order of the names; a driver may print other lines."""
    wanted = iter(names)
    for line in output.splitlines():
        try:
            name, answer = msgspec.json.decode(line, type=tuple[str, str | None])
        except msgspec.DecodeError:
            continue
        if name == next(wanted, None):
            yield name, answer


def main() -> None:
    """Try the encoders named on the command line, and print one answer a line as JSON."""
    for name in sys.argv[1:]:
        answer = missing(name) or objection(_trial(name))
        sys.stdout.write(msgspec.json.encode((name, answer)).decode() + "\n")
        sys.stdout.flush()


def missing(name: str) -> str | None:
    """Return why FFmpeg does not even know the encoder, None if it does."""
    try:
        av.Codec(ENCODERS[name].library, "w")
    except av.codec.codec.UnknownCodecError:
        return f"this build of PyAV {av.__version__} lacks it"
    return None


def _trial(name: str) -> EncodePlan:
    encoder = ENCODERS[name]
    width, height = SIZE
    return EncodePlan(
        encoder=name,
        library=encoder.library,
        version="",
        options=encoder.options_for(None, None, None),
        pixel_format=encoder.formats[0],
        width=width,
        height=height,
        frame_rate=(25, 1),
        sample_aspect_ratio=(1, 1),
        source_colour=colour_of("yuv420p", width, height, tags=(1, 1, 1, 1)),
        matrix=1,
        primaries=1,
        transfer=1,
        full_range=False,
        chroma_location=1,
        container="mkv",
        threads=THREADS,
    )


def unusable(name: str, tried: str, answer: str) -> EncoderError:
    """Return the error that names what was tried, what FFmpeg answered, and what works here."""
    hardware = find_hardware_encoders()
    working = [*SOFTWARE_ENCODERS, *(n for n, why in hardware.items() if not why and n != name)]
    small = "" if hardware[name] else " It does work with {}x{} here.".format(*SIZE)
    return EncoderError(
        f"The encoder {name}, which needs {ENCODERS[name].hardware}, cannot be used: tried with "
        f"{tried}, FFmpeg answered: {answer}.{small} Choose one that works here: "
        f"{', '.join(working)}.",
        encoder=name,
        tried=tried,
        answer=answer,
        working=working,
    )
