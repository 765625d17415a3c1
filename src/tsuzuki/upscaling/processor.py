"""Upscale frames as a plan says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from tsuzuki.errors import EngineError, ModelError
from tsuzuki.frame import Rgb
from tsuzuki.upscaling.catalogue import Network, find
from tsuzuki.upscaling.cover import Rect
from tsuzuki.upscaling.devices import usable_cores
from tsuzuki.upscaling.engine import Engine, Planes
from tsuzuki.upscaling.motion import STILL, Motion
from tsuzuki.upscaling.plan import Pass, UpscalePlan
from tsuzuki.upscaling.registry import ENGINES
from tsuzuki.upscaling.resample import bicubic_needs, bicubic_part, nearest
from tsuzuki.upscaling.tiling import Tiler, tiles_at_once

FRAMES_AT_ONCE = 2
"""While one frame is put together, the network has the next one."""


class Started:
    """A frame that is being computed: ``compute`` is called for each of its parts."""

    def __init__(
        self, parts: Iterable[Rect], compute: Callable[[Rect], Rgb], threads: Executor
    ) -> None:
        self.ended = 0.0
        """When the last of the parts was done (`time.perf_counter`); 0 before, or without any."""
        self._compute = compute
        self._parts = [(part, threads.submit(self._computed, part)) for part in parts]

    def finish(self, before: Callable[[], Rgb] | None = None, motion: Motion = STILL) -> Rgb:
        """Return the frame when it is done; raises what computing it raised.

        ``before`` gives the frame that parts are set into once it has moved by ``motion`` (in
        output pixels), or the frame itself where there are none; None where the only part is all
        of it.
        """
        parts, self._parts = self._parts, []  # once the frame has them, nobody else needs them
        if before is None:
            return parts[0][1].result()
        out = before()
        if parts:
            out = motion.of(out)
        for part, computed in parts:
            out[:, part.rows, part.columns] = computed.result()
        return out

    def _computed(self, part: Rect) -> Rgb:
        rgb = self._compute(part)
        self.ended = time.perf_counter()
        return rgb


class AIProcessor:
    """Turns frames into frames of the output size.

    Raises `ModelError` where a network's files are not those of the plan, `DeviceError` or
    `EngineError` where the device fails. Frames may be started before others are finished.
    """

    def __init__(
        self, plan: UpscalePlan, *, threads: int | None = None, models: Path | None = None
    ) -> None:
        """Load the networks; None takes all usable cores.

        Files in a folder of ``models``, whose name is a network's digest, go before the installed.
        """
        self.plan = plan
        self._whole = Rect(0, 0, plan.out_height, plan.out_width)
        self._tilers: list[Tiler] = []
        self._sizes: list[tuple[int, int]] = []
        """Height and width of each pass's input."""
        self._engines: dict[str, Engine] = {}
        networks = [_found(step, models) for step in plan.passes]
        cores = threads or usable_cores()
        tiles = 1
        if plan.device == "cpu" and networks:
            tiles = min(cores, *map(tiles_at_once, networks, (step.tile for step in plan.passes)))
        lanes, each = _shared(cores, tiles)
        self._lanes = ThreadPoolExecutor(lanes, "network")
        self._frames = ThreadPoolExecutor(FRAMES_AT_ONCE, "frame")
        height, width = plan.height, plan.width
        try:
            for network, step in zip(networks, plan.passes, strict=True):
                self._sizes.append((height, width))
                engine = self._load(network, step, each)
                self._tilers.append(Tiler(network, engine, step.tile, self._lanes))
                height, width = height * network.scale, width * network.scale
        except BaseException:
            self.close()
            raise
        self._resize = (width, height, plan.out_width, plan.out_height)

    def process_frame(self, rgb: Rgb, white: int, number: int | None = None) -> Rgb:
        """Return the upscaled frame, of the same type and with the same ``white``.

        ``rgb`` has shape (3, height, width) and ``white`` is the value of full white; ``number`` of
        the frame is for messages only.
        """
        return self.start(rgb, white, None, number).finish()

    def start(
        self, rgb: Rgb, white: int, parts: list[Rect] | None, number: int | None = None
    ) -> Started:
        """Begin to upscale a frame, or only some parts of it, in input pixels.

        ``rgb`` must not be written to any more.
        """
        self._check(rgb, number)
        wanted = [self._whole] if parts is None else map(self._enlarged, parts)
        return Started(wanted, lambda part: self._compute(rgb, white, part, number), self._frames)

    def close(self) -> None:
        """Release the device. The processor cannot be used afterwards."""
        for pool in (self._frames, self._lanes):
            pool.shutdown(cancel_futures=True)
        for engine in self._engines.values():
            engine.close()

    def _compute(self, rgb: Rgb, white: int, wanted: Rect, number: int | None) -> Rgb:
        """Return the part ``wanted`` of the upscaled frame."""
        plan = self.plan
        if plan.resize == "nearest":
            return self._lanes.submit(nearest, rgb, plan.out_width, plan.out_height).result()
        if not plan.passes and plan.resize == "none":
            return rgb.copy()
        needed = bicubic_needs(wanted, self._resize) if plan.resize == "bicubic" else wanted
        near = plan.reuse is not None and plan.reuse.near and wanted != self._whole
        parts: list[Rect] = []
        borders = [tiler.network.border(near=near) for tiler in self._tilers]
        backwards = zip(
            reversed(self._tilers), reversed(borders), reversed(self._sizes), strict=True
        )
        for tiler, border, size in backwards:
            parts.insert(0, tiler.part_for(needed))
            needed = parts[0].grown(border, *size)
        values = rgb[:, needed.rows, needed.columns]
        planes: Planes = np.multiply(values, np.float32(1 / white), dtype=np.float32)
        at = needed
        steps = list(zip(self._tilers, borders, parts, strict=True))
        last = None if plan.resize == "bicubic" else steps.pop()
        for tiler, border, part in steps:
            np.clip(planes, 0.0, 1.0, out=planes)
            planes = tiler.run(planes, part.moved(-at.top, -at.left), border)
            at = part.times(tiler.network.scale)
        out = np.empty((3, wanted.height, wanted.width), dtype=rgb.dtype)
        if last is None:
            _quantise(bicubic_part(planes, at, wanted, self._resize), out, white, number)
            return out
        # Tile by tile: numbers of 32 bits for all of a large frame would take much memory.
        tiler, border, part = last
        np.clip(planes, 0.0, 1.0, out=planes)
        enlarged = part.times(tiler.network.scale)
        for place, piece in tiler.pieces(planes, part.moved(-at.top, -at.left), border):
            beyond = place.moved(enlarged.top - wanted.top, enlarged.left - wanted.left)
            own = beyond.grown(0, wanted.height, wanted.width)
            inside = own.moved(-beyond.top, -beyond.left)
            target = out[:, own.rows, own.columns]
            _quantise(piece[:, inside.rows, inside.columns], target, white, number)
        return out

    def _enlarged(self, part: Rect) -> Rect:
        """Return the output pixels that lie within a part of the input."""
        plan = self.plan
        return Rect(
            part.top * plan.out_height // plan.height,
            part.left * plan.out_width // plan.width,
            -(-part.bottom * plan.out_height // plan.height),
            -(-part.right * plan.out_width // plan.width),
        )

    def _load(self, network: Network, step: Pass, threads: int) -> Engine:
        if step.network not in self._engines:
            _verify(network, step)
            self._engines[step.network] = ENGINES[self.plan.engine](
                network, self.plan.device, options=self.plan.options, threads=threads
            )
        return self._engines[step.network]

    def _check(self, rgb: Rgb, number: int | None) -> None:
        expected = (3, self.plan.height, self.plan.width)
        if rgb.shape != expected or rgb.dtype not in (np.uint8, np.uint16):
            raise EngineError(
                f"{_named(number)} has shape {rgb.shape} of {rgb.dtype}; the plan is for {expected}"
                " of uint8 or uint16. The video changes its size midway: cut it there first.",
                frame=number,
            )


def _found(step: Pass, models: Path | None) -> Network:
    network = find(step.network)
    if models is not None and (folder := models / step.digest).is_dir():
        return msgspec.structs.replace(network, elsewhere=folder)
    return network


def _shared(cores: int, tiles: int) -> tuple[int, int]:
    """Return how many tiles, of so many at most, are computed at once, and the cores of each.

    Fewer tiles may leave fewer cores idle.
    """
    each = -(-cores // tiles)
    return max((tiles, cores // tiles), (cores // each, each), key=math.prod)


def _verify(network: Network, step: Pass) -> None:
    if network.digest() != step.digest:
        raise ModelError(
            f"The files of {network.name} are not those that this session began with. Install the "
            f"version of {network.package} that it began with, or accept the change.",
            model=network.name,
        )


def _quantise(planes: Planes, out: Rgb, white: int, number: int | None) -> None:
    """Round to whole code values, halves upwards; ``planes`` are written to.

    Raises `EngineError` where no number came out.
    """
    with np.errstate(invalid="ignore"):
        total = planes.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise EngineError(
            f"{_named(number)} came out of the network with values that are no numbers. The device "
            "or its driver is at fault: update the driver and resume, or begin a new session with "
            "--device cpu.",
            frame=number,
        )
    for plane, target in zip(planes, out, strict=True):
        np.clip(plane, 0.0, 1.0, out=plane)
        np.multiply(plane, np.float32(white), out=plane)
        np.add(plane, np.float32(0.5), out=plane)
        target[:] = plane


def _named(number: int | None) -> str:
    return "A frame" if number is None else f"Frame {number}"
