"""What the worker does before rendering: resolve the plan, build the index."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from tsuzuki.pipeline.messages import MakePlan
from tsuzuki.pipeline.plan import Plan, longest_segment
from tsuzuki.upscale import cpu_features, plan_upscaling
from tsuzuki.video import probe as probing
from tsuzuki.video.containers import check_streams, container_of
from tsuzuki.video.encode import output_pixel_format, output_size, plan_encoding
from tsuzuki.video.facts import FrameIndex
from tsuzuki.video.index import build_index as index_frames


def make_plan(request: MakePlan) -> Plan:
    """Probe the video and resolve every setting; raises what makes the job impossible."""
    probe = probing.probe(request.path)
    settings = request.settings
    width, height = output_size(
        probe.width, probe.height, settings.scale_factor, output_pixel_format(settings, probe)
    )
    upscaling = plan_upscaling(settings, probe.width, probe.height, width, height)
    encoding = plan_encoding(settings, probe, width, height)
    if request.output is not None and container_of(Path(request.output)) != encoding.container:
        wanted = container_of(Path(request.output))
        settings = msgspec.structs.replace(settings, container=wanted)
        encoding = plan_encoding(settings, probe, width, height)
    notes = check_streams(encoding.container, probe, encoding)
    sample = 1 if probe.colour.white < 256 else 2
    return Plan(
        settings=settings,
        probe=probe,
        video_info=probing.video_info(probe),
        upscaling=upscaling,
        encoding=encoding,
        segment_frames=longest_segment(settings, 3 * width * height * sample),
        versions={"tsuzuki": version("tsuzuki")},
        cpu=f"{platform.machine()} {cpu_features()}",
        notes=(*probe.warnings, *upscaling.notes, *(note.message for note in notes)),
    )


def build_index(plan: Plan, on_progress: Callable[[float], None]) -> FrameIndex:
    """Index the frames of the range that the settings ask for."""
    settings = plan.settings
    return index_frames(
        plan.probe, start=settings.range_start, end=settings.range_end, on_progress=on_progress
    )
