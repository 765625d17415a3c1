"""The files of single frames: extracted source frames, upscaled frames spooled or kept."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from tsuzuki.durable import Durable, PendingFile
from tsuzuki.errors import SessionDamagedError
from tsuzuki.frame import Rgb
from tsuzuki.pipeline.plan import Plan
from tsuzuki.pipeline.spooler import Finished
from tsuzuki.sessions.layout import KEPT, SPOOLED, SessionPaths, frame_name
from tsuzuki.video import stills
from tsuzuki.video.decode import Frame


class FrameFiles:
    """Writes and reads the frames of one session. Frames are numbered from 0 here."""

    def __init__(
        self,
        paths: SessionPaths,
        plan: Plan,
        *,
        keep_frames: bool,
        on_damage: Callable[[str], None],
    ) -> None:
        self._paths = paths
        self._colour = plan.probe.colour
        self._source_size = (plan.shown.width, plan.shown.height)
        self._size = (plan.encoding.width, plan.encoding.height)
        self._keep = keep_frames
        self._on_damage = on_damage
        self._durable = Durable()
        self._damaged = threading.Lock()
        self._encoded: tuple[Rgb | None, bytes] = None, b""
        """The frame that was spooled last: where nothing has changed, the next one is the same."""

    def has_source(self, frame: int) -> bool:
        """Tell whether there is an extracted frame."""
        return self._paths.frame(frame + 1).exists()

    def read_source(self, frame: int) -> Rgb | None:
        """Return an extracted frame; None where there is no sound one."""
        path = self._paths.frame(frame + 1)
        return self._read(stills.read_png, path, self._source_size)

    def write_source(self, frame: Frame) -> None:
        """Write an extracted frame, unless it is there."""
        path = self._paths.frame(frame.number + 1)
        with PendingFile(path, self._durable) as pending:
            stills.write_png(
                cast(BinaryIO, pending.file),
                frame.rgb,
                self._colour,
                self._paths.session_id,
                path.name,
            )
            pending.finish()
        pending.publish(path)

    def read_upscaled(self, frame: int) -> Rgb | None:
        """Return an upscaled frame; None where there is no sound one."""
        for suffix, read in ((KEPT, stills.read_png), (SPOOLED, stills.read_spooled)):
            path = self._paths.upscaled_frame(frame + 1, suffix)
            rgb = self._read(read, path, self._size)
            if rgb is not None:
                return rgb
        return None

    def write_suspicious(self, frame: int, rgb: Rgb) -> Path:
        """Write a frame that is not used as PNG beside the log, for a person to look at."""
        path = self._paths.logs / f"suspicious_{frame_name(frame + 1)}"
        with PendingFile(path, self._durable) as pending:
            stills.write_png(
                cast(BinaryIO, pending.file), rgb, self._colour, self._paths.session_id, path.name
            )
            pending.finish()
        self._durable.replace_file(pending.path, path)
        return path

    def is_kept(self, frame: int) -> bool:
        """Tell whether the frame needs no (further) file."""
        return not self._keep or self._paths.upscaled_frame(frame + 1, KEPT).exists()

    def write_upscaled(self, group: Sequence[Finished]) -> None:
        """Make a group of upscaled frames safe, with one flush of the folder."""
        suffix = KEPT if self._keep else SPOOLED
        files: list[tuple[Path, Path]] = []
        for finished in group:
            path = self._paths.upscaled_frame(finished.frame + 1, suffix)
            with PendingFile(path, self._durable) as pending:
                self._write(cast(BinaryIO, pending.file), finished.rgb, path.name)
                pending.finish()
            files.append((pending.path, path))
        self._durable.publish_files(files)

    def _write(self, file: BinaryIO, rgb: Rgb, name: str) -> None:
        session_id = self._paths.session_id
        if self._keep:
            stills.write_png(file, rgb, self._colour, session_id, name)
            return
        before, data = self._encoded
        if rgb is not before:
            data = stills.encode_spooled(rgb, self._colour)
            self._encoded = rgb, data
        stills.write_encoded(file, data, session_id, name)

    def _read(self, read: Callable[..., Rgb], path: Path, size: tuple[int, int]) -> Rgb | None:
        if not os.path.lexists(path):  # a link that leads nowhere is refused, too
            return None
        sound = partial(read, path, self._paths.session_id, self._colour, *size)
        try:
            return sound()
        except SessionDamagedError:
            with self._damaged:  # another thread may have come here for the same file
                return self._read_or_move_aside(path, sound)

    def _read_or_move_aside(self, path: Path, sound: Callable[[], Rgb]) -> Rgb | None:
        if not os.path.lexists(path):
            return None
        try:
            return sound()
        except SessionDamagedError as error:
            aside = self._durable.move_aside(path)
            self._on_damage(f"{error.message} The damaged file is kept as {aside.name}.")
            return None
