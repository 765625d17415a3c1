"""From two half pictures woven into each frame to whole pictures.

Interlaced video with FFmpeg's ``bwdif``; film that was brought to the rate of television by showing
every other frame a field longer (telecined, 3:2 pulldown) with ``fieldmatch``, which finds the
fields that belong together, and ``bwdif`` for what stays combed.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

import av
from av.filter import Graph

from tsuzuki.video.fields import Method, Order, Verdict

_BWDIF = "mode=send_frame:parity=auto"
_CHAINS: dict[Method, tuple[tuple[str, str], ...]] = {
    "marked": (("bwdif", f"{_BWDIF}:deint=interlaced"),),
    "all": (("bwdif", f"{_BWDIF}:deint=all"),),
    "tff": (("bwdif", "mode=send_frame:parity=tff:deint=all"),),
    "bff": (("bwdif", "mode=send_frame:parity=bff:deint=all"),),
    # Looking at every frame alone, it remembers nothing of those before.
    "ivtc": (
        ("fieldmatch", "mode=pc_n:combmatch=full"),
        ("bwdif", f"{_BWDIF}:deint=interlaced"),
    ),
}
RUN_UP: dict[Method, int] = {name: len(chain) for name, chain in _CHAINS.items()}
"""Frames before and after one that decide what becomes of it: one for each filter."""

_TICK = Fraction(1, 1000)


class Picture(NamedTuple):
    """One frame as decoded."""

    number: int
    picture: av.VideoFrame | None
    """None where nothing could be decoded yet."""
    failed: bool


def deinterlaced(pictures: Iterable[Picture], method: Method) -> Iterator[Picture]:
    """Yield as many pictures, made whole; the ``RUN_UP`` frames around one decide, and no others.

    The first and the last of the pictures have neighbours on one side only.
    """
    # A filter takes frames of one kind alone; one of another kind is no neighbour.
    for _, alike in groupby(pictures, key=lambda one: one.picture and _kind(one.picture)):
        yield from _filtered(alike, method)


def _kind(frame: av.VideoFrame) -> tuple[str, int, int]:
    return frame.format.name, frame.width, frame.height


def _filtered(pictures: Iterable[Picture], method: Method) -> Iterator[Picture]:
    graph: Graph | None = None
    inside: list[Picture] = []
    for one in pictures:
        if one.picture is None:
            yield one
            continue
        if graph is None:
            graph = _graph(one.picture, *_CHAINS[method])
        inside.append(one)
        one.picture.pts, one.picture.time_base = one.number, _TICK
        graph.vpush(one.picture)
        yield from _ready(graph, inside)
    if graph is not None:
        graph.vpush(None)
        yield from _ready(graph, inside)


def _ready(graph: Graph, inside: list[Picture]) -> Iterator[Picture]:
    while inside:
        try:
            frame = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        yield inside.pop(0)._replace(picture=frame)


def look_woven(frames: Iterable[av.VideoFrame]) -> Verdict:
    """Tell whether frames that do not say so look interlaced, by FFmpeg's ``idet``.

    Only if most of them do, and clearly more than do not: drawn lines may look like combs, too.
    """
    graph: Graph | None = None
    verdicts: Counter[str] = Counter()
    kind: tuple[str, int, int] | None = None
    for number, frame in enumerate(frames):
        if graph is None:
            graph, kind = _graph(frame, ("idet", "")), _kind(frame)
        if _kind(frame) != kind:
            break
        frame.pts, frame.time_base = number, _TICK
        graph.vpush(frame)
        with contextlib.suppress(BlockingIOError, EOFError):
            while True:
                judged = graph.vpull()
                verdicts[judged.metadata.get("lavfi.idet.multiple.current_frame", "")] += 1
    order: Order = "tff" if verdicts["tff"] >= verdicts["bff"] else "bff"
    if verdicts[order] > verdicts.total() / 2 and verdicts[order] > 4 * verdicts["progressive"]:
        return order
    return "whole" if verdicts["progressive"] > verdicts.total() / 2 else ""


def _graph(like: av.VideoFrame, *filters: tuple[str, str]) -> Graph:
    """Return a graph of these filters for frames like this one."""
    graph = Graph()
    graph.threads = 1
    buffer = graph.add_buffer(
        width=like.width, height=like.height, format=like.format, time_base=_TICK
    )
    graph.link_nodes(buffer, *(graph.add(*one) for one in filters), graph.add("buffersink"))
    graph.configure()
    return graph
