"""Build the frame index and, where frames are kept, write every source frame."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.meter import Meter
from tsuzuki.pipeline.run import Run
from tsuzuki.video.facts import FrameIndex


def load_index(run: Run) -> bool:
    """Read the frame index of an earlier run; False where there is none."""
    index = run.manager.load_index(run.session_id, _decode)
    if index is None:
        return False
    run.set_index(index)
    return True


def _decode(data: bytes) -> FrameIndex:
    index = msgspec.json.decode(data, type=FrameIndex)
    _check(index)
    return index


def _check(index: FrameIndex) -> None:
    """Raise `ValueError` for an index that no video has."""
    if not index.pts or not index.starts or len(index.packets) != len(index.pts):
        raise ValueError("it is not whole")
    if any(after <= before for before, after in pairwise(index.pts)) or index.end <= index.pts[-1]:
        raise ValueError("its times do not rise")
    if index.starts[0].frame > 0 or min(index.time_base) <= 0 or min(index.packets) < 0:
        raise ValueError("it has impossible numbers")


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
        run.remembered("extract")["failed_frames"] = [frame + 1 for frame in failed]
