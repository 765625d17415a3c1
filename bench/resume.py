"""How long it takes to go on with a long session: 200,000 frames, nearly all of them sealed.

The engine that repeats pixels stands in for a network, so there is none to load. Two sessions are
measured beside it: of a short video, which shows what any start costs, and of the long one with
half of its open segment spooled, where those frames come before the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench import tools
from tsuzuki.errors import Cancelled
from tsuzuki.pipeline import events, upscale
from tsuzuki.pipeline.plan import Segment, cut_segments
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.sessions.layout import SessionPaths
from tsuzuki.sessions.records import SegmentRecord, write_record

FRAMES = 200_000
OPEN_SEGMENTS = 2
SEGMENT_FRAMES = 480
SPOOLED = SEGMENT_FRAMES // 2
ROUNDS = 7
LIMIT_SECONDS = 1.5
SETTINGS: dict[str, Any] = {
    "engine": "nearest",
    "segment_frames": SEGMENT_FRAMES,
    "loss_budget": 0.0,  # so that every frame is spooled
}


def make_session(clip: Path, root: Path) -> tuple[str, int]:
    """Index a clip as a run does, seal most segments; return session id and number of frames."""
    cancel = threading.Event()
    session = ""

    def after_index(event: events.Event) -> None:
        nonlocal session
        session = event.session_id
        if isinstance(event, events.StepCompleted) and event.step == "extract":
            cancel.set()

    with contextlib.suppress(Cancelled):
        upscale(clip, SETTINGS, sessions_dir=root, cancel=cancel, on_event=after_index)
    paths = SessionPaths(root, session)
    document = msgspec.json.decode(paths.index.read_bytes())
    index = msgspec.convert(document["index"], FrameIndex)
    segments = cut_segments(index, SEGMENT_FRAMES)
    for segment in segments[:-OPEN_SEGMENTS]:
        seal(paths, segment)
    return session, len(index)


def seal(paths: SessionPaths, segment: Segment) -> None:
    data = b"segment %d " % segment.number * 100
    digest = hashlib.sha256(data).hexdigest()
    paths.segment(segment.number, digest).write_bytes(data)
    record = SegmentRecord(
        session_id=paths.session_id,
        segment=segment.number,
        first=segment.first + 1,
        last=segment.last,
        size=len(data),
        sha256=digest,
        frames=len(segment),
        frames_computed=len(segment),
        seconds={"decode": 1.0, "network": 100.0, "encode": 10.0},
        device="cpu",
    )
    write_record(paths, record)


def is_first_frame(event: dict[str, Any]) -> bool:
    return event["event"] == "step-progress" and bool(event["frames_computed"])


def spool(session: str, root: Path, frames: int) -> None:
    """Run until so many frames are spooled, then kill."""
    safe = 0

    def enough(event: dict[str, Any]) -> bool:
        nonlocal safe
        if event["event"] == "frames-spooled":
            safe += event["last"] - event["first"] + 1
        return safe >= frames

    tools.run_events(tools.command("resume", session, "--sessions-dir", root), enough)


def measure(session: str, root: Path) -> tuple[float, float, float]:
    """Return seconds until the session is open and until a frame is done, and the CPU's seconds."""
    call = tools.command("resume", session, "--sessions-dir", root)
    told, cpu, _ = tools.run_events(call, is_first_frame)
    opened = next(time for time, event in told if event["event"] == "session-opened")
    return opened, told[-1][0], cpu


def main() -> bool:
    rows, firsts = [], []
    source = tools.media("bbb_180p_20s.mp4")
    with tempfile.TemporaryDirectory() as folder:
        for frames, spooled in ((3 * SEGMENT_FRAMES, 0), (FRAMES, 0), (FRAMES, SPOOLED)):
            clip, root = Path(folder, f"{frames}.mp4"), Path(folder, f"sessions-{frames}")
            if not spooled:
                tools.loop_clip(source, clip, frames)
                session, length = make_session(clip, root)
            else:
                spool(session, root, spooled)
            runs = [measure(session, root) for _ in range(ROUNDS)]
            figures = [median(column) for column in zip(*runs, strict=True)]
            firsts.append(figures[1])
            figures.append(min(run[1] for run in runs))
            rows.append((f"{length:,}", spooled, *(f"{figure:.2f}" for figure in figures)))
    tools.table(
        f"resume: seconds from the start of the process, medians of {ROUNDS}",
        ("frames", "spooled", "opened", "first frame", "CPU", "fastest"),
        rows,
    )
    print(f"  {firsts[1] - firsts[0]:.2f} s more for the long video than for the short one")
    kept = tools.verdict("first frame", firsts[1], LIMIT_SECONDS, "s")
    return tools.verdict("with spooled frames before it", firsts[2], LIMIT_SECONDS, "s") and kept


if __name__ == "__main__":
    main()
