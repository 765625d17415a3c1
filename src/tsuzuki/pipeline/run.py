"""One run of one session: what its steps share."""

from __future__ import annotations

import bisect
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from tsuzuki.pipeline import events
from tsuzuki.pipeline import messages as m
from tsuzuki.pipeline.meter import Meter
from tsuzuki.pipeline.plan import Plan, Segment, cut_segments
from tsuzuki.pipeline.store import Store
from tsuzuki.pipeline.supervisor import Supervisor
from tsuzuki.pipeline.team import Cluster, Team, Workers
from tsuzuki.sessions.cleanup import has_work
from tsuzuki.sessions.frame_index import FrameIndex
from tsuzuki.sessions.identity import Difference, fingerprint, identity_digest
from tsuzuki.sessions.layout import upscaled_name
from tsuzuki.sessions.manager import SessionManager
from tsuzuki.sessions.pace import Pace
from tsuzuki.sessions.progress import ProgressData, StepName
from tsuzuki.sessions.ranges import FrameRanges
from tsuzuki.sessions.records import read_records
from tsuzuki.video.facts import Judged

_log = logging.getLogger(__name__)

EVENT_SECONDS = 0.1
"""Least time between two progress events of a step."""


class Run:
    """The state that the steps of a run share, and their way to tell the user and the session."""

    def __init__(
        self,
        manager: SessionManager,
        session_id: str,
        plan: Plan,
        team: Team,
        on_event: events.OnEvent,
        cluster: Cluster | None = None,
    ) -> None:
        self.manager = manager
        self.session_id = session_id
        self.plan = plan
        self.team = team
        self._cluster = cluster
        self.emit = on_event
        kept = bool(self.state["settings"].get("keep_frames"))
        self.keep_frames = kept or plan.settings.keep_frames
        self.store = Store(manager.paths(session_id), keep_frames=self.keep_frames)
        self.on_report: Callable[[m.Message], None] = self.note
        self.on_going: Callable[[], None] = lambda: None
        """Is called when the work of earlier runs goes on, and may be called again."""
        self.index = FrameIndex(time_base=(1, 1), pts=[], end=0, starts=[])
        self.segments: list[Segment] = []
        self.frames_computed = 0
        self.frames_reused = 0.0
        """Area taken over from frames before, in frames, of those computed."""
        self.overwrite = False
        """Whether an existing output may be replaced; asked for in each run, not read from disk."""
        self.pace = Pace(total=0)
        """How fast it goes, as far as that is known."""
        self.step: StepName | None = None
        """The step that is being worked on."""
        self._last_event = 0.0
        self._opened = False

    @property
    def supervisor(self) -> Supervisor:
        """The worker for all but rendering."""
        return self.team.first

    @property
    def state(self) -> ProgressData:
        """The session's progress, as it will be saved next."""
        return self.manager.state(self.session_id)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Return what must not change between runs for the output to have the same bytes."""
        facts = self.plan.probe
        video = {
            "content": fingerprint(Path(facts.path)),
            "codec": facts.codec,
            "size": [facts.width, facts.height],
            "time_base": list(facts.time_base),
        }
        return {"video": video, **self.plan.identity()}

    @cached_property
    def identity_digest(self) -> str:
        """A short digest of the identity, for the segments' records."""
        return identity_digest(self.identity)

    def made_with(self, rendered: m.SegmentRendered) -> tuple[Plan, str]:
        """Return the plan that a segment was made with, and the digest of what may not change.

        Another processor or device may give other bytes, and counts as another identity.
        """
        if rendered.cpu is None and rendered.device_title is None:
            return self.plan, self.identity_digest
        upscaling = self.plan.upscaling
        title = rendered.device_title or upscaling.device_title
        plan = msgspec.structs.replace(
            self.plan,
            cpu=rendered.cpu or self.plan.cpu,
            upscaling=msgspec.structs.replace(upscaling, device_title=title),
        )
        return plan, identity_digest({**self.identity, **plan.identity()})

    @property
    def output(self) -> Path:
        """Where the output goes."""
        return Path(self.state["output"])

    def remembered(self, step: StepName) -> dict[str, Any]:
        """What a step keeps in the session; changes are saved with the next save."""
        return self.state["steps"][step].setdefault("data", {})

    @property
    def bit_identical(self) -> bool:
        """Whether the output has the bytes that an uninterrupted run would have written."""
        accepted = self.remembered("validate").get("accepted_changes")
        return not accepted and not self.store.is_mixed(self.identity_digest)

    @property
    def failed_frames(self) -> tuple[int, ...]:
        """Damaged frames by their numbers in the video, from 1.

        They repeat a neighbour, or the decoder has patched them.
        """
        extracted = self.remembered("extract").get("failed_frames", ())
        rendered = {self.index.in_video(number - 1) + 1 for number in self.store.failed_frames()}
        return tuple(sorted(rendered.union(extracted)))

    def open_worker(self) -> None:
        """Have the first worker work on this session."""
        if not self._opened:
            self._opened = True
            self.supervisor.open(self._jobs[0])

    @contextlib.contextmanager
    def workers(self, segments: int) -> Iterator[Workers]:
        """Have as many workers as are wished for, and of use, work on so many segments."""
        self.open_worker()
        if self._cluster is not None:
            with self._cluster.workers(self) as workers:
                yield workers
            return
        if segments > 1:
            self.team.grow(self._jobs)
        yield self.team
        self.team.shrink()

    @property
    def job(self) -> m.Open:
        """What a worker is told that does everything."""
        return self._jobs[0]

    @cached_property
    def _jobs(self) -> list[m.Open]:
        """What each worker is told."""
        from tsuzuki.upscaling import shares  # noqa: PLC0415 - takes its time, and is for several

        job = m.Open(
            session_id=self.session_id,
            root=str(self.manager.root),
            plan=self.plan,
            index=self.index,
            keep_frames=self.keep_frames,
            loss_budget=self.plan.settings.loss_budget,
            accepted=frozenset(
                n - 1 for n in self.remembered("validate").get("accepted_suspicious", ())
            ),
        )
        count = min(self.plan.settings.workers, max(1, len(self.segments)))
        if count == 1:
            return [job]
        return [
            msgspec.structs.replace(job, device=share.device, threads=share.threads)
            for share in shares(self.plan.upscaling.device, count)
        ]

    def know_pace(self) -> None:
        """Know the pace of earlier runs; in the first one nothing is known yet."""
        known = msgspec.convert(self.remembered("upscale").get("pace"), Pace | None)
        if known is not None and known.total == len(self.index):
            self.pace = known
        else:
            whole = self.plan.upscaling.reuse is None
            self.pace = Pace(total=len(self.index), shares=[] if whole else None)
        if self.pace.shares is None and self._cluster is not None:
            # Nobody listens to the worker here later on, and machines far away start more slowly.
            outlook = self.supervisor.ask(m.LookAhead(), m.Outlook, self.note)
            self.pace.look_ahead(outlook.shares, outlook.seen)

    def accept(self, changes: Sequence[Difference]) -> None:
        """Go on in spite of changes: they count from a segment's start, and from now on.

        Nothing of open segments is used; with another video neither are the frame index and the
        extracted frames. Where it is lost what the work was made with, it is used only if it says
        so itself.
        """
        validated = self.remembered("validate")
        if "identity" not in validated and has_work(self.store.paths):
            validated["anew"] = True
            for name in self.store.set_others_aside(self.identity_digest):
                self.warn("other", f"{name} was made with something else and is kept aside.")
        if any(change.field.startswith("video") for change in changes):
            self.store.drop_source()  # a kill before the rest is saved only costs the index
            self.state["video_info"] = self.plan.video_info
            self.state["fingerprint"] = self.identity["video"]["content"]
        validated["identity"] = self.identity
        validated["judged"] = msgspec.to_builtins(Judged.of(self.plan.probe))
        if not changes:
            return
        validated.setdefault("accepted_changes", []).extend(str(change) for change in changes)
        validated["anew"] = True
        listed = "; ".join(map(str, changes))
        self.warn("accepted-changes", f"Going on in spite of these changes: {listed}.")

    def set_index(self, index: FrameIndex) -> None:
        """Know the frames, and with them the segments and what is left to do."""
        self.index = index
        self.segments = cut_segments(index, self.plan.segment_frames)
        self._firsts = [segment.first for segment in self.segments]
        self.remembered("upscale")["total"] = len(index)
        # What was accepted is durable before anything is changed for it, and no save under way has
        # its temporary file swept.
        self.manager.flush()
        for aside in (damaged := self.store.load(self.segments)):
            self.warn(
                "damaged",
                f"{aside} was damaged and is kept aside; only its frames are computed again.",
            )
        if damaged:
            self.manager.completed_frames(self.session_id)  # the summary forgets those
        if self.remembered("validate").get("anew"):
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Drop the frames of open segments, and let the index know what the next are made with.

        In this order: a summary that is rebuilt from the index must not find frames from before
        what it says, nor be without what was accepted once there are new ones.
        """
        if dropped := self.store.drop_open(self.segments):
            self.warn("anew", f"Frames from before the change that are computed again: {dropped}.")
        self.manager.save_index(self.session_id, msgspec.json.encode(self.index), replace=True)
        self.remembered("upscale").pop("pace", None)
        del self.remembered("validate")["anew"]

    def frames_done(self, completed: FrameRanges) -> int:
        """Return how many finished frames will be used: after a change none of open segments."""
        if self.index.pts or not self.remembered("validate").get("anew"):
            return len(completed)
        return sum(record.frames for record in read_records(self.store.paths).good)

    def segment_of(self, frame: int) -> Segment:
        """Return the segment that a frame (from 0) belongs to."""
        return self.segments[bisect.bisect_right(self._firsts, frame) - 1]

    def progress(self, step: StepName, meter: Meter) -> None:
        """Report the progress of a step, at most ten times a second."""
        now = time.monotonic()
        if now - self._last_event < EVENT_SECONDS and meter.done < meter.total:
            return
        self._last_event = now
        self.manager.set_step_progress(self.session_id, step, meter.percent)
        counts_frames = step == "upscale"
        forecast = meter.forecast
        self.emit(
            events.StepProgressed(
                session_id=self.session_id,
                step=step,
                progress=meter.percent,
                frames_done=meter.done if counts_frames else None,
                frames_total=meter.total if counts_frames else None,
                frames_computed=self.frames_computed if counts_frames else None,
                reused=self._reused if counts_frames else None,
                frames_per_second=meter.frames_per_second,
                eta=forecast.seconds if forecast else None,
                eta_low=forecast.low if forecast else None,
                eta_high=forecast.high if forecast else None,
                disk_used=self.store.disk_used if counts_frames else None,
            )
        )

    @property
    def _reused(self) -> float | None:
        return self.frames_reused / self.frames_computed if self.frames_computed else None

    def reporter(self, step: StepName, meter: Meter) -> Callable[[m.Message], None]:
        """Return what handles the reports of a request that is a whole step."""

        def report(message: m.Message) -> None:
            if isinstance(message, m.Progress):
                meter.done = round(message.done * meter.total)
                self.progress(step, meter)
            else:
                self.note(message)

        return report

    def save(self) -> None:
        """Make everything remembered durable."""
        self.manager.save_progress(self.session_id, self.state)

    def frames_safe(self, frames: Iterable[int]) -> None:
        """Record frames (from 0) that are sealed or spooled."""
        self.manager.batch_update_completed_frames(
            self.session_id, [upscaled_name(frame + 1) for frame in frames]
        )

    def warn(self, code: str, message: str) -> None:
        """Tell the user something that does not stop the run."""
        _log.warning("%s", message)
        self.emit(events.Warned(session_id=self.session_id, code=code, message=message))

    def note(self, message: m.Message) -> None:
        """Handle what a worker may say in any step."""
        if isinstance(message, m.Notice):
            self.warn(message.code, message.message)
