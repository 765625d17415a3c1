"""From two half pictures woven into each frame to whole pictures, with FFmpeg's ``bwdif``."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

import av
from av.filter import Graph

RUN_UP = 1
"""Frames before and after one that decide what becomes of it."""

_TICK = Fraction(1, 1000)


class Picture(NamedTuple):
    """One frame as decoded."""

    number: int
    picture: av.VideoFrame | None
    """None where nothing could be decoded yet."""
    failed: bool


def deinterlaced(pictures: Iterable[Picture], *, unmarked: bool) -> Iterator[Picture]:
    """Yield as many pictures, deinterlaced; the frames around one decide, and no others.

    Only those that say that they are interlaced, unless ``unmarked`` ones are meant, too. The first
    and the last of the pictures have a neighbour on one side only.
    """
    # A filter takes frames of one kind alone; one of another kind is no neighbour.
    for _, alike in groupby(pictures, key=lambda one: one.picture and _kind(one.picture)):
        yield from _filtered(alike, unmarked=unmarked)


def _kind(frame: av.VideoFrame) -> tuple[str, int, int]:
    return frame.format.name, frame.width, frame.height


def _filtered(pictures: Iterable[Picture], *, unmarked: bool) -> Iterator[Picture]:
    graph: Graph | None = None
    inside: list[Picture] = []
    for one in pictures:
        if one.picture is None:
            yield one
            continue
        if graph is None:
            which = "all" if unmarked else "interlaced"
            graph = _graph(one.picture, "bwdif", f"mode=send_frame:parity=auto:deint={which}")
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


def look_woven(frames: Iterable[av.VideoFrame]) -> bool:
    """Tell whether frames that do not say so look interlaced, by FFmpeg's ``idet``.

    Only if most of them do, and clearly more than do not: drawn lines may look like combs, too.
    """
    graph: Graph | None = None
    verdicts: Counter[str] = Counter()
    kind: tuple[str, int, int] | None = None
    for number, frame in enumerate(frames):
        if graph is None:
            graph, kind = _graph(frame, "idet"), _kind(frame)
        if _kind(frame) != kind:
            break
        frame.pts, frame.time_base = number, _TICK
        graph.vpush(frame)
        with contextlib.suppress(BlockingIOError, EOFError):
            while True:
                judged = graph.vpull()
                verdicts[judged.metadata.get("lavfi.idet.multiple.current_frame", "")] += 1
    woven = max(verdicts["tff"], verdicts["bff"])
    return woven > verdicts.total() / 2 and woven > 4 * verdicts["progressive"]


def _graph(like: av.VideoFrame, name: str, options: str = "") -> Graph:
    """Return a graph of one filter for frames like this one."""
    graph = Graph()
    graph.threads = 1
    buffer = graph.add_buffer(
        width=like.width, height=like.height, format=like.format, time_base=_TICK
    )
    graph.link_nodes(buffer, graph.add(name, options), graph.add("buffersink"))
    graph.configure()
    return graph
