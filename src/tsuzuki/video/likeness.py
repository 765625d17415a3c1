"""How like two frames are, as FFmpeg's filters ``psnr`` and ``ssim`` measure it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import av
from av.filter import Graph
from av.filter.context import FilterContext

from tsuzuki.frame import Rgb
from tsuzuki.video.colour import rgb_frame

TIME_BASE = Fraction(1, 25)


class Likeness:
    """Compares pairs of frames of one size and one pixel format (planar RGB)."""

    def __init__(self, width: int, height: int, pixel_format: str) -> None:
        self._format = pixel_format
        self._number = 0
        self._psnr = PairFilter("psnr", width, height, pixel_format)
        self._ssim = PairFilter("ssim", width, height, pixel_format)

    def mse(self, one: Rgb, other: Rgb) -> float:
        """Return the mean square error over all channels, in code values."""
        return self._measure(self._psnr, "lavfi.psnr.mse_avg", one, other)

    def ssim(self, one: Rgb, other: Rgb) -> float:
        """Return the structural similarity over all channels, at most 1."""
        return self._measure(self._ssim, "lavfi.ssim.All", one, other)

    def _measure(self, of: PairFilter, name: str, one: Rgb, other: Rgb) -> float:
        self._number += 1
        frames = [rgb_frame(rgb, self._format) for rgb in (one, other)]
        for frame in frames:
            frame.pts, frame.time_base = self._number, TIME_BASE
        return float(of.compare(*frames).metadata[name])


class PairFilter:
    """A filter of two inputs that leaves its figures in the frame's metadata, or in a file."""

    def __init__(
        self,
        name: str,
        width: int,
        height: int,
        pixel_format: str,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._graph = Graph()
        form = av.VideoFormat(pixel_format)
        self._inputs = [
            self._graph.add_buffer(
                width=width, height=height, format=form, time_base=TIME_BASE, name=f"in{n}"
            )
            for n in range(2)
        ]
        measure = self._graph.add(name, **(options or {}))
        self._sink: FilterContext = self._graph.add("buffersink")
        for number, source in enumerate(self._inputs):
            source.link_to(measure, 0, number)
        measure.link_to(self._sink)
        self._graph.configure()

    def compare(self, one: av.VideoFrame, other: av.VideoFrame) -> av.VideoFrame:
        """Hold the next pair of frames against each other."""
        for source, frame in zip(self._inputs, (one, other), strict=True):
            source.push(frame)
        out = self._sink.pull()
        assert isinstance(out, av.VideoFrame)
        return out
