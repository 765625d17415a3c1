"""From two half pictures woven into each frame to whole pictures, with FFmpeg's ``bwdif``."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
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
    graph: Graph | None = None
    inside: list[Picture] = []
    for one in pictures:
        if one.picture is None:
            yield one
            continue
        if graph is None:
            graph = _graph(one.picture, unmarked=unmarked)
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
    for number, frame in enumerate(frames):
        if graph is None:
            graph = Graph()
            graph.threads = 1
            buffer = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=_TICK
            )
            graph.link_nodes(buffer, graph.add("idet"), graph.add("buffersink"))
            graph.configure()
        frame.pts, frame.time_base = number, _TICK
        graph.vpush(frame)
        with contextlib.suppress(BlockingIOError, EOFError):
            while True:
                judged = graph.vpull()
                verdicts[judged.metadata.get("lavfi.idet.multiple.current_frame", "")] += 1
    woven = max(verdicts["tff"], verdicts["bff"])
    return woven > verdicts.total() / 2 and woven > 4 * verdicts["progressive"]


def _graph(like: av.VideoFrame, *, unmarked: bool) -> Graph:
    graph = Graph()
    graph.threads = 1
    buffer = graph.add_buffer(
        width=like.width, height=like.height, format=like.format, time_base=_TICK
    )
    which = "all" if unmarked else "interlaced"
    bwdif = graph.add("bwdif", f"mode=send_frame:parity=auto:deint={which}")
    graph.link_nodes(buffer, bwdif, graph.add("buffersink"))
    graph.configure()
    return graph
