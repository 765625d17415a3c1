"""The progress of a session that this process works on, in memory between two saves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from tsuzuki.sessions.progress import MAX_RANGES, ProgressData, StepName, StepStatus, utc_now
from tsuzuki.sessions.ranges import FrameRanges

BATCH_UPDATE_SIZE = 10
"""Frames after which progress is saved, if `SAVE_SECONDS` have not passed before."""
SAVE_SECONDS = 2.0
"""Longest time that a change waits to be saved: what is done is on disk before, in records and
frames, and each save waits for the disk twice."""


class LiveProgress:
    """One session's progress. Adding a frame takes constant time."""

    def __init__(self, progress: ProgressData, completed: FrameRanges) -> None:
        self.progress = progress
        self.completed = completed
        self.changed = False
        """Whether a change is not on its way to the disk yet."""
        self._unsaved = 0
        self._saved_at = time.monotonic()
        self._guard = threading.RLock()

    def add_frames(self, numbers: Iterable[int]) -> bool:
        """Add finished frames; return whether it is time to save."""
        with self._guard:
            for number in numbers:
                self.completed.add(number)
                self._unsaved += 1
                self.changed = True
            return self._due()

    def forget(self, frames: FrameRanges) -> None:
        """Have frames no longer for finished, as they are not on disk any more."""
        with self._guard:
            self.completed = self.completed.minus(frames)

    def set_progress(self, step: StepName, percent: float) -> bool:
        """Set how far a step is, 0 to 100; return whether it is time to save."""
        with self._guard:
            self.progress["steps"][step]["progress"] = min(100.0, max(0.0, percent))
            self.changed = True
            return time.monotonic() - self._saved_at >= SAVE_SECONDS

    def set_status(self, step: StepName, status: StepStatus, error: str | None) -> None:
        """Change the state of a step and, with it, of the session."""
        with self._guard:
            state = self.progress["steps"][step]
            state["status"] = status
            for step_state in self.progress["steps"].values():
                step_state.pop("error", None)  # the latest reason is the one that counts
            if error is not None:
                state["error"] = error
            if status == "in_progress":
                state.setdefault("start_time", utc_now())
                state.pop("end_time", None)
            elif status == "completed":
                state["progress"] = 100.0
                state["end_time"] = utc_now()
            elif status == "failed":
                state["end_time"] = utc_now()
            self._derive_status()

    def snapshot(self) -> ProgressData:
        """Return the progress as it is to be saved now."""
        with self._guard:
            self.changed = False
            self._unsaved = 0
            self._saved_at = time.monotonic()
            self.progress["last_updated"] = utc_now()
            return self.present()

    def present(self) -> ProgressData:
        """Return the progress with the finished frames in it."""
        with self._guard:
            upscale = self.progress["steps"]["upscale"]
            if self.completed or "completed" in upscale.get("data", {}):
                data: dict[str, Any] = upscale.setdefault("data", {})
                data["completed"] = self.completed.to_list(MAX_RANGES)
                if upscale["status"] != "completed" and (total := self._total(data)):
                    upscale["progress"] = min(100.0, 100 * len(self.completed) / total)
            return self.progress

    def _due(self) -> bool:
        late = time.monotonic() - self._saved_at >= SAVE_SECONDS
        return self._unsaved >= BATCH_UPDATE_SIZE or (late and self._unsaved > 0)

    def _total(self, data: dict[str, Any]) -> int:
        total = data.get("total", self.progress["video_info"]["frame_count"])
        return total if isinstance(total, int) else 0

    def _derive_status(self) -> None:
        states = {step["status"] for step in self.progress["steps"].values()}
        if states == {"pending"}:
            self.progress["status"] = "created"
        elif states == {"completed"}:
            self.progress["status"] = "completed"
        elif "failed" in states:
            self.progress["status"] = "failed"
        else:
            self.progress["status"] = "in_progress"
