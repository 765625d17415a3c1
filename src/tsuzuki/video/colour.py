"""From the samples of a video to planar RGB and back.

All conversions run through FFmpeg's ``scale`` filter with matrix, range and chroma position given
on both sides and with flags that make the result equal on every processor.
"""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from tsuzuki.errors import UnsupportedVideoError
from tsuzuki.frame import Rgb
from tsuzuki.video.facts import Colour

FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
"""Without these the values differ from processor to processor."""

_INTERPOLATION = int(
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
"""`FLAGS` for `av.VideoFrame.reformat`."""

MATRICES = {
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    9: "bt2020",
}
"""Names of the ``scale`` filter for the matrices of ITU-T H.273 that it can compute."""

REFUSED = {
    8: "YCgCo",
    10: "BT.2020 constant luminance",
    11: "SMPTE 2085",
    12: "chromaticity-derived non-constant luminance",
    13: "chromaticity-derived constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}

_PLANES_OF_GBRP = (2, 0, 1)
"""Planes of FFmpeg's ``gbrp`` formats in the order red, green, blue."""


def check_matrix(matrix: int) -> None:
    """Raise `UnsupportedVideoError` for a matrix that cannot be converted to RGB."""
    if matrix == 0 or matrix in MATRICES:
        return
    name = REFUSED.get(matrix, f"number {matrix}")
    raise UnsupportedVideoError(
        f"The video stores its colours with the matrix {name}, which cannot be converted to RGB. "
        "Convert it to BT.709 or BT.2020 (non-constant luminance) with another program first.",
        matrix=matrix,
    )


def rgb_format(depth: int) -> str:
    """Return the planar RGB format that holds samples of ``depth`` bits without loss.

    Two more bits than the source has keep the rounding of YUV → RGB → YUV below one code value.
    """
    if depth <= 8:
        return "gbrp"
    return "gbrp12le" if depth <= 10 else "gbrp16le"


def rgb_white(depth: int, *, full_range: bool) -> int:
    """Return the value that white has in `rgb_format` after FFmpeg's conversion.

    FFmpeg widens samples by shifting, so that white stays below the largest value: limited range
    becomes 255 shifted up, full range the source's own maximum shifted up.
    """
    bits = format_depth(rgb_format(depth))
    if full_range and depth >= 8:
        return ((1 << depth) - 1) << (bits - depth)
    return 255 << (bits - 8)


def format_depth(pixel_format: str) -> int:
    """Return the largest number of bits that a sample of this pixel format has."""
    return max((part.bits for part in av.VideoFormat(pixel_format).components), default=0)


def colour_of(
    pixel_format: str,
    width: int,
    height: int,
    *,
    tags: tuple[int, int, int, int],
    location: int = 0,
    codec: str = "",
) -> Colour:
    """Return how samples are to be read, with the usual guesses for what ``tags`` leaves open.

    ``tags`` are matrix, primaries, transfer and range (1 limited, 2 full) as decoded, ``location``
    the chroma position or 0. Pictures are taken for BT.709 from 1280 pixels a line or 577 lines on,
    else for BT.601, as players do (mpv, libplacebo): what is shown must not change.
    """
    layout = av.VideoFormat(pixel_format)
    _check_layout(layout)
    rgb = layout.is_rgb or layout.has_palette
    matrix, primaries, transfer, full = tags
    guess = _Guess(width, height, rgb=rgb, wide=9 in {matrix, primaries})
    full_range = rgb or pixel_format.startswith("yuvj") or full == 2
    subsampled = _subsampled(layout)
    open_fields = {
        "matrix": not rgb and matrix in _UNKNOWN | {0},
        "primaries": primaries in _UNKNOWN,
        "transfer": transfer in _UNKNOWN,
        "full_range": not rgb and not pixel_format.startswith("yuvj") and full not in {1, 2},
        "chroma_location": subsampled and location == 0,
    }
    depth = format_depth(pixel_format)
    return Colour(
        matrix=0 if rgb else guess.matrix if open_fields["matrix"] else matrix,
        primaries=guess.primaries if open_fields["primaries"] else primaries,
        transfer=guess.transfer if open_fields["transfer"] else transfer,
        full_range=full_range,
        chroma_location=(location or (2 if codec in _CENTRED else 1)) if subsampled else 0,
        depth=depth,
        rgb_format=rgb_format(depth),
        white=rgb_white(depth, full_range=full_range),
        guessed=tuple(name for name, is_open in open_fields.items() if is_open),
        tags=tags,
    )


_UNKNOWN = frozenset({2, 3})
"""Unspecified and reserved in ITU-T H.273."""

_CENTRED = frozenset({"mjpeg", "mpeg1video", "theora"})
"""Codecs whose chroma samples sit in the middle unless tagged; those of others sit left."""


class _Guess:
    """Code points for missing tags."""

    def __init__(self, width: int, height: int, *, rgb: bool, wide: bool) -> None:
        if wide:
            self.matrix, self.primaries, self.transfer = 9, 9, 14
        elif rgb:
            self.matrix, self.primaries, self.transfer = 0, 1, 13
        elif width >= 1280 or height > 576:
            self.matrix, self.primaries, self.transfer = 1, 1, 1
        elif height in {288, 576}:  # PAL
            self.matrix, self.primaries, self.transfer = 5, 5, 6
        else:
            self.matrix, self.primaries, self.transfer = 6, 6, 6


def _check_layout(layout: av.VideoFormat) -> None:
    depth = max((part.bits for part in layout.components), default=0)
    if layout.is_bayer or layout.name.startswith("xyz") or not 1 <= depth <= 16:
        raise UnsupportedVideoError(
            f"The video stores its samples as '{layout.name}', which is not supported. Convert "
            "it to YUV or RGB of at most 16 bits with another program first.",
            pixel_format=layout.name,
        )


def chroma_location(frame: av.VideoFrame) -> int:
    """Return where the frame says its chroma samples are (AVChromaLocation), 0 where it does not.

    PyAV tells it from version 19 on. Before, the samples of the frame are replaced by noise to see
    to which position its conversion belongs; FFmpeg takes an unspecified one for centred (2).
    """
    known = getattr(frame, "chroma_location", None)
    if known is not None:
        return int(known)
    if not _subsampled(frame.format):
        return 0
    _fill_with_noise(frame)
    told = planes(
        frame.reformat(
            format="gbrp",
            src_colorspace=5,
            dst_colorspace=5,
            src_color_range=1,
            dst_color_range=2,
            interpolation=_INTERPOLATION,
        )
    )
    for location in (1, 3, 4, 5, 6):
        tried = _convert(
            frame, "gbrp", in_color_matrix="bt601", in_range="limited", in_chroma_loc=location
        )
        if np.array_equal(told, planes(tried)):
            return location
    return 0


def _fill_with_noise(frame: av.VideoFrame) -> None:
    frame.make_writable()
    depth = format_depth(frame.format.name)
    noise = np.random.default_rng(0)
    for plane in frame.planes:
        samples = np.frombuffer(cast(bytes, plane), np.uint8 if depth <= 8 else np.uint16)
        samples[:] = noise.integers(0, 1 << depth, len(samples))


def _subsampled(layout: av.VideoFormat) -> bool:
    return layout.chroma_width(64) < 64 or layout.chroma_height(64) < 64


def to_rgb(frame: av.VideoFrame, colour: Colour) -> Rgb:
    """Return the frame as planar RGB in ``colour.rgb_format``."""
    source = _name(colour.matrix)
    converted = _convert(
        frame,
        colour.rgb_format,
        in_color_matrix=source,
        out_color_matrix=source,
        in_range=_range(full=colour.full_range),
        out_range="full",
        in_chroma_loc=colour.chroma_location,
    )
    return planes(converted)


def to_grey(frame: av.VideoFrame, colour: Colour) -> NDArray[np.uint8]:
    """Return how light each pixel is, from 0 (black) to 255, shape (height, width)."""
    matrix = _name(colour.matrix)
    ranges = {"in_range": _range(full=colour.full_range), "out_range": "full"}
    grey = _convert(frame, "gray", in_color_matrix=matrix, out_color_matrix=matrix, **ranges)
    return _view(grey, 0, np.dtype(np.uint8)).astype(np.uint8)


def from_rgb(
    rgb: Rgb,
    source: Colour,
    pixel_format: str,
    matrix: int,
    full_range: bool,  # noqa: FBT001 - a property of the target like the others
    chroma_location: int,
) -> av.VideoFrame:
    """Return ``rgb``, laid out as ``source`` says, in the pixel format, matrix and range wanted.

    Primaries and transfer are not converted; the frame carries those of ``source``.
    """
    target = _name(matrix)
    frame = _convert(
        rgb_frame(rgb, source.rgb_format),
        pixel_format,
        in_color_matrix=target,
        out_color_matrix=target,
        in_range="full",
        out_range=_range(full=full_range),
        out_chroma_loc=chroma_location,
    )
    frame.color_primaries = source.primaries
    frame.color_trc = source.transfer
    return frame


def planes(frame: av.VideoFrame) -> Rgb:
    """Return a copy of the samples of a frame in a planar RGB format, shape (3, height, width)."""
    deep = format_depth(frame.format.name) > 8
    out = np.empty((3, frame.height, frame.width), np.uint16 if deep else np.uint8)
    for colour, plane in enumerate(_PLANES_OF_GBRP):
        out[colour] = _view(frame, plane, out.dtype)
    return cast(Rgb, out)


def rgb_frame(rgb: Rgb, pixel_format: str) -> av.VideoFrame:
    """Return a frame of a planar RGB format with these samples."""
    frame = av.VideoFrame(rgb.shape[2], rgb.shape[1], pixel_format)
    for colour, plane in enumerate(_PLANES_OF_GBRP):
        _view(frame, plane, rgb.dtype)[:] = rgb[colour]
    return frame


def resized(rgb: Rgb, pixel_format: str, width: int, height: int) -> Rgb:
    """Return a frame of a planar RGB format in another size, by a bicubic filter."""
    if rgb.shape[1:] == (height, width):
        return rgb
    frame = rgb_frame(rgb, pixel_format)
    return planes(frame.reformat(width=width, height=height, interpolation=_INTERPOLATION))


def _view(frame: av.VideoFrame, plane: int, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Return the samples of a plane without its padding, sharing memory with the frame."""
    part = frame.planes[plane]
    size = part.line_size // dtype.itemsize * part.height
    rows: NDArray[np.generic] = np.frombuffer(cast(bytes, part), dtype, count=size)
    return rows.reshape(part.height, -1)[:, : part.width]


def _name(matrix: int) -> str:
    check_matrix(matrix)
    return MATRICES.get(matrix, "bt709")


def _range(*, full: bool) -> str:
    return "full" if full else "limited"


def _convert(frame: av.VideoFrame, pixel_format: str, **options: str | int) -> av.VideoFrame:
    graph = Graph()
    graph.threads = 1
    buffer = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(1, 1000),
    )
    settings = ":".join(f"{key}={value}" for key, value in options.items())
    scale = graph.add("scale", f"flags={FLAGS}:{settings}")
    form = graph.add("format", f"pix_fmts={pixel_format}")
    graph.link_nodes(buffer, scale, form, graph.add("buffersink"))
    graph.configure()
    graph.vpush(frame)
    return graph.vpull()
