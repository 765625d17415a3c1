"""Hold one video against another: what they hold, when it is shown, how like their frames are."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from fractions import Fraction
from statistics import fmean
from typing import Any

import msgspec
import numpy as np
from av.container import InputContainer
from av.stream import Stream
from numpy.typing import NDArray

from tsuzuki.frame import Rgb
from tsuzuki.sessions.frame_index import FrameIndex, showing
from tsuzuki.video.carry import kept_metadata
from tsuzuki.video.colour import format_depth, resized, rgb_frame
from tsuzuki.video.comparison import Comparison, Difference, FramePair
from tsuzuki.video.decode import FrameReader
from tsuzuki.video.facts import Framing, Probe
from tsuzuki.video.framing import apply
from tsuzuki.video.index import build_index
from tsuzuki.video.likeness import Likeness
from tsuzuki.video.probe import probe
from tsuzuki.video.source import codec_name, is_cover, open_source
from tsuzuki.video.stills import encode_png
from tsuzuki.video.vmaf import Vmaf, can_judge

WORST = 4
"""Frames that are named, and shown on the sheet."""
SHEET_WIDTH = 480
"""Of each of the three pictures in a row of the sheet, in pixels, at most."""
AMPLIFIED = 8
"""Factor by which the sheet shows differences."""


class _Compared(msgspec.Struct, frozen=True):
    number: int
    mse: float
    ssim: float
    pictures: tuple[Rgb, Rgb] | None


def compare(
    first: str, second: str, on_progress: Callable[[float], None], *, sheet: bool = False
) -> tuple[Comparison, bytes]:
    """Compare two videos; with ``sheet`` return a PNG of the least like frames, too.

    Where the sizes differ, the first one's frames are brought to the second one's size with
    FFmpeg's bicubic filter; where one has a tag for what is baked into the other, they are turned.
    Where one has more frames, each of the second is compared with what the first shows then.
    PSNR and SSIM are FFmpeg's, over red, green and blue; VMAF is there where FFmpeg has it. Raises
    what opening either video raises.
    """
    facts = _of_one_format(probe(first), probe(second))
    first_index, second_index = indexes = [build_index(one) for one in facts]
    begins, times = zip(*map(_times, indexes), strict=True)
    by_number = len(first_index) == len(second_index)
    paired = first_index if by_number else _shown_then(first_index, second_index)
    moments = [times[0][paired.in_video(number)] for number in range(len(paired))]
    count = len(paired)
    done: list[_Compared] = []
    worst: list[_Compared] = []
    colour, size = facts[1].colour, (facts[1].width, facts[1].height)
    with Vmaf(*size, colour) if can_judge(*size) else nullcontext() as judge:
        for pair in _compared(facts, [paired, second_index], count, judge, keep=sheet):
            worst = sorted([*worst, pair], key=lambda one: -one.mse)[:WORST]
            done.append(_Compared(pair.number, pair.mse, pair.ssim, None))
            on_progress((pair.number + 1) / count)
        vmaf = judge.finish() if judge is not None else []
    white = 255 << (format_depth(facts[0].colour.rgb_format) - 8)
    comparison = Comparison(
        frames=(len(first_index), len(second_index)),
        compared=count,
        paired_by="number" if by_number else "time",
        sizes=((facts[0].width, facts[0].height), (facts[1].width, facts[1].height)),
        shift=float(begins[1] - begins[0]),
        most_off=float(max(abs(a - b) for a, b in zip(moments, times[1], strict=False))),
        differences=tuple(_differences(*map(_contents, facts))),
        psnr=_psnr(fmean(one.mse for one in done), white),
        ssim=fmean(one.ssim for one in done),
        vmaf=fmean(vmaf) if vmaf else None,
        worst=tuple(
            FramePair(
                frame=paired.in_video(one.number) + 1,
                second_frame=one.number + 1,
                seconds=float(moments[one.number]),
                psnr=_psnr(one.mse, white),
                ssim=one.ssim,
                vmaf=vmaf[one.number] if vmaf else None,
            )
            for one in worst
        ),
    )
    return comparison, _sheet(worst, white) if sheet else b""


# --- frames ---------------------------------------------------------------------------------------


def _of_one_format(*facts: Probe) -> list[Probe]:
    """Have frames of both come in the format of the deeper one."""
    formats = [one.colour.rgb_format for one in facts]
    deepest = max(formats, key=format_depth)
    replace = msgspec.structs.replace
    return [replace(one, colour=replace(one.colour, rgb_format=deepest)) for one in facts]


def _times(index: FrameIndex) -> tuple[Fraction, list[Fraction]]:
    """Return when the first frame is shown, and how long after it each."""
    tick = Fraction(*index.time_base)
    return index.pts[0] * tick, [(pts - index.pts[0]) * tick for pts in index.pts]


def _shown_then(first: FrameIndex, second: FrameIndex) -> FrameIndex:
    """Return the index of what the first shows when each frame of the second begins.

    Containers round times to ticks, those of both and those of their beginnings, so a frame may
    begin some ticks later. What the second shows after the end of the first is left out.
    """
    (_, times), (_, moments) = _times(first), _times(second)
    ticks = Fraction(*first.time_base), Fraction(*second.time_base)
    rounded = 2 * max(ticks)
    end = (first.end - first.pts[0]) * ticks[0] - rounded
    shown = [
        bisect_right(times, moment + rounded) - 1
        for place, moment in enumerate(moments)
        if place == 0 or moment < end
    ]
    return showing(first, shown, second.pts[: len(shown)], second.time_base, second.end)


def _compared(
    facts: list[Probe], indexes: list[FrameIndex], count: int, judge: Vmaf | None, *, keep: bool
) -> Iterator[_Compared]:
    colour, size = facts[1].colour, (facts[1].width, facts[1].height)
    likeness = Likeness(*size, colour.rgb_format)
    turned = Framing(turn=(facts[0].rotation - facts[1].rotation) % 360)
    readers = [FrameReader(*one) for one in zip(facts, indexes, strict=True)]
    for one, other in zip(*(reader.frames(0, count) for reader in readers), strict=True):
        scaled = resized(apply(turned, one.rgb), colour.rgb_format, *size)
        if judge is not None:
            judge.add(scaled, other.rgb)
        yield _Compared(
            one.number,
            likeness.mse(scaled, other.rgb),
            likeness.ssim(scaled, other.rgb),
            (scaled, other.rgb) if keep else None,
        )


def _psnr(mse: float, white: int) -> float | None:
    return 10 * math.log10(white**2 / mse) if mse else None


def _sheet(worst: list[_Compared], white: int) -> bytes:
    """Return a PNG: in each row a frame of the first, of the second, and how they differ."""
    rows = []
    for one in sorted(worst, key=lambda pair: pair.number):
        assert one.pictures is not None
        first, second = (picture.astype(np.float32) * (255 / white) for picture in one.pictures)
        amplified = 128 + AMPLIFIED * (second - first)
        step = -(-first.shape[2] // SHEET_WIDTH)
        rows.append(np.concatenate([p[:, ::step, ::step] for p in (first, second, amplified)], 2))
    whole: NDArray[np.uint8] = np.clip(np.concatenate(rows, 1), 0, 255).round().astype(np.uint8)
    return encode_png(rgb_frame(whole, "gbrp").reformat(format="rgb24"))


# --- everything else ------------------------------------------------------------------------------


def _differences(first: dict[str, str], second: dict[str, str]) -> Iterator[Difference]:
    for what in {**first, **second}:
        values = [side.get(what, "none") for side in (first, second)]
        stream = what.removesuffix(_DATA)
        converted = what != stream and first.get(stream) != second.get(stream)
        if values[0] != values[1] and not converted:
            yield Difference(what=what, first=values[0], second=values[1])


_DATA = ", data"


def _contents(facts: Probe) -> dict[str, str]:
    """Return what a file holds beside its frames, under names for people."""
    colour = facts.colour
    found = {
        "shape of the pixels": "{}:{}".format(*facts.sample_aspect_ratio),
        "rotation": f"{facts.rotation}°" + (", mirrored" if facts.mirrored else ""),
        "bits": str(min(colour.depth, 10)),
        "matrix": str(colour.matrix),
        "primaries": str(colour.primaries),
        "transfer": str(colour.transfer),
        "range": "full" if colour.full_range else "limited",
        **{f"HDR, {name}": value for name, value in facts.hdr.items()},
    }
    with open_source(facts.path) as container:
        found |= _tags("tag", container.metadata)
        for number, chapter in enumerate(container.chapters(), 1):
            tick = chapter["time_base"] or Fraction(0)
            begin, end = (float(chapter[name] * tick) for name in ("start", "end"))
            title = chapter["metadata"].get("title", "")
            found[f"chapter {number}"] = f"{begin:.3f}-{end:.3f} s {title}".rstrip()
        found |= _streams(container, facts.stream)
    return found


def _streams(container: InputContainer, main: int) -> dict[str, str]:
    found: dict[str, str] = {}
    stream: Any
    names: dict[int, str] = {}
    digests = {stream.index: hashlib.sha256() for stream in container.streams}
    packets = dict.fromkeys(digests, 0)
    numbers: dict[str, int] = {}
    for stream in container.streams:
        name = "video"
        if stream.index != main:
            kind = "cover" if is_cover(stream) else stream.type
            numbers[kind] = numbers.get(kind, 0) + 1
            name = f"{kind} {numbers[kind]}"
            names[stream.index] = name
            found[name] = codec_name(stream) or stream.metadata.get("filename", "unknown")
        found |= _tags(name, stream.metadata) | _dispositions(name, stream)
        if stream.type == "attachment":
            digests[stream.index].update(stream.data or b"")
    for packet in container.demux():
        if packet.stream.index in names and packet.size:
            digests[packet.stream.index].update(bytes(packet))
            packets[packet.stream.index] += 1
    for index, name in names.items():
        count = f"{packets[index]} packets, " if packets[index] else ""
        found[name + _DATA] = f"{count}sha256 {digests[index].hexdigest()[:12]}"
    return found


def _tags(of: str, metadata: dict[str, str]) -> dict[str, str]:
    kept = {key.lower(): value for key, value in kept_metadata(metadata).items()}
    return {f"{of}, {key}": value for key, value in kept.items() if key not in _CONTAINERS_OWN}


_CONTAINERS_OWN = {"handler_name", "vendor_id", "creation_time"}
"""Tags that say how a file was written rather than what it holds."""


def _dispositions(of: str, stream: Stream) -> dict[str, str]:
    found = sorted(flag.name.lower() for flag in stream.disposition if flag.name)
    return {f"{of}, disposition": ", ".join(found)} if found else {}
