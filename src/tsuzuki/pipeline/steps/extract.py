"""Build the frame index and, where frames are kept, write every source frame."""

from __future__ import annotations

import msgspec

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.meter import Meter
from tsuzuki.pipeline.run import Run
from tsuzuki.sessions.frame_index import decode_index


def load_index(run: Run) -> bool:
    """Read the frame index of an earlier run; False where there is none."""
    index = run.manager.load_index(run.session_id, decode_index)
    if index is None:
        return False
    run.set_index(index)
    return True


def is_done(run: Run) -> bool:
    """Tell whether the index is there and, where frames are kept, all were extracted."""
    return bool(run.index.pts) and (
        not run.keep_frames
        or ("failed_frames" in run.remembered("extract") and run.store.has_source(len(run.index)))
    )


def extract(run: Run) -> None:
    """Build and store the index; write the frames that are missing where they are kept."""
    report = run.reporter("extract", Meter(0, 1000))
    if not run.index.pts:
        index = run.supervisor.ask(m.BuildIndex(plan=run.plan), m.IndexBuilt, report).index
        run.set_index(index)
        run.manager.save_index(run.session_id, msgspec.json.encode(index))
        for warning in index.warnings:
            run.warn("note", warning)
    if run.keep_frames:
        run.open_worker()
        failed = run.supervisor.ask(m.ExtractFrames(), m.FramesExtracted, report).failed
        run.remembered("extract")["failed_frames"] = [
            run.index.in_video(frame) + 1 for frame in failed
        ]
