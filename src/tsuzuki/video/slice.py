"""A part of a video file that stands for the whole where only some of its frames are read.

It is not packets put into another container, which could change what a decoder makes of them: it is
those blocks of the very file that a demuxer looks at, so that elsewhere it does the same.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import msgspec

from tsuzuki.errors import WorkerError

BLOCK = 1 << 16
"""Bytes that are taken at once; demuxers read half as many."""


class SliceError(WorkerError):
    """Reading a range of frames took bytes that its slice lacks."""

    code = "slice"


class Slice(msgspec.Struct, frozen=True):
    """Parts of a file."""

    size: int
    """Bytes of the whole file."""
    blocks: dict[int, bytes]
    """`BLOCK` bytes each (the last one of the file may have fewer), by their number from 0."""

    def __len__(self) -> int:
        return sum(map(len, self.blocks.values()))

    def without(self, other: Slice) -> Slice:
        """Return the blocks that are not in the other one."""
        return Slice(self.size, {n: b for n, b in self.blocks.items() if n not in other.blocks})

    def joined(self, other: Slice) -> Slice:
        """Return the blocks of both."""
        return Slice(self.size, self.blocks | other.blocks)


class SliceFile(io.RawIOBase):
    """A file of which only a slice is there; whoever reads beyond it gets `SliceError`."""

    def __init__(self, name: str, part: Slice) -> None:
        self.name = name
        self.lacking = False
        """Whether something was read that is not there, even if nobody noticed."""
        self._size = part.size
        self._blocks: Mapping[int, bytes] = part.blocks
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; see `io.IOBase.seek`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes: those up to the end of the block."""
        number, offset = divmod(self._at, BLOCK)
        if self._at >= self._size:
            return b""
        data = self._block(number)[offset:]
        if 0 <= size < len(data):
            data = data[:size]
        self._at += len(data)
        return data

    def _block(self, number: int) -> bytes:
        try:
            return self._blocks[number]
        except KeyError:
            self.lacking = True
            raise SliceError(f"Bytes from {number * BLOCK} on are not in the slice.") from None
