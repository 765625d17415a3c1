"""How good the forecasts are: recorded runs, replayed, and what was predicted held against them.

``python -m bench prediction`` replays ``bench/recorded_runs.json``, which takes a second;
``python -m bench.prediction NAME ...`` records runs anew and needs the test media. What is recorded
of each frame is when it was done, by the clock and by the processor time of the program, and which
share of it was reused. Processor time is the measure: other programs on the machine, whose load
nobody can predict, disturb it least; the error by the clock is shown beside it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import av

from bench import tools
from tsuzuki.pipeline import events, upscale
from tsuzuki.pipeline.meter import FrameMeter
from tsuzuki.pipeline.plan import Segment
from tsuzuki.pipeline.steps import upscale as step
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.pace import Forecast, Pace
from tsuzuki.sessions.records import read_records

RUNS = Path(__file__).with_name("recorded_runs.json")
POINTS = (10, 25, 50, 75)
"""Percent of the frames after which the forecast is looked at."""
LIMIT = 0.1
"""Median error at most, from a quarter on."""
SEGMENT_FRAMES = 48
UPCONV, ANIME = "waifu2x-upconv7-anime-2x-n1", "realesr-animevideov3-2x"
SCENES = (
    "elf_live_action.mp4",
    "limited_animation_360p.mp4",
    "screen_recording_360p.mp4",
    "bbb_180p_20s.mp4",
    "static_camera_live_action.mp4",
    "bbb_480p_30s.mp4",
)
"""What a mixed film is joined of: three seconds of each, 320x180."""


class Case(NamedTuple):
    """A clip, or several that are joined to a film, a network, and seconds to upscale."""

    clips: tuple[str, ...]
    model: str = UPCONV
    end: int | None = None


CASES = {
    "3D cartoon": Case(("bbb_180p_20s.mp4",), end=15),
    "drawn animation": Case(("limited_animation_360p.mp4",)),
    "fixed camera": Case(("static_camera_live_action.mp4",), end=12),
    "live action": Case(("elf_live_action.mp4",), end=2),
    "screen recording": Case(("screen_recording_360p.mp4",)),
    "mixed film": Case(SCENES),
    "mixed film, backwards": Case(SCENES[::-1]),
    "mixed film, animevideov3": Case(SCENES, ANIME),
}


class Recorded(NamedTuple):
    """A run as it was recorded. Lists have an entry for each frame, in the order of computing."""

    name: str
    looks: list[tuple[int, float, list[float]]]
    """What the looks ahead said: after how many frames, how much of the video was seen, and the
    share of the area to compute in each of its parts."""
    segments: list[list[int]]
    """First frame (from 0) and the one after the last of each segment."""
    clock: list[int]
    """When each frame was done, in ms from the step's begin."""
    processor: list[int]
    """Processor time of the program until then, in ms."""
    reused: list[int]
    """Share that was reused, in thousandths."""


def recorded() -> list[Recorded]:
    return [Recorded(**run) for run in json.loads(RUNS.read_text())]


def replay(run: Recorded, times: Sequence[int]) -> Iterator[tuple[float, Forecast | None]]:
    """Yield after each frame the seconds that were really left, and the forecast."""
    now = 0.0
    pace = Pace(total=len(times), shares=None)
    looks = {frames: (shares, seen) for frames, seen, shares in run.looks}
    firsts = [first for first, _ in run.segments]
    meter = FrameMeter(0, pace, firsts, clock=lambda: now)
    for frame, (ms, reused) in enumerate(zip(times, run.reused, strict=True)):
        if frame == 0 or frame in looks:
            if frame in looks:
                pace.look_ahead(*looks[frame])
            left = [Segment(0, max(frame, a), b) for a, b in run.segments if b > frame]
            meter.expect(left, ())
        now = ms / 1000
        meter.count(frame, computed=True, reused=reused / 1000, seconds=0.0)
        yield (times[-1] - ms) / 1000, meter.forecast


class Check(NamedTuple):
    """A forecast held against what came."""

    percent: int
    error: float
    """Relative, positive where it was too long."""
    within: bool
    """Whether the truth lay in the interval."""


def checks(run: Recorded, times: Sequence[int]) -> list[Check]:
    told = list(replay(run, times))
    found = []
    for percent in POINTS:
        left, forecast = told[len(told) * percent // 100]
        assert forecast is not None
        within = forecast.low <= left <= forecast.high
        found.append(Check(percent, forecast.seconds / left - 1, within))
    return found


def main() -> bool:
    rows, errors, clock_errors, within = [], [], [], []
    for run in recorded():
        by_processor, by_clock = checks(run, run.processor), checks(run, run.clock)
        late = [check for check in by_processor if check.percent >= 25]
        errors += [abs(check.error) for check in late]
        clock_errors += [abs(check.error) for check in by_clock if check.percent >= 25]
        within += [check.within for check in late]
        rows.append(
            (run.name, len(run.reused), f"{run.processor[-1] / 1000:.0f} s",
             *(f"{100 * check.error:+.1f} %" for check in by_processor),
             *(f"{100 * check.error:+.0f} %" for check in by_clock))
        )  # fmt: skip
    columns = [f"{kind}{point} %" for kind in ("", "clock ") for point in POINTS]
    tools.table(
        "prediction: error of the time left, by processor time and by the clock",
        ("run", "frames", "processor", *columns),
        rows,
    )
    print(f"  {sum(within)} of {len(within)} lay in their interval, which is for eight of ten")
    print(f"  median error by the clock, with the load of then: {median(clock_errors):.1%}")
    worst = 100 * median(errors)
    return tools.verdict("median error from 25 % on", worst, 100 * LIMIT, "%")


# --- recording ------------------------------------------------------------------------------------


def joined(target: Path, clips: Sequence[str], *, skip: int = 48, each: int = 72) -> Path:
    """Write a film of parts of these clips, 320x180."""
    with av.open(str(target), "w") as writer:
        options = {"crf": "23", "g": "120"}
        stream: Any = writer.add_stream("libx264", rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        number = 0
        for clip in clips:
            with av.open(str(tools.media(clip))) as reader:
                for place, frame in enumerate(reader.decode(video=0)):
                    if place == skip + each:
                        break
                    if place >= skip:
                        small = frame.reformat(320, 180, "yuv420p", interpolation="AREA")
                        small.pts, small.time_base = number, Fraction(1, 24)
                        small.pict_type = 0
                        writer.mux(stream.encode(small))
                        number += 1
        writer.mux(stream.encode(None))
    return target


def record(name: str, folder: Path) -> Recorded:
    case, begin = CASES[name], (0.0, 0.0)
    clip = joined(folder / "film.mp4", case.clips) if case.clips[1:] else tools.media(case.clips[0])
    run = Recorded(name, [], [], [], [], [])

    class Recorder(FrameMeter):
        """Writes down what it is told."""

        def __init__(self, done: int, pace: Pace, firsts: Any) -> None:
            nonlocal begin
            super().__init__(done, pace, firsts)
            begin = time.monotonic(), tools.cpu_seconds(os.getpid())

        def count(self, frame: int, *, computed: bool, reused: float, seconds: float) -> None:
            shares = self.pace.shares
            if shares is not None and (not run.looks or run.looks[-1][2] != shares):
                run.looks.append((len(run.reused), self.pace.seen, list(shares)))
            super().count(frame, computed=computed, reused=reused, seconds=seconds)
            run.clock.append(round(1000 * (time.monotonic() - begin[0])))
            run.processor.append(round(1000 * (tools.cpu_seconds(os.getpid()) - begin[1])))
            run.reused.append(round(1000 * reused))

    def note(event: events.Event) -> None:
        if isinstance(event, events.SegmentSealed):
            last = read_records(SessionPaths(folder / "sessions", event.session_id)).good[-1]
            run.segments.append([last.first - 1, last.last])

    settings: dict[str, Any] = {
        "model": case.model,
        "device": "cpu",
        "preset": "veryfast",
        "segment_frames": SEGMENT_FRAMES,
        **({"range_start": "0", "range_end": str(case.end)} if case.end else {}),
    }
    with patch.object(step, "FrameMeter", Recorder):
        upscale(
            clip, settings, output=folder / "out.mkv", sessions_dir=folder / "sessions",
            on_event=note,
        )  # fmt: skip
    return run


def save(runs: Sequence[Recorded]) -> None:
    """Write the runs so that a person can look at them: a list a line."""
    texts = []
    for run in runs:
        fields = (f'  "{name}": {json.dumps(value)}' for name, value in run._asdict().items())
        texts.append("{\n" + ",\n".join(fields) + "\n}")
    RUNS.write_text("[\n" + ",\n".join(texts) + "\n]\n")


if __name__ == "__main__":
    known = {run.name: run for run in (recorded() if RUNS.exists() else [])}
    for chosen in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory() as temporary:
            known[chosen] = record(chosen, Path(temporary))
        save(list(known.values()))
        print(f"{chosen}: {known[chosen].clock[-1] / 1000:.0f} s", flush=True)
