"""Cut from a video file what reading a range of its frames takes."""

from __future__ import annotations

import io
from pathlib import Path

from tsuzuki.durable import storage_errors
from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.sessions.frame_index import Start
from tsuzuki.video.facts import Probe
from tsuzuki.video.packets import open_stream, packets_from
from tsuzuki.video.slice import BLOCK, Slice, SliceFile
from tsuzuki.video.source import standing_in

MAX_BYTES = 512 << 20
"""Bytes of a slice; where seeking in a file does not work, all before its frames would be in it."""


class _Recorder(SliceFile):
    """A whole file that notes which of its blocks are read."""

    def __init__(self, path: str) -> None:
        with storage_errors(Path(path)):
            self._file = io.FileIO(path)
            size = self._file.seek(0, io.SEEK_END)
        self.read_blocks: dict[int, bytes] = {}
        super().__init__(path, Slice(size, self.read_blocks))

    def _block(self, number: int) -> bytes:
        if number not in self.read_blocks:
            if len(self.read_blocks) * BLOCK >= MAX_BYTES:
                raise UnsupportedVideoError(
                    f"To read one segment of '{self.name}', more than {MAX_BYTES >> 20} MB of it "
                    "have to be read: it cannot be sought in. Bring it into a Matroska file first, "
                    "or upscale it without --cluster.",
                    path=self.name,
                )
            with storage_errors(Path(self.name)):
                self._file.seek(number * BLOCK)
                self.read_blocks[number] = self._file.read(BLOCK)
        return self.read_blocks[number]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def head_of(probe: Probe) -> Slice:
    """Return what opening the file takes, which is part of every slice.

    Raises what `cut` raises.
    """
    recorder = _Recorder(probe.path)
    with recorder, standing_in(probe.path, recorder), open_stream(probe):
        pass
    return Slice(recorder.seek(0, io.SEEK_END), recorder.read_blocks)


def cut(probe: Probe, start: Start, last: int) -> Slice:
    """Return what reading the packets from ``start`` to number ``last`` takes, or to the end.

    Raises `UnsupportedVideoError` where that is very much, `InputError` if the file changed,
    `StorageError` if it cannot be read.
    """
    recorder = _Recorder(probe.path)
    with recorder, standing_in(probe.path, recorder):
        for number, packet, _ in packets_from(probe, start):
            if packet is None or number >= last:
                break
    return Slice(recorder.seek(0, io.SEEK_END), recorder.read_blocks)
