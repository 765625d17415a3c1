"""Transparency: read from decoded frames, kept beside the colours, written where a codec has it.

The alpha of a frame is an array of shape (1, height, width); 0 is transparent, and the greatest
value of its bits is opaque. Colours are as stored, not multiplied by it.
"""

from __future__ import annotations

from typing import Any, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from tsuzuki.errors import SettingsError
from tsuzuki.frame import Rgb
from tsuzuki.settings import ProcessingSettings
from tsuzuki.video.colour import format_depth
from tsuzuki.video.facts import Probe

Alpha = NDArray[np.uint8] | NDArray[np.uint16]

_IN_SIDE_DATA = frozenset({"vp8", "vp9"})
"""Codecs whose transparency is a stream beside the picture, which only libvpx decodes."""
_PRORES_PRESETS = (None, "4444", "4444xq")
_CHOICES = (
    "ffv1 (in mkv), prores with its preset 4444 (in mov), vp9 (in webm) and pictures (-o "
    "out/%06d.png) keep it; --alpha drop shows the video on black instead"
)


def has_alpha(pixel_format: str) -> bool:
    """Tell whether a pixel format has transparency."""
    return any(part.is_alpha for part in av.VideoFormat(pixel_format).components)


def alpha_of(frame: av.VideoFrame) -> Alpha:
    """Return the alpha of a frame, opaque where its pixel format has none.

    A sequence of pictures may have both kinds.
    """
    name = frame.format.name
    depth = format_depth(name)
    if not has_alpha(name) and not frame.format.has_palette:
        return _opaque(frame, depth)
    if len(frame.planes) < 4:  # packed, with a palette, or grey
        deep = depth > 8
        frame = frame.reformat(format="rgba64le" if deep else "rgba")
        return np.ascontiguousarray(_packed(frame, 0)[None, :, :, 3])
    return _plane(frame, 3, _type(depth))[None].copy()


def over_black(rgb: Rgb, alpha: Alpha, depth: int) -> Rgb:
    """Return what one sees of a frame before black; ``depth`` is that of its alpha."""
    full = (1 << depth) - 1
    seen = (rgb.astype(np.uint64) * alpha + full // 2) // full
    return cast(Rgb, seen.astype(rgb.dtype))


def set_alpha(frame: av.VideoFrame, alpha: Alpha | None, depth: int) -> None:
    """Write the alpha of a frame, rounded to the bits that the frame has; None is opaque."""
    own = format_depth(frame.format.name)
    if alpha is None:
        alpha, depth = _opaque(frame, own), own
    full, greatest = (1 << depth) - 1, (1 << own) - 1
    values = (alpha[0].astype(np.uint32) * greatest + full // 2) // full
    if len(frame.planes) == 4:
        _plane(frame, 3, _type(own))[:] = values
    else:
        _packed(frame, 0)[:, :, 3] = values


def alpha_format(settings: ProcessingSettings, probe: Probe) -> str | None:
    """Return the pixel format that keeps the transparency; None where there is nothing to keep.

    Raises `SettingsError` where the encoder, or the pixel format asked for, would lose it.
    """
    if not probe.alpha or settings.alpha == "drop":
        return None
    source = av.VideoFormat(probe.pixel_format)
    suffix = "10le" if format_depth(probe.pixel_format) > 8 else ""
    rgb = source.is_rgb or source.has_palette
    across, down = 8 // source.chroma_width(8), 8 // source.chroma_height(8)
    layout = {(1, 1): "444", (2, 1): "422"}.get((across, down), "420")
    found = {
        "png": "rgba64be" if suffix else "rgba",
        "ffv1": ("gbrap10le" if suffix else "bgra") if rgb else f"yuva{layout}p{suffix}",
        "prores": "yuva444p10le" if settings.preset in _PRORES_PRESETS else None,
        "vp9": "yuva420p" if settings.container not in {"mp4", "mov"} else None,
    }.get(settings.encoder)
    wanted = settings.pixel_format
    if found is None or (wanted is not None and not has_alpha(wanted)):
        made = [settings.encoder, wanted or settings.preset or "", settings.container]
        encoding = " ".join(one for one in made if one not in {"", "auto", "png"})
        raise SettingsError(
            f"The video has transparency, which {encoding} does not keep: {_CHOICES}.",
            setting="alpha",
        )
    return wanted or found


def alpha_decoder(stream: Any) -> VideoCodecContext | None:
    """Return a fresh decoder that gives the transparency; None where the usual one does."""
    usual = stream.codec_context
    told = {key.lower(): value for key, value in stream.metadata.items()}
    if (
        usual is None
        or told.get("alpha_mode") != "1"
        or usual.codec.canonical_name not in _IN_SIDE_DATA
    ):
        return None
    decoder: Any = av.CodecContext.create(f"libvpx{'-vp9' * (usual.name == 'vp9')}", "r")
    decoder.extradata = usual.extradata
    decoder.thread_type, decoder.thread_count = "NONE", 1
    decoder.flags |= av.codec.context.Flags.bitexact
    decoder.copy_opaque = True
    return cast(VideoCodecContext, decoder)


def _opaque(frame: av.VideoFrame, depth: int) -> Alpha:
    shape = (1, frame.height, frame.width)
    return cast(Alpha, np.full(shape, (1 << depth) - 1, _type(depth)))


def _type(depth: int) -> type[np.uint8 | np.uint16]:
    return np.uint16 if depth > 8 else np.uint8


def _plane(frame: av.VideoFrame, plane: int, dtype: Any) -> NDArray[Any]:
    part = frame.planes[plane]
    rows = np.frombuffer(cast(bytes, part), dtype, part.line_size // dtype().itemsize * part.height)
    return rows.reshape(part.height, -1)[:, : part.width]


def _packed(frame: av.VideoFrame, plane: int) -> NDArray[Any]:
    """Return the four samples of every pixel, sharing memory with the frame."""
    part = frame.planes[plane]
    name = frame.format.name
    kind = {"rgba64be": ">u2", "rgba64le": "<u2"}.get(name, "u1")
    row = part.line_size // np.dtype(kind).itemsize
    rows = np.frombuffer(cast(bytes, part), kind, row * frame.height).reshape(frame.height, row)
    return rows[:, : 4 * frame.width].reshape(frame.height, frame.width, 4)
