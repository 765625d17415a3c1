"""A piece of session work as the runner and its worker do it, on small frames and without video.

`Work.run` does what is not done yet, so that it begins and resumes alike. `Work.recover` opens what
a cut has left with the real code and names every promise that is broken.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tsuzuki.durable import Durable, PendingFile, usual_mode, write
from tsuzuki.pipeline.frames import FrameFiles
from tsuzuki.pipeline.messages import SegmentRendered
from tsuzuki.pipeline.plan import Segment
from tsuzuki.pipeline.spooler import Finished
from tsuzuki.pipeline.store import Store
from tsuzuki.sessions import SessionLock, SessionManager, generate_session_id, read_records
from tsuzuki.video.facts import Colour

SETTINGS = {"scale_factor": 2.0}
VIDEO_INFO = {
    "width": 8,
    "height": 4,
    "duration": 0.25,
    "frame_rate": 24.0,
    "frame_count": 6,
    "codec_name": "h264",
    "size": 5,
    "format": "matroska",
}
SEGMENTS = [Segment(1, 0, 3), Segment(2, 3, 6)]
SPOOLED = ([0, 1], [3])
"""Frames of each segment that are spooled before it is sealed."""
INDEX = (
    b'{"time_base":[1,24],"pts":[0,1,2,3,4,5],"end":6,"starts":[[0,0,0,0,null,1]],'
    b'"packets":[0,1,2,3,4,5]}'
)
WIDTH, HEIGHT = 16, 8
COLOUR = Colour(
    matrix=1,
    primaries=1,
    transfer=1,
    full_range=False,
    chroma_location=1,
    depth=8,
    rgb_format="gbrp",
    white=255,
)
PLAN: Any = SimpleNamespace(
    probe=SimpleNamespace(colour=COLOUR, width=8, height=4),
    encoding=SimpleNamespace(width=WIDTH, height=HEIGHT),
    upscaling=SimpleNamespace(device="cpu", engine="fake", engine_version="1"),
    cpu="",
)
DAY = 24 * 60 * 60
OLD_OUTPUT = b"what was there before\n" * 300

Told = list[str]
"""What the work has reported, in order: ``session``, ``saved 3``, ``frame 1``, ``segment 1`` …"""


@contextmanager
def using(port: Any) -> Iterator[None]:
    """Have all state written through ``port``."""
    real = write.OsPort
    write.OsPort = lambda: port  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        write.OsPort = real  # type: ignore[misc]


def picture(frame: int) -> np.ndarray:
    """Return the upscaled frame."""
    return np.arange(3 * HEIGHT * WIDTH, dtype=np.uint8).reshape(3, HEIGHT, WIDTH) ^ (37 * frame)


def encoded(frames: Iterable[np.ndarray]) -> list[bytes]:
    """Return a segment in the pieces it is written in: its head, two for each frame."""
    body = [part for rgb in frames for part in (rgb.tobytes() * 11, rgb.tobytes() * 2)]
    return [hashlib.sha256(b"".join(body)).digest(), *body]


SEGMENT_BYTES = [b"".join(encoded(map(picture, segment.frames))) for segment in SEGMENTS]
OUTPUT = b"".join(SEGMENT_BYTES)


class Work:
    """One job in ``folder``, which holds the sessions and the output; ``tell`` hears what is safe.

    With ``overwrite`` there is an older output in its place, and the user lets it go.
    """

    def __init__(
        self,
        folder: Path,
        video: Path,
        tell: Callable[[str], None] = lambda _: None,
        *,
        overwrite: bool = False,
    ) -> None:
        self.root = folder / "sessions"
        self.output = folder / "output" / "out.mkv"
        self.folder = folder
        self._video = video
        self._tell = tell
        self._overwrite = overwrite
        self._manager: SessionManager
        self._id = generate_session_id(video, SETTINGS)

    def prepare(self) -> None:
        """Make what is there before the work begins."""
        Durable().make_folder(self.output.parent)
        if self._overwrite:
            Durable().write_atomic(self.output, OLD_OUTPUT)

    # The work

    def run(self) -> None:
        """Do all that is not done yet."""
        with SessionManager(self.root) as self._manager:
            self._manager.cleanup_old_sessions()
            if self._has_output() and self._manager.load_progress(self._id) is None:
                return
            self._manager.create_session(self._video, SETTINGS, VIDEO_INFO)
            self._tell("session")
            with SessionLock(self._paths):
                if not self._is_published():
                    self._extract()
                    self._upscale()
                    self._combine()
                self._clean_up()

    def _extract(self) -> None:
        self._save("extract", "in_progress")
        self._manager.load_index(self._id)  # one that is damaged is kept aside
        self._manager.save_index(self._id, INDEX)
        self._tell("index")
        self._save("extract", "completed")

    def _upscale(self) -> None:
        self._save("upscale", "in_progress")
        store, files = Store(self._paths, keep_frames=False), self._files()
        store.load(SEGMENTS)
        for segment, spooled in zip(SEGMENTS, SPOOLED, strict=True):
            if not store.is_sealed(segment):
                self._spool(store, files, spooled)
                self._seal(store, files, segment)
            store.drop_frames(segment)
        self._save("upscale", "completed")

    def _spool(self, store: Store, files: FrameFiles, frames: list[int]) -> None:
        group = [f for f in frames if files.read_upscaled(f) is None]
        files.write_upscaled([Finished(f, picture(f), 1.0) for f in group])
        store.add_frames(group)
        for frame in group:
            self._tell(f"frame {frame}")
        self._manager.batch_update_completed_frames(
            self._id, [self._paths.upscaled_frame(f + 1).name for f in group]
        )
        self._save()

    def _seal(self, store: Store, files: FrameFiles, segment: Segment) -> None:
        frames = [_or(files.read_upscaled(f), picture(f)) for f in segment.frames]
        head, *body = encoded(frames)
        with PendingFile(self._paths.segment_temporary(segment.number)) as pending:
            pending.file.write(bytes(len(head)))
            for part in body:
                pending.file.write(part)
            pending.file.seek(0)
            pending.file.write(head)  # a container knows its length at the end
            size = pending.finish()
        rendered = SegmentRendered(
            segment=segment.number,
            temporary=str(pending.path),
            size=size,
            sha256=hashlib.sha256(head + b"".join(body)).hexdigest(),
            frames_computed=len(segment),
            failed=[],
            seconds={},
        )
        store.seal(segment, rendered, PLAN, "")
        self._tell(f"segment {segment.number}")

    def _combine(self) -> None:
        store = Store(self._paths, keep_frames=False)
        store.load(SEGMENTS)
        Durable().remove_temporaries_of(self.output, self._id)
        with PendingFile(self.output, None, self._id, mode=usual_mode()) as pending:
            for segment in SEGMENTS:
                pending.file.write(store.file_of(segment).read_bytes())
            size = pending.finish()
        digest = hashlib.sha256(pending.path.read_bytes()).hexdigest()
        self._remembered("combine")["output"] = {"size": size, "sha256": digest}
        self._save("combine", "in_progress")
        if self._overwrite:
            Durable().replace_file(pending.path, self.output)
        else:
            assert pending.publish(self.output)
        self._tell("output")
        self._save("combine", "completed")

    def _clean_up(self) -> None:
        Durable().remove_temporaries_of(self.output, self._id)
        self._tell("removing")
        self._manager.cleanup_session(self._id)
        self._tell("removed")

    # What a cut leaves

    def recover(self, told: Told) -> tuple[list[str], Any]:
        """Open what is left, as a resumed run does; return what is lost, and what was found."""
        losses = []
        output = self.output.read_bytes() if self.output.exists() else None
        old = OLD_OUTPUT if self._overwrite else None
        if output not in ({OUTPUT} if "output" in told else {OUTPUT, old}):
            losses.append("the output is neither the complete new one nor what was there before")
        try:
            with SessionManager(self.root) as self._manager:
                lost, found = self._open(told)
        except Exception as error:  # noqa: BLE001 - whatever it is, the session does not open
            return [*losses, f"the session does not open: {error!r}"], None
        return losses + lost, (found, output == OUTPUT)

    def _open(self, told: Told) -> tuple[list[str], Any]:
        self._manager.cleanup_old_sessions()
        progress = self._manager.load_progress(self._id)
        if progress is None:
            if "removing" in told:
                half = self._paths.folder.exists()
                return ["half a session is left"] if half else [], None
            return ["the session is gone"] if "session" in told else [], None
        saves = progress["steps"]["extract"].get("data", {}).get("saves", 0)
        with SessionLock(self._paths):
            index = self._manager.load_index(self._id)
            store, damage = Store(self._paths, keep_frames=False), list[str]()
            damage += store.load(SEGMENTS)
            files = self._files(damage.append)
            damage += map(str, read_records(self._paths, verify_data=True).damaged)
            sealed = [s.number for s in SEGMENTS if store.is_sealed(s)]
            frames = {f for s in SEGMENTS for f in store.frames_of(s)}
            false = [f for f in frames if not np.array_equal(files.read_upscaled(f), picture(f))]
            sums = [store.file_of(SEGMENTS[n - 1]).read_bytes() for n in sealed]
        frames |= {f for n in sealed for f in SEGMENTS[n - 1].frames}
        saved = max((int(word.split()[1]) for word in told if word.startswith("saved")), default=0)
        have = {f"segment {n}" for n in sealed} | {f"frame {f}" for f in frames}
        promised = {word for word in told if word.startswith(("segment", "frame"))}
        losses = [f"{word} is gone" for word in sorted(promised - have)]
        losses += [f"damaged: {what}" for what in damage]
        losses += [f"frame {f} is another picture" for f in false]
        if sums != [SEGMENT_BYTES[n - 1] for n in sealed]:
            losses.append("a sealed segment has other bytes")
        if not saved <= saves <= saved + 1:
            losses.append(f"progress {saves} was found where {saved} was saved")
        if index != INDEX and (index is not None or "index" in told):
            losses.append("the index is gone or damaged")
        return losses, (saves, index, sealed, sorted(frames))

    def finish(self) -> list[str]:
        """Resume to the end, a day later; return what is not as if nothing had happened."""
        for path in [*self.root.glob(".*.tmp"), *self.root.glob("*.begun")]:
            os.utime(path, (path.stat().st_mtime - DAY,) * 2)
        self.run()
        losses = [] if self._has_output() else ["the output has other bytes"]
        left = sorted(p.name for p in [*self.root.rglob("*"), *self.output.parent.iterdir()])
        return losses + ([] if left == [self.output.name] else [f"left over: {left}"])

    # Inside

    @property
    def _paths(self) -> Any:
        return self._manager.paths(self._id)

    def _files(self, on_damage: Callable[[str], None] = lambda _: None) -> FrameFiles:
        return FrameFiles(self._paths, PLAN, keep_frames=False, on_damage=on_damage)

    def _remembered(self, step: Any) -> dict[str, Any]:
        return self._manager.state(self._id)["steps"][step].setdefault("data", {})

    def _save(self, step: Any = None, status: Any = None) -> None:
        """Save the progress, which has a number that rises with each save."""
        data = self._remembered("extract")
        data["saves"] = data.get("saves", 0) + 1
        if step is None:
            self._manager.save_progress(self._id, self._manager.state(self._id))
        else:
            self._manager.update_step_status(self._id, step, status)
        self._tell(f"saved {data['saves']}")

    def _has_output(self) -> bool:
        return self.output.exists() and self.output.read_bytes() == OUTPUT

    def _is_published(self) -> bool:
        return bool(self._remembered("combine").get("output")) and self._has_output()


def _or(found: np.ndarray | None, other: np.ndarray) -> np.ndarray:
    return other if found is None else found
