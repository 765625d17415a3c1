"""What an undisturbed run makes of each video with each choice of settings and program."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import av

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.jobs import build_index, make_plan
from tsuzuki.sessions import SegmentRecord, SessionManager, read_records
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.processor import VideoProcessor

from .forks import Forks, Pause, newer

FRAMES = {"first": 16, "second": 14}
"""Frames of the two videos, which have the same size in bytes."""
SHOWS = {"first": 0, "second": 48}
"""Number that the first frame of each shows."""
SEGMENT = 4
_PLAIN = {"engine": "nearest", "preset": "ultrafast", "segment_frames": SEGMENT}
SETTINGS: dict[str, dict[str, Any]] = {"plain": _PLAIN, "coarse": {**_PLAIN, "crf": 38.0}}


class Config(NamedTuple):
    """What decides the bytes of a segment."""

    video: str
    settings: str
    program: int

    def differences(self, other: Config) -> set[str]:
        """Return names of parts of the identity that have to be named where the two differ."""
        names: set[str] = set()
        if self.video != other.video:
            names |= {"video.content"}
        if self.program != other.program:
            names |= {"versions.tsuzuki", "encoding.options.crf"}
        return names


class Made(NamedTuple):
    """What an undisturbed run has made."""

    output: str
    """Digest."""
    records: list[SegmentRecord]
    files: list[Path]
    """The sealed segments."""


class Golden:
    """Each configuration is run when it is asked for the first time."""

    def __init__(
        self, folder: Path, forks: Forks, draw: Callable[..., Path], shown: Callable[[Path], Any]
    ) -> None:
        self._folder, self._forks, self._shown = folder, forks, shown
        self.videos = {name: folder / f"{name}.mp4" for name in FRAMES}
        draw(self.videos["first"], FRAMES["first"])
        longer = draw(folder / "longer.mp4", SHOWS["second"] + FRAMES["second"])
        _copy_last_group(longer, self.videos["second"])
        _fill_up(self.videos["second"], self.videos["first"].stat().st_size)
        self.of = cache(self._make)
        self.joined = cache(self._join)

    def frames(self, config: Config, segment: int) -> set[int]:
        """Return the frames of a segment, from 1; none where there is no such segment."""
        records = self.of(config).records
        if segment > len(records):
            return set()
        return set(range(records[segment - 1].first, records[segment - 1].last + 1))

    def _make(self, config: Config) -> Made:
        folder = self._folder / "-".join(map(str, config))
        output, root = folder / "out.mp4", folder / "sessions"
        folder.mkdir()
        job: dict[str, Any] = {
            "path": self.videos[config.video],
            "settings": SETTINGS[config.settings],
            "output": output,
            "program": config.program,
        }
        assert self._forks.run("upscale", sessions_dir=folder / "other", **job).one("finished")
        numbers = range(SHOWS[config.video], SHOWS[config.video] + FRAMES[config.video])
        assert self._shown(output) == list(numbers)
        pause = Pause("segment-sealed", -(-FRAMES[config.video] // SEGMENT))
        job["output"] = folder / "never.mp4"
        assert self._forks.run("upscale", sessions_dir=root, pause=pause, **job).code == "cancelled"
        (session_id,) = SessionManager(root).session_ids()
        paths = SessionManager(root).paths(session_id)
        records = read_records(paths, verify_data=True).good
        files = [shutil.copy2(paths.upscaled / r.file, folder / r.file) for r in records]
        return Made(digest_of(output), records, files)

    def _join(self, last: Config, parts: Sequence[Config]) -> str:
        """Return the digest of the output of segments that were made with these configurations.

        The rest comes from the last one.
        """
        wish = ProcessingSettings.from_dict(SETTINGS[last.settings])
        plan = make_plan(
            m.MakePlan(path=str(self.videos[last.video]), settings=wish, output="out.mp4")
        )
        if last.program != 1:
            plan = newer(plan)
        files = [self.of(part).files[number] for number, part in enumerate(parts)]
        output = io.BytesIO()
        VideoProcessor(plan.probe, plan.settings).combine(
            build_index(plan, lambda _: None), files, plan.encoding, output, lambda _: None
        )
        return hashlib.sha256(output.getvalue()).hexdigest()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy_last_group(source: Path, target: Path) -> None:
    """Copy the pictures from the last key frame on."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(video=0) if packet.size]
        start = max(number for number, packet in enumerate(packets) if packet.is_keyframe)
        for packet in packets[start:]:
            packet.stream = stream
            new.mux(packet)


def _fill_up(path: Path, size: int) -> None:
    """Make an MP4 longer by a box that readers skip (ISO/IEC 14496-12, 8.1.2)."""
    room = size - path.stat().st_size
    assert room >= 8
    with path.open("ab") as file:
        file.write(room.to_bytes(4, "big") + b"free" + bytes(room - 8))
