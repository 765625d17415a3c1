"""Upscale frames as a plan says."""

from __future__ import annotations

import numpy as np

from tsuzuki.errors import EngineError, ModelError
from tsuzuki.frame import Rgb
from tsuzuki.upscaling.catalogue import Network, find
from tsuzuki.upscaling.cover import Rect
from tsuzuki.upscaling.engine import Engine, Planes
from tsuzuki.upscaling.plan import Pass, UpscalePlan
from tsuzuki.upscaling.registry import ENGINES
from tsuzuki.upscaling.resample import bicubic_needs, bicubic_part, nearest
from tsuzuki.upscaling.tiling import Tiler


class AIProcessor:
    """Turns frames into frames of the output size.

    Raises `ModelError` where a network's files are not those of the plan, `DeviceError` or
    `EngineError` where the device fails. Not for use by several threads at once.
    """

    def __init__(self, plan: UpscalePlan, *, threads: int | None = None) -> None:
        self.plan = plan
        self._engines: dict[str, Engine] = {}
        self._tilers: list[Tiler] = []
        self._sizes: list[tuple[int, int]] = []
        """Height and width of each pass's input."""
        height, width = plan.height, plan.width
        try:
            for step in plan.passes:
                self._tilers.append(self._prepare(step, threads))
                self._sizes.append((height, width))
                scale = self._tilers[-1].network.scale
                height, width = height * scale, width * scale
        except BaseException:
            self.close()
            raise
        self._resize = (width, height, plan.out_width, plan.out_height)

    def process_frame(self, rgb: Rgb, white: int, number: int | None = None) -> Rgb:
        """Return the upscaled frame, of the same type and with the same ``white``.

        ``rgb`` has shape (3, height, width) and ``white`` is the value of full white; ``number`` of
        the frame is for messages only.
        """
        self._check(rgb, number)
        plan = self.plan
        if plan.resize == "nearest":
            return nearest(rgb, plan.out_width, plan.out_height)
        if not plan.passes and plan.resize == "none":
            return rgb.copy()
        return self._compute(rgb, white, Rect(0, 0, plan.out_height, plan.out_width), number)

    def process_parts(
        self, rgb: Rgb, white: int, parts: list[Rect], before: Rgb, number: int | None = None
    ) -> Rgb:
        """Return ``before``, an upscaled frame, with some parts computed anew from ``rgb``.

        ``parts`` are in input pixels.
        """
        self._check(rgb, number)
        out = before.copy()
        for part in parts:
            wanted = self._enlarged(part)
            out[:, wanted.rows, wanted.columns] = self._compute(rgb, white, wanted, number)
        return out

    def close(self) -> None:
        """Release the device. The processor cannot be used afterwards."""
        for engine in self._engines.values():
            engine.close()

    def _compute(self, rgb: Rgb, white: int, wanted: Rect, number: int | None) -> Rgb:
        """Return the part ``wanted`` of the upscaled frame."""
        plan = self.plan
        needed = bicubic_needs(wanted, self._resize) if plan.resize == "bicubic" else wanted
        parts: list[Rect] = []
        for tiler, step in zip(reversed(self._tilers), reversed(self._sizes), strict=True):
            parts.insert(0, tiler.part_for(needed))
            needed = parts[0].grown(tiler.network.reach, *step)
        values = rgb[:, needed.rows, needed.columns]
        planes: Planes = np.multiply(values, np.float32(1 / white), dtype=np.float32)
        at = needed
        for tiler, part in zip(self._tilers, parts, strict=True):
            np.clip(planes, 0.0, 1.0, out=planes)
            planes = tiler.run(planes, part.moved(-at.top, -at.left))
            at = part.times(tiler.network.scale)
        if plan.resize == "bicubic":
            planes = bicubic_part(planes, at, wanted, self._resize)
        else:
            inside = wanted.moved(-at.top, -at.left)
            planes = planes[:, inside.rows, inside.columns]
        return _quantised(planes, rgb, white, number)

    def _enlarged(self, part: Rect) -> Rect:
        """Return the output pixels that lie within a part of the input."""
        plan = self.plan
        return Rect(
            part.top * plan.out_height // plan.height,
            part.left * plan.out_width // plan.width,
            -(-part.bottom * plan.out_height // plan.height),
            -(-part.right * plan.out_width // plan.width),
        )

    def _prepare(self, step: Pass, threads: int | None) -> Tiler:
        network = find(step.network)
        if step.network not in self._engines:
            _verify(network, step)
            self._engines[step.network] = ENGINES[self.plan.engine](
                network, self.plan.device, options=self.plan.options, threads=threads
            )
        return Tiler(network, self._engines[step.network], step.tile)

    def _check(self, rgb: Rgb, number: int | None) -> None:
        expected = (3, self.plan.height, self.plan.width)
        if rgb.shape != expected or rgb.dtype not in (np.uint8, np.uint16):
            raise EngineError(
                f"{_named(number)} has shape {rgb.shape} of {rgb.dtype}; the plan is for {expected}"
                " of uint8 or uint16. The video changes its size midway: cut it there first.",
                frame=number,
            )


def _verify(network: Network, step: Pass) -> None:
    if network.digest() != step.digest:
        raise ModelError(
            f"The files of {network.name} are not those that this session began with. Install the "
            f"version of {network.package} that it began with, or accept the change.",
            model=network.name,
        )


def _quantised(planes: Planes, like: Rgb, white: int, number: int | None) -> Rgb:
    """Round to whole code values, halves upwards; raises `EngineError` where no number came out."""
    with np.errstate(invalid="ignore"):
        total = planes.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise EngineError(
            f"{_named(number)} came out of the network with values that are no numbers. The device "
            "or its driver is at fault: update the driver and resume, or begin a new session with "
            "--device cpu.",
            frame=number,
        )
    out = np.empty(planes.shape, dtype=like.dtype)
    for plane, target in zip(planes, out, strict=True):
        np.clip(plane, 0.0, 1.0, out=plane)
        np.multiply(plane, np.float32(white), out=plane)
        np.add(plane, np.float32(0.5), out=plane)
        target[:] = plane
    return out


def _named(number: int | None) -> str:
    return "A frame" if number is None else f"Frame {number}"
